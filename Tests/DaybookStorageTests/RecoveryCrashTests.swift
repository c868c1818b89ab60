// The machine goes away during recovery, at each of its calls, and again during the recovery that follows, three deep.
// Whatever happened on the way, the last recovery comes to the same log, and the cut bytes are in quarantine.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Crash during recovery")
struct RecoveryCrashTests {
    let stage: LogStage
    let files: [String: [UInt8]]
    let expected: [Entry]
    let tail: [UInt8]
    let durable: Offset

    /// Damage in the middle, a lost sidecar, a torn tail.
    init() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(250)
        let log = try stage.open().log
        let model = try log.fill(5, size: 20, clock: stage.clock)
        durable = log.recoveryPoint
        let more = try log.fill(1, size: 20, flush: false, clock: stage.clock)
        try log.close()
        #expect(log.segments.count == 3)
        tail = [UInt8](repeating: 0xAB, count: 150)
        try Disk.append(tail, to: log.activeSegment.file.path)
        try Disk.remove(stage.sidecar(0))
        var middle = try Disk.read(log.segments[1].file.path)
        middle[70] ^= 2
        try Disk.write(middle, to: log.segments[1].file.path)
        try Disk.remove(stage.sidecar(log.segments[1].baseOffset.rawValue))
        let base = log.segments[1].baseOffset
        expected = (model + more).without([base..<base.advanced(by: 2)])
        files = try stage.snapshot()
        self.stage = stage
    }

    /// Opens on a disk that goes away at a call, tearing a write after `torn` bytes; false when recovery ended before it.
    private func crash(at number: Int, torn: Int) throws -> Bool {
        let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: torn))
        do throws(FileError) {
            let log = try stage.open(.durable(durable), on: disk).log
            // The flush that makes what was found durable belongs to recovery, too.
            do throws(StorageError) { try log.flush() } catch {}
        } catch {}
        return disk.trace.contains { $0.outcome != .done }
    }

    private func check(_ place: Comment) throws {
        let (log, report) = try stage.open(.durable(durable), epoch: 1)
        #expect(try log.content().contents == expected.contents, place)
        #expect(report.missing.isEmpty, place)
        let kept = try stage.quarantined()
        #expect(kept.filter { $0.manifest.contains("torn tail") }.map(\.bytes) == [tail], place)
        #expect(kept.contains { $0.manifest.contains("corruption") }, place)
        let more = try log.fill(1, clock: stage.clock)
        #expect(
            try stage.open(.durable(log.recoveryPoint)).log.content().contents == expected.contents + more.contents,
            place)
    }

    @Test("C9 one crash, at every call and with every kind of torn write")
    func once() throws {
        for torn in [0, 75] {
            var first = 0
            while true {
                try stage.restore(files)
                guard try crash(at: first, torn: torn) else { break }
                try check("crash at \(first), torn \(torn)")
                first += 1
            }
            #expect(first > 30)
        }
    }

    @Test("C9 a crash at every call, again at every call of the next recovery, and once more in the third")
    func threeDeep() throws {
        var random = SeededGenerator(seed: 9)
        var first = 0
        while true {
            try stage.restore(files)
            guard try crash(at: first, torn: first % 2 * 60) else { break }
            let afterOne = try stage.snapshot()
            var second = 0
            while true {
                try stage.restore(afterOne)
                guard try crash(at: second, torn: 0) else { break }
                let third = Int.random(in: 0..<40, using: &random)
                _ = try crash(at: third, torn: 10)
                try check("crashes at \(first), \(second), \(third)")
                // A random part of the calls, another one in every round.
                second += 1 + Int.random(in: 0...16, using: &random)
            }
            first += 1
        }
    }

    @Test("C26 C9 each call of recovery refused once: it fails and can be repeated, or goes on without")
    func refused() throws {
        for errno in [Errno.ioError, .noSpace, .interrupted] {
            var number = 0
            while true {
                try stage.restore(files)
                let disk = FaultyFileSystem(faults: [Fault(.fail(errno), calls: number..<number + 1)])
                let found: FileError?
                do throws(FileError) {
                    _ = try stage.open(.durable(durable), on: disk)
                    found = nil
                } catch {
                    found = error
                }
                guard let struck = disk.trace.first(where: { $0.outcome != .done }) else { break }
                if errno == .interrupted, struck.kind != .close { #expect(found == nil, "\(struck.kind)") }
                try check("\(errno) at \(number): \(struck.kind) \(struck.path)")
                number += 1
            }
        }
    }
}
