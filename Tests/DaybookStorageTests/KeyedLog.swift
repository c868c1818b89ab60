// Records with keys, and what compaction may leave of them: the simple model that the real one is compared with.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

/// A record with a key, as it was written.
struct KeyedRecord: Hashable, CustomStringConvertible {
    var offset: Offset
    var key: String?
    /// Nil is a tombstone.
    var value: String?

    var description: String { "\(offset):\(key ?? "–")=\(value ?? "†")" }
}

extension PartitionLog {
    /// Appends one batch of records with these keys and values, and flushes it.
    @discardableResult
    func put(
        _ records: [(key: String?, value: String?)], _ compression: Compression = .none, clock: ManualClock
    ) throws -> [KeyedRecord] {
        var builder = RecordBatchBuilder(targetSize: 1 << 20, options: .init(compression: compression))
        for (key, value) in records {
            let record = Record(key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) })
            builder.append(record, timestamp: clock.now())
        }
        clock.advance(by: .milliseconds(10))
        let result = try append(try builder.seal(using: Compressor()), now: clock.now())
        try flush()
        return records.enumerated().map { index, record in
            KeyedRecord(
                offset: result.baseOffset.advanced(by: Int64(index)), key: record.key, value: record.value)
        }
    }

    /// All readable records, whatever cannot be read between them.
    func keyedAcrossGaps() throws -> [KeyedRecord] { try keyed(from: nil, failsAtGaps: false) }

    /// All readable records; fails where there is a gap.
    func keyed(from offset: Offset? = nil, failsAtGaps: Bool = true) throws -> [KeyedRecord] {
        var found: [KeyedRecord] = []
        var next = offset ?? logStartOffset
        while true {
            switch try read(from: next, limit: logEndOffset) {
            case .end: return found
            case .gap(let gap):
                if failsAtGaps { Issue.record("\(gap)") }
                next = gap.nextOffset
            case .batches(let batches, let following):
                for batch in batches {
                    for (offset, record) in try batch.records() where offset >= next {
                        found.append(
                            KeyedRecord(
                                offset: offset, key: record.key.map { String(decoding: $0, as: UTF8.self) },
                                value: record.value.map { String(decoding: $0, as: UTF8.self) }))
                    }
                }
                next = following
            }
        }
    }

    /// Closes the active segment, so that it can be compacted, by appending a record to the next one.
    func seal(clock: ManualClock) throws -> [KeyedRecord] {
        let bytes = configuration.segmentBytes
        configuration.segmentBytes = .bytes(0)
        defer { configuration.segmentBytes = bytes }
        return try put([("sealed", "\(logEndOffset)")], clock: clock)
    }

    /// Compacts until there is nothing more to do.
    @discardableResult
    func compact(
        _ policy: CompactionPolicy = CompactionPolicy(dirtyRatio: 0), now: Timestamp,
        hash: ((UnsafeRawBufferPointer) -> Int)? = nil
    ) throws -> CompactionProgress? {
        guard let plan = try planCompaction(policy, now: now) else { return nil }
        return try Compaction(plan, for: LogOwner(log: self), hash: hash).run()
    }
}

/// A compaction's owner in a test of one thread.
struct LogOwner: CompactionOwner {
    let log: PartitionLog
    var beforeEach: ((Int) throws -> Void)?

    func pace(_ bytes: Int) throws { try beforeEach?(bytes) }
    func withLog<R: Sendable>(_ body: (PartitionLog) throws -> R) throws -> R { try body(log) }
    func saveCheckpoint() throws { try log.saveCheckpoint() }
    func note(_ progress: CompactionProgress) {}
}

extension [KeyedRecord] {
    /// What compaction below `end` leaves: the newest of each key, and all without one.
    func compacted(below end: Offset) -> [KeyedRecord] {
        var newest: [String: Offset] = [:]
        for record in self where record.offset < end { if let key = record.key { newest[key] = record.offset } }
        return filter { record in
            guard record.offset < end, let key = record.key else { return true }
            return newest[key] == record.offset
        }
    }

    /// The newest value of each key: what a reader of everything ends up with.
    var state: [String: String] {
        reduce(into: [:]) { state, record in if let key = record.key { state[key] = record.value } }
    }
}
