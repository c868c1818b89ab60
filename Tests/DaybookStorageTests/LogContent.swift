// What a log holds, as an array: the simple model that the real one is compared with.

import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

/// One record, or offsets that cannot be read.
enum Entry: Hashable, CustomStringConvertible {
    case record(Offset, value: [UInt8], timestamp: Int64, appendTime: Int64)
    case gap(Range<Offset>)

    var offsets: Range<Offset> {
        switch self {
        case .record(let offset, _, _, _): offset..<offset.advanced(by: 1)
        case .gap(let range): range
        }
    }

    var isGap: Bool { if case .gap = self { true } else { false } }

    /// The record without its append time.
    var content: Entry {
        guard case .record(let offset, let value, let timestamp, _) = self else { return self }
        return .record(offset, value: value, timestamp: timestamp, appendTime: 0)
    }

    var appendTime: Int64? { if case .record(_, _, _, let time) = self { time } else { nil } }

    var description: String {
        switch self {
        case .record(let offset, let value, let timestamp, let appendTime):
            "\(offset): \(value.count)B@\(timestamp)/\(appendTime)"
        case .gap(let range): "gap \(range)"
        }
    }
}

/// Batches for tests.
enum Batch {
    static func make(
        _ values: [[UInt8]], timestamps: [Int64]? = nil, _ compression: Compression = .none
    ) throws -> EncodedBatch {
        var builder = RecordBatchBuilder(targetSize: 1 << 20, options: .init(compression: compression))
        for (index, value) in values.enumerated() {
            let timestamp = Timestamp(milliseconds: timestamps?[index] ?? Int64(index))
            let isAdded = value.withUnsafeBytes {
                builder.append(key: nil, value: $0, headers: [], timestamp: timestamp)
            }
            #expect(isAdded, "the records of a test batch fit into one")
        }
        return try builder.seal(using: Compressor())
    }

    /// `count` records of `size` bytes that all begin with `mark`.
    static func make(_ count: Int, of size: Int, mark: UInt8) throws -> EncodedBatch {
        try make((0..<count).map { index in [mark, UInt8(index)] + [UInt8](repeating: mark, count: max(0, size - 2)) })
    }
}

extension PartitionLog {
    /// Appends and flushes `batches` batches of two records each; returns what a reader should see.
    @discardableResult
    func fill(_ batches: Int, size: Int = 20, flush: Bool = true, clock: ManualClock) throws -> [Entry] {
        var entries: [Entry] = []
        for index in 0..<batches {
            let batch = try Batch.make(2, of: size, mark: UInt8((Int(logEndOffset.rawValue) + index) % 251))
            clock.advance(by: .milliseconds(10))
            entries += try append(batch, now: clock.now()).entries(of: batch)
        }
        if flush { try self.flush() }
        return entries
    }

    /// Everything below `limit` from `offset` on, read with the given sizes in turn.
    func content(
        from offset: Offset? = nil, below limit: Offset? = nil, maximumBytes: [Int] = [1 << 20]
    ) throws -> [Entry] {
        var entries: [Entry] = []
        var next = offset ?? logStartOffset
        var turn = 0
        while true {
            let size = maximumBytes[turn % maximumBytes.count]
            turn += 1
            switch try read(from: next, limit: limit ?? logEndOffset, maximumBytes: size) {
            case .end: return entries
            case .gap(let gap):
                #expect(gap.baseOffset == next && gap.nextOffset > next)
                entries.append(.gap(gap.baseOffset..<gap.nextOffset))
                next = gap.nextOffset
            case .batches(let batches, let following):
                #expect(!batches.isEmpty && following == batches[batches.count - 1].nextOffset && following > next)
                for batch in batches { entries += try batch.entries.filter { $0.offsets.lowerBound >= next } }
                next = following
            }
        }
    }
}

extension AppendResult {
    /// What a reader should see of the batch.
    func entries(of batch: EncodedBatch) throws -> [Entry] {
        var entries: [Entry] = []
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) { record in
                entries.append(
                    .record(
                        record.offset, value: record.record().value ?? [], timestamp: record.timestamp.rawValue,
                        appendTime: appendTime.rawValue))
            }
        }
        return entries
    }
}

extension RecordBatch {
    var entries: [Entry] {
        get throws {
            try records().map { offset, record in
                .record(
                    offset, value: record.value ?? [], timestamp: record.timestamp?.rawValue ?? -1,
                    appendTime: appendTime.rawValue)
            }
        }
    }
}

extension Collection<Entry> {
    var contents: [Entry] { map(\.content) }
    var gaps: [Range<Offset>] { compactMap { if case .gap(let range) = $0 { range } else { nil } } }
    var records: [Entry] { filter { !$0.isGap } }

    /// Append times never fall.
    var hasRisingTimes: Bool {
        let times = compactMap(\.appendTime)
        return zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }
    }

    /// The model without the records in `ranges`, which are one gap each.
    func without(_ ranges: [Range<Offset>]) -> [Entry] {
        var result: [Entry] = []
        for entry in self {
            if let range = ranges.first(where: { $0.contains(entry.offsets.lowerBound) }) {
                if result.last != .gap(range) { result.append(.gap(range)) }
            } else {
                result.append(entry)
            }
        }
        return result
    }
}
