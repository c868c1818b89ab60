// Random operations on a log and on an array, compared after every step: appends of all sizes and codecs with wild
// timestamps, rolls, flushes, clocks that jump, reopening, reads and time lookups. A seed names each history.

import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Log against an array")
struct ModelTests {
    /// A log and the array it should equal.
    private struct History {
        var stage: LogStage
        let disk = FaultyFileSystem()
        var log: PartitionLog
        var model: [Entry] = []
        var durable = Offset.zero
        var epoch: Int32 = 0
        var random: SeededGenerator

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            stage = try LogStage()
            stage.configuration.segmentBytes = .bytes([300, 1500, 6000][Int(seed % 3)])
            stage.configuration.segmentMilliseconds = seed % 2 == 0 ? 5000 : .max
            stage.configuration.indexIntervalBytes = .bytes([0, 100, 700, 100_000][Int(seed % 4)])
            stage.configuration.timestampType = seed % 5 == 4 ? .append : .create
            stage.poolLimit = Int(1 + seed % 4)
            disk.isTracing = false
            log = try stage.open(on: disk).log
        }

        var end: Offset { model.last?.offsets.upperBound ?? .zero }

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func timestamp() -> Int64 {
            switch number(0...9) {
            case 0: [Int64.min, .max, -1, 0, 1 << 53].randomElement(using: &random) ?? 0
            case 1: Int64.random(in: .min ... .max, using: &random)
            default: Int64(number(0...200))
            }
        }

        mutating func append() throws {
            var builder = RecordBatchBuilder(
                targetSize: 1 << 20,
                options: .init(compression: [.none, .lz4(), .zstd()].randomElement(using: &random) ?? .none))
            for _ in 0..<number(1...8) {
                let size = number(0...20) == 0 ? number(0...3000) : number(0...60)
                let value = number(0...1) == 0 ? random.bytes(size) : [UInt8](repeating: 7, count: size)
                let timestamp = Timestamp(milliseconds: timestamp())
                let isAdded = value.withUnsafeBytes {
                    builder.append(key: nil, value: $0, headers: [], timestamp: timestamp)
                }
                // So far from the first record's timestamp that it needs a batch of its own.
                if !isAdded { break }
            }
            let batch = try builder.seal(using: Compressor())
            let before = model.last?.appendTime ?? .min
            let result = try log.append(batch, now: stage.clock.now())
            #expect(result.baseOffset == end)
            #expect(
                result.appendTime.rawValue == max(before, stage.clock.now().rawValue), "C49 append times never fall")
            model += try result.entries(of: batch)
        }

        mutating func flush() throws {
            try log.flush()
            durable = end
            #expect(log.recoveryPoint == durable && !log.needsFlush)
        }

        /// Closes the log properly, or leaves it as a killed process or a restarted machine does; all bytes are there.
        mutating func reopen() throws {
            var before = LogStage.Before.clean
            if number(0...2) == 0 {
                try flush()
                try log.close()
            } else {
                before = number(0...1) == 0 ? .killed : .unknown
                if number(0...1) == 0 { before.recoveryPoint = durable }
                if number(0...3) == 0 { try stage.removeSidecars() }
                epoch += 1
            }
            let report: PartitionRecovery
            (log, report) = try stage.open(before, on: disk, epoch: epoch)
            #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil)
            #expect(log.logEndOffset == end)
            #expect(log.recoveryPoint <= end)
            if before.wasClosedCleanly { return }
            // Times that no sidecar knew are estimates now; they still do not fall.
            let seen = try log.content()
            #expect(seen.contents == model.contents)
            #expect(seen.hasRisingTimes)
            model = seen
            durable = log.recoveryPoint
        }

        mutating func read() throws {
            let limit = number(0...1) == 0 ? log.recoveryPoint : end
            let start = Int.random(in: 0...model.count, using: &random)
            let from = start < model.count ? model[start].offsets.lowerBound : end
            guard from <= limit else {
                #expect(throws: StorageError.self) { try log.read(from: from, limit: limit) }
                return
            }
            let sizes = (0..<3).map { _ in [1, 50, 500, 5000, 1 << 20].randomElement(using: &random) ?? 1 }
            let seen = try log.content(from: from, below: limit, maximumBytes: sizes)
            #expect(seen == model.filter { $0.offsets.lowerBound >= from && $0.offsets.lowerBound < limit })
        }

        mutating func lookUpTime() throws {
            let limit = number(0...1) == 0 ? log.recoveryPoint : end
            let visible = model.filter { $0.offsets.lowerBound < limit }
            let wanted = timestamp()
            let found = try log.offset(forTimestamp: Timestamp(milliseconds: wanted), limit: limit)
            let expected = visible.first { entry in
                if case .record(_, _, let timestamp, _) = entry { timestamp >= wanted } else { false }
            }
            #expect(found == expected?.offsets.lowerBound, "C50 first record at or after \(wanted)")
            let arrival = (model.randomElement(using: &random)?.appendTime ?? 0) + Int64(number(-1...1))
            let place = try log.offset(appendedAtOrAfter: Timestamp(milliseconds: arrival), limit: limit)
            #expect(
                place == visible.first { ($0.appendTime ?? .min) >= arrival }?.offsets.lowerBound,
                "C50 first arrival at or after \(arrival)")
        }

        mutating func moveClock() {
            switch number(0...9) {
            case 0: stage.clock.advance(by: .seconds(-3600 * 24 * 3650))
            case 1: stage.clock.advance(by: .seconds(20))
            default: stage.clock.advance(by: .milliseconds(number(-5...1000)))
            }
        }

        func recount() {
            #expect(log.logEndOffset == end)
            #expect(log.logStartOffset <= log.recoveryPoint && log.recoveryPoint <= log.logEndOffset)
            #expect(log.segments.reduce(Int64(0)) { $0 + $1.facts.recordsCount } == Int64(model.count), "C55")
            #expect(log.needsFlush || log.recoveryPoint == end)
        }

        mutating func step() throws {
            switch number(0...19) {
            case 0...8: try append()
            case 9...10: try flush()
            case 11...14: try read()
            case 15...16: try lookUpTime()
            case 17...18: moveClock()
            default: try reopen()
            }
            recount()
        }
    }

    @Test("C48 C49 C50 C55 C2 random histories equal the model", arguments: UInt64(1)...20)
    func random(seed: UInt64) throws {
        var history = try History(seed: seed)
        for _ in 0..<120 { try history.step() }
        #expect(try history.log.content(maximumBytes: [1 << 20]) == history.model)
        let bytes = try Disk.names(history.stage.directory).filter { $0.hasSuffix(".log") }
            .reduce(0) { try $0 + Disk.read(history.stage.directory.appending($1)).count }
        #expect(history.log.size == bytes, "C55 sizes equal a recount")
    }

    @Test("C49 a clock ten years ahead, and back again: times stay, segments roll once, nothing is lost")
    func clockJump() throws {
        var stage = try LogStage()
        stage.configuration.segmentMilliseconds = 7 * 24 * 3_600_000
        stage.configuration.segmentBytes = .mebibytes(1)
        let log = try stage.open().log
        var model = try log.fill(2, clock: stage.clock)
        stage.clock.advance(by: .seconds(3650 * 24 * 3600))
        model += try log.fill(2, clock: stage.clock)
        let future = stage.clock.now()
        #expect(log.segments.count == 2)
        stage.clock.advance(by: .seconds(-3650 * 24 * 3600))
        model += try log.fill(2, clock: stage.clock)
        #expect(log.segments.count == 2)
        #expect(log.lastAppendTime == future)
        #expect(
            try log.content().suffix(4).allSatisfy {
                $0.appendTime == future.rawValue || $0.appendTime == future.rawValue - 10
            })
        #expect(try log.content() == model)
        try log.close()
        let again = try stage.open(.clean).log
        model += try again.fill(1, clock: stage.clock)
        #expect(try again.content() == model && model.hasRisingTimes)
        #expect(try again.offset(appendedAtOrAfter: future, limit: again.logEndOffset) == Offset(6))
    }
}
