// Each system call of appending, rolling, flushing and closing goes wrong once. What can be read afterwards is what the
// log said it took; what was acknowledged as durable is there after the next open.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Write faults")
struct WriteFaultTests {
    /// How a run of the script went.
    private struct Run {
        var model: [Entry] = []
        var durable = Offset.zero
        var errors: [StorageError] = []
        var hasRefusedOpen: FileError?
    }

    /// Opens, appends over several segments, flushes now and then, reads, and closes; goes on after errors.
    private func run(_ stage: LogStage, on disk: FaultyFileSystem) throws -> Run {
        var run = Run()
        let log: PartitionLog
        do throws(FileError) {
            log = try stage.open(on: disk).log
        } catch {
            run.hasRefusedOpen = error
            return run
        }
        for step in 0..<12 {
            let batch = try Batch.make(2, of: 40 + step, mark: UInt8(step))
            stage.clock.advance(by: .milliseconds(1))
            let wasPoisoned = log.poison != nil
            do throws(StorageError) {
                let result = try log.append(batch, now: stage.clock.now())
                #expect(!wasPoisoned, "a poisoned log takes nothing")
                run.model += (try? result.entries(of: batch)) ?? []
            } catch {
                run.errors.append(error)
            }
            #expect(log.logEndOffset == run.model.last?.offsets.upperBound ?? .zero)
            #expect(log.size == log.segments.reduce(0) { $0 + $1.size.rawValue })
            if step % 3 == 2 {
                do throws(StorageError) {
                    run.durable = try log.flush()
                    #expect(!wasPoisoned && log.poison == nil)
                } catch {
                    run.errors.append(error)
                    #expect(log.poison != nil, "a flush that failed is never tried again")
                }
            }
        }
        // Reads go on, whatever happened; a read that the disk refuses once is answered the second time.
        let seen = try (try? log.content(maximumBytes: [100])) ?? log.content()
        #expect(seen == run.model)
        do throws(StorageError) { try log.close() } catch { run.errors.append(error) }
        return run
    }

    private func check(_ run: Run, _ stage: LogStage, _ place: Comment) throws {
        let (log, report) = try stage.open(.durable(run.durable))
        let seen = try log.content()
        #expect(seen.gaps.isEmpty && report.damage.isEmpty && report.missing.isEmpty, place)
        #expect(seen.contents == run.model.prefix(seen.count).contents, place)
        #expect(log.logEndOffset >= run.durable, place)
        if run.errors.isEmpty { #expect(seen.contents == run.model.contents, place) }
        log.leaderEpoch = LeaderEpoch(rawValue: 1)
        let more = try log.fill(2, clock: stage.clock)
        #expect(try stage.open(.killed).log.content().contents == seen.contents + more.contents, place)
    }

    private func stage() throws -> LogStage {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(500)
        stage.poolLimit = 2
        return stage
    }

    @Test(
        "C26 C34 every call of append, roll, flush and close refused once: read-back equals the model",
        arguments: [
            Fault.Effect.fail(.ioError), .fail(.noSpace), .fail(.ioError, after: 30), .fail(.noSpace, after: 1),
        ])
    func refused(effect: Fault.Effect) throws {
        var number = 0
        while true {
            let stage = try stage()
            let disk = FaultyFileSystem(faults: [Fault(effect, calls: number..<number + 1)])
            let run = try run(stage, on: disk)
            guard let struck = disk.trace.first(where: { $0.outcome != .done }) else { break }
            if run.hasRefusedOpen == nil {
                try check(run, stage, "\(effect) at \(number): \(struck.kind) \(struck.path)")
            }
            number += 1
        }
        #expect(number > 60, "the script makes many calls")
    }

    @Test(
        "C26 interruptions and short counts at any call are gone through as if nothing had been",
        arguments: [Fault.Effect.fail(.interrupted), .short(1), .short(50)])
    func gone(effect: Fault.Effect) throws {
        let kinds = Set(FileCallKind.allCases).subtracting([.close])
        var number = 0
        while true {
            let stage = try stage()
            let disk = FaultyFileSystem(faults: [Fault(effect, kinds, calls: number..<number + 2)])
            let run = try run(stage, on: disk)
            guard let struck = disk.trace.first(where: { $0.outcome != .done }) else { break }
            #expect(run.errors.isEmpty && run.hasRefusedOpen == nil, "\(effect) at \(number): \(struck.kind)")
            #expect(run.durable == run.model.last?.offsets.upperBound)
            if number % 5 == 0 { try check(run, stage, "\(effect) at \(number): \(struck.kind)") }
            number += 1
        }
    }

    @Test("C26 a machine that goes away at any call, in the midst of a write too, loses nothing durable")
    func crash() throws {
        for torn in [0, 1, 80] {
            var number = 0
            while true {
                let stage = try stage()
                let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: torn))
                let run = try run(stage, on: disk, crashed: true)
                guard disk.trace.contains(where: { $0.outcome != .done }) else { break }
                try check(run, stage, "crash at \(number), \(torn) bytes torn")
                number += 1
            }
        }
    }

    /// As `run`, but stops at the first error and reads nothing: the machine is gone.
    private func run(_ stage: LogStage, on disk: FaultyFileSystem, crashed: Bool) throws -> Run {
        var run = Run()
        do {
            let log = try stage.open(on: disk).log
            for step in 0..<12 {
                let batch = try Batch.make(2, of: 40 + step, mark: UInt8(step))
                stage.clock.advance(by: .milliseconds(1))
                // Appended or not: a crash may leave the whole batch on disk all the same.
                let offset = log.logEndOffset
                run.model += try AppendResult.planned(batch, at: offset, stage.clock.now())
                _ = try log.append(batch, now: stage.clock.now())
                if step % 3 == 2 { run.durable = try log.flush() }
            }
            try log.close()
        } catch let error as StorageError {
            run.errors.append(error)
        } catch let error as FileError {
            run.errors.append(.file(error))
        }
        return run
    }

    @Test("C26 C34 a file that cannot be created on a full disk refuses the append and poisons nothing")
    func fullDisk() throws {
        let stage = try stage()
        let disk = FaultyFileSystem()
        let log = try stage.open(on: disk).log
        disk.inject(Fault(.fail(.noSpace), [.open], calls: 0..<3) { $0.extension == "log" })
        for _ in 0..<3 {
            #expect(throws: StorageError.self) { try log.fill(1, clock: stage.clock) }
            #expect(log.poison == nil)
        }
        let model = try log.fill(3, clock: stage.clock)
        #expect(model[0].offsets.lowerBound == .zero)
        #expect(try log.content() == model)
    }

    @Test(
        "C26 a half-written batch that cannot be taken back poisons: appends are refused, reads go on, reopening heals")
    func unremovable() throws {
        let stage = try stage()
        let disk = FaultyFileSystem()
        let log = try stage.open(on: disk).log
        let model = try log.fill(2, clock: stage.clock)
        disk.inject([Fault(.fail(.noSpace, after: 40), [.write]), Fault(.fail(.ioError), [.truncate])])
        #expect(throws: StorageError.self) { try log.fill(1, clock: stage.clock) }
        #expect(log.poison?.operation == .truncate)
        #expect(throws: StorageError.self) { try log.fill(1, clock: stage.clock) }
        #expect(throws: StorageError.self) { try log.flush() }
        #expect(try log.content() == model)
        let (again, report) = try stage.open(.durable(log.recoveryPoint), epoch: 1)
        #expect(report.tornTail?.byteCount == 40)
        #expect(try again.content().contents == model.contents)
        let more = try again.fill(1, clock: stage.clock)
        #expect(try again.content().contents == (model + more).contents)
    }

    @Test("C31 no descriptors left in the process, at any open: nothing is lost and nothing poisoned")
    func descriptors() throws {
        var number = 0
        while true {
            let stage = try stage()
            let disk = FaultyFileSystem(faults: [
                Fault(.fail(.tooManyOpenFiles), [.open, .flushDirectory, .entries], calls: number..<number + 1)
            ])
            let run = try run(stage, on: disk)
            guard disk.trace.contains(where: { $0.outcome != .done }) else { break }
            #expect(run.errors.isEmpty && run.hasRefusedOpen == nil, "open \(number)")
            #expect(run.durable == run.model.last?.offsets.upperBound)
            number += 1
        }
        #expect(number > 10)
    }

    @Test("a batch larger than allowed is refused and leaves no trace")
    func tooLarge() throws {
        var stage = try stage()
        stage.configuration.maximumBatchBytes = .bytes(200)
        let log = try stage.open().log
        #expect(throws: StorageError.self) {
            try log.append(try Batch.make(1, of: 200, mark: 1), now: stage.clock.now())
        }
        #expect(log.logEndOffset == .zero && !log.needsFlush)
        #expect(try log.fill(1, clock: stage.clock).count == 2)
    }
}

extension AppendResult {
    /// What a reader would see of a batch if it were appended at `offset`.
    static func planned(_ batch: EncodedBatch, at offset: Offset, _ time: Timestamp) throws -> [Entry] {
        batch.stamp(baseOffset: offset, leaderEpoch: .zero)
        var entries: [Entry] = []
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) { record in
                entries.append(
                    .record(
                        record.offset, value: record.record().value ?? [], timestamp: record.timestamp.rawValue,
                        appendTime: time.rawValue))
            }
        }
        return entries
    }
}
