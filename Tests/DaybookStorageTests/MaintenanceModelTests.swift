// Random histories of appends, deletion of records, retention, compaction, reads and reopenings, against a list of what
// was written. After every step each counter equals what a walk over the files finds.

import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Maintenance against a model")
struct MaintenanceModelTests {
    private struct History {
        var stage: LogStage
        let disk = FaultyFileSystem()
        var log: PartitionLog
        /// All that was ever written, in order.
        var written: [KeyedRecord] = []
        /// Records below are deleted.
        var start = Offset.zero
        var epoch: Int32 = 0
        var random: SeededGenerator

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            stage = try LogStage()
            stage.configuration.segmentBytes = .bytes([250, 700, 2500][Int(seed % 3)])
            stage.poolLimit = Int(1 + seed % 4)
            disk.isTracing = false
            log = try stage.open(on: disk).log
        }

        var end: Offset { written.last?.offset.advanced(by: 1) ?? .zero }

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func put() throws {
            let records = (0..<number(1...4)).map { _ -> (key: String?, value: String?) in
                let key = number(0...9) == 0 ? nil : "k\(number(0...5))"
                return (key, key != nil && number(0...5) == 0 ? nil : "value \(written.count)")
            }
            let added = try log.put(
                records, [.none, .lz4(), .zstd()].randomElement(using: &random) ?? .none, clock: stage.clock)
            #expect(added.first?.offset == end, "C41 the offset behind all others, deleted or not")
            written += added
        }

        /// Deletes what lies before an offset, and may be stopped between any two of its steps.
        mutating func deleteRecords(before offset: Offset) throws {
            try log.raiseLogStart(to: offset)
            try log.saveCheckpoint()
            start = max(start, offset)
            if number(0...4) == 0 { return try reopen() }
            let expired = try log.takeExpiredSegments()
            if number(0...4) == 0 { return try reopen() }
            try expired.remove()
            log.noteRemoved(expired)
        }

        mutating func retain() throws {
            let policy = RetentionPolicy(maximumBytes: number(0...4000))
            let plan = policy.plan(
                log.segments.map(\.facts), logStartOffset: log.logStartOffset, limit: log.recoveryPoint,
                now: stage.clock.now())
            try deleteRecords(before: plan.logStartOffset)
        }

        mutating func compact() throws {
            let policy = CompactionPolicy(
                dirtyRatio: 0, tombstoneAge: Int64([0, 100, 1_000_000].randomElement(using: &random) ?? 0),
                memory: [1, 400, 16 << 20].randomElement(using: &random) ?? 1)
            try log.compact(policy, now: stage.clock.now())
        }

        /// Closes the log properly, or leaves it as a killed process or a restarted machine does; all bytes are there.
        mutating func reopen() throws {
            var before = LogStage.Before.clean
            if number(0...1) == 0 {
                try log.close()
            } else {
                before = number(0...1) == 0 ? .killed : .durable(end)
                if number(0...3) == 0 { try stage.removeSidecars() }
                epoch += 1
            }
            let report: PartitionRecovery
            (log, report) = try stage.open(before, on: disk, epoch: epoch)
            #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil)
            if log.needsFlush { try log.flush() }
        }

        mutating func read() throws {
            let from = Offset(Int64(number(Int(start.rawValue)...Int(end.rawValue))))
            #expect(try log.keyed(from: from) == log.keyed().filter { $0.offset >= from }, "C45 from \(from)")
        }

        mutating func step() throws {
            stage.clock.advance(by: .milliseconds(number(0...60)))
            switch number(0...19) {
            case 0...10: try put()
            case 11...12: try deleteRecords(before: Offset(Int64(number(0...Int(end.rawValue)))))
            case 13: try retain()
            case 14...15: try compact()
            case 16...17: try read()
            default: try reopen()
            }
        }

        /// Nothing is missing that must be there, nothing is there that must not, and all counters are right.
        func check(_ comment: Comment) throws {
            #expect(log.logStartOffset == start && log.logEndOffset == end && log.recoveryPoint == end, comment)
            let left = written.filter { $0.offset >= start }
            let newest = left.compacted(below: log.checkpoint.cleanedTo)
            let seen = try log.keyed()
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.offset < $1.offset }, comment)
            #expect(Set(seen).isSubset(of: left), comment)
            #expect(Set(newest.filter { $0.value != nil || $0.key == nil }).isSubset(of: seen), comment)
            #expect(seen.state == left.state, comment)
            var next = log.segments[0].baseOffset
            for segment in log.segments {
                #expect(segment.baseOffset == next, comment)
                let count = try recount(segment)
                #expect(count == segment.facts.counts, "C55 segment \(segment.baseOffset); \(comment)")
                next = segment.nextOffset
            }
            #expect(log.size == log.segments.reduce(0) { $0 + $1.size.rawValue }, comment)
        }

        private func recount(_ segment: Segment) throws -> [Int64] {
            let path = segment.file.path
            let size = try PosixFileSystem().exists(path) ? PosixFileSystem().status(of: path).size : 0
            var walker = BatchWalker(segment.file, to: Position(size), expecting: segment.baseOffset)
            var (records, batches) = (Int64(0), Int64(0))
            while case .batch(let header, _, _) = try walker.next() {
                records += Int64(header.recordsCount)
                batches += 1
            }
            return [Int64(size), Int64(walker.position.rawValue), records, batches, walker.expectedOffset.rawValue]
        }
    }

    @Test(arguments: UInt64(1)...16)
    func `C41 C42 C45 C55 random histories of maintenance keep what must stay and count what is there`(
        seed: UInt64
    ) throws {
        var history = try History(seed: seed)
        for step in 0..<60 {
            try history.step()
            try history.check("seed \(seed), step \(step)")
        }
        try history.compact()
        try history.check("seed \(seed), the end")
    }
}

extension SegmentFacts {
    /// As `recount` finds them.
    fileprivate var counts: [Int64] {
        [Int64(size.rawValue), Int64(size.rawValue), recordsCount, batchesCount, nextOffset.rawValue]
    }
}
