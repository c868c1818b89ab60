// The reading behind `consume`: where each partition begins and ends, one partition after the other or all in turn, and
// the notes about what is not shown.

import ArgumentParser
import Daybook

/// One run of `consume`.
struct ConsumeRun {
    private let daybook: Daybook
    private let isolation: Isolation
    private let key: [UInt8]?
    /// What a record has to carry to be printed.
    private let headers: [RecordHeader]
    private var recordsLeft: Int
    private var printer: RecordPrinter
    private var cursors: [Cursor] = []
    private let progress = Progress(label: "Records looked at", isShown: StandardStream.showsProgress)
    private var lookedAt = 0
    /// Offsets behind the limit that would have been looked at, were they known to be durable.
    private var unsettledCount: Int64 = 0
    /// Durable ones behind the limit that have to wait for the end of a transaction.
    private var undecidedCount: Int64 = 0

    /// How long nothing may come before what has been collected is sent off, and Control-C is looked at.
    private static let patience = Duration.milliseconds(100)
    /// Records that are asked for at once.
    private static let pollSize = 5000

    private struct Cursor {
        let partition: TopicPartition
        var next: Offset
        /// The readers' limit as it was when it was last looked at.
        var limit: Offset
        /// Exclusive; nil: no end.
        var end: Offset?
        /// Stop at the first record that is not before this moment.
        var endTime: Timestamp?
        var isDone: Bool { end.map { next >= $0 } ?? false }
    }

    init(
        daybook: Daybook, isolation: Isolation, key: [UInt8]?, headers: [RecordHeader], max: Int, printer: RecordPrinter
    ) {
        self.daybook = daybook
        self.isolation = isolation
        self.key = key
        self.headers = headers
        recordsLeft = max
        self.printer = printer
    }

    private func limit(_ offsets: PartitionOffsets) -> Offset {
        switch isolation {
        case .committed: offsets.lastStableOffset
        case .durable: offsets.highWatermark
        case .pageCache: offsets.logEndOffset
        }
    }

    // MARK: places

    /// Finds out where each partition begins and ends. `until` nil: no end.
    mutating func place(_ partitions: [TopicPartition], from: ConsumePlace, until: ConsumePlace?) async throws {
        var outside: [String] = []
        for partition in partitions {
            let offsets = try await daybook.offsets(partition)
            let limit = limit(offsets)
            var start = try await from.offset(in: partition, of: daybook, limit: limit, isolation: isolation)
            if start < offsets.logStartOffset {
                note("Note: \(partition): offsets \(start) to \(offsets.logStartOffset.rawValue - 1) are gone.")
                start = offsets.logStartOffset
            }
            if start > limit, until != nil {
                outside.append("partition \(partition.partition) ends at \(limit)")
                start = limit
            }
            var cursor = Cursor(partition: partition, next: start, limit: limit)
            let watermark = max(limit, offsets.highWatermark)
            let (undecided, unsettled) = (
                limit.distance(to: watermark), watermark.distance(to: offsets.logEndOffset)
            )
            switch until {
            case nil: break
            case .time(let time):
                cursor.endTime = time
                cursor.end = try await daybook.offset(partition, forTimestamp: time, isolation: isolation)
            case .offset(let offset):
                cursor.end = offset
                unsettledCount += min(max(0, watermark.distance(to: offset)), unsettled)
                undecidedCount += min(max(0, limit.distance(to: offset)), undecided)
            case .beginning, .end:
                cursor.end = limit
                unsettledCount += unsettled
                undecidedCount += undecided
            }
            cursors.append(cursor)
        }
        if outside.count == partitions.count, case .offset(let offset) = from {
            let places = outside.prefix(3).joined(separator: ", ") + (outside.count > 3 ? ", …" : "")
            throw CommandFailure("There is no offset \(offset) to begin at: \(places).")
        }
    }

    // MARK: reading

    /// Reads one partition after the other up to its end as it was at the beginning.
    mutating func readToEnd() async throws {
        for index in cursors.indices {
            cursors[index].end = min(cursors[index].end ?? .max, cursors[index].limit)
            if !isOver { try await read(cursors.indices[index..<index + 1]) }
        }
    }

    /// Reads all partitions in turn, and waits for more where there is none.
    mutating func follow() async throws { try await read(cursors.indices) }

    private var isOver: Bool { recordsLeft == 0 || Interruption.isRequested }

    /// Reads partitions until each of them is done.
    private mutating func read(_ indices: Range<Int>) async throws {
        var left: [TopicPartition: Int] = [:]
        for index in indices where !cursors[index].isDone { left[cursors[index].partition] = index }
        let consumer = try await daybook.makeConsumer(
            assigned: Array(left.keys), from: .end, configuration: ConsumerConfiguration(isolation: isolation))
        // Where each begins was found out before: what has come since is not to be passed over. Who follows from an offset that
        // is yet to come waits for it at what was the end then.
        for (partition, index) in left {
            try await consumer.seek(partition, to: .offset(min(cursors[index].next, cursors[index].limit)))
        }
        while !isOver, !left.isEmpty {
            var batches = try await consumer.poll(max: Self.pollSize, timeout: .zero)
            if batches.isEmpty {
                // Nothing more for now: what there is must not wait for company.
                try send()
                batches = try await consumer.poll(max: Self.pollSize, timeout: Self.patience)
            }
            for batch in batches {
                guard let index = left[batch.topicPartition], !isOver else { continue }
                try print(batch, index)
                guard cursors[index].isDone else { continue }
                left[batch.topicPartition] = nil
                try consumer.pause([batch.topicPartition])
            }
        }
        await consumer.close()
    }

    private mutating func print(_ batch: ConsumedBatch, _ index: Int) throws {
        let cursor = cursors[index]
        defer { cursors[index].next = max(cursor.next, batch.nextOffset) }
        if let gap = batch.gap {
            // Nothing that anybody should have got: marks for the log, and what its sender has taken back.
            if gap.cause == .control || gap.cause == .aborted { return }
            progress.finish()
            return note(
                "Note: \(cursor.partition): offsets \(gap.baseOffset) to \(gap.nextOffset.rawValue - 1) cannot be read "
                    + "(\(gap.cause.rawValue)).")
        }
        printer.begin(cursor.partition)
        let (partition, first, appendTime) = (cursor.partition, cursor.next, batch.appendTime)
        var end = cursor.end ?? .max
        let endTime = cursor.end == nil ? cursor.endTime : nil
        defer { if end != .max { cursors[index].end = end } }
        try batch.forEach { record in
            lookedAt += 1
            guard record.offset >= first, record.offset < end, recordsLeft > 0 else { return }
            if let endTime, record.timestamp >= endTime { end = record.offset }
            guard record.offset < end, isWanted(record) else { return }
            printer.add(record, partition, appendTime: appendTime)
            recordsLeft -= 1
        }
        progress.update(lookedAt)
        if printer.isFull { try send() }
    }

    private func isWanted(_ record: borrowing RecordView) -> Bool {
        if let key, !record.hasKey(key) { return false }
        for header in headers where !record.hasHeader(header) { return false }
        return true
    }

    private mutating func send() throws {
        let bytes = printer.take()
        guard !bytes.isEmpty else { return }
        progress.finish()
        try StandardStream.output.writeAll(bytes)
    }

    /// Sends the rest and says what has not been shown. A follower ends with Control-C: that is no failure.
    mutating func finish(isFollower: Bool) throws {
        try send()
        progress.finish()
        if isFollower { return }
        if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
        if undecidedCount > 0, recordsLeft > 0 {
            note(
                "Note: \(counted(Int(undecidedCount), "more offset")) at and behind the beginning of a transaction that is "
                    + "still open; --isolation durable shows \(undecidedCount == 1 ? "it" : "them").")
        }
        if isolation != .pageCache, unsettledCount > 0, recordsLeft > 0 {
            note(
                "Note: \(counted(Int(unsettledCount), "more record")) written but not yet known to be durable; "
                    + "--isolation pagecache shows \(unsettledCount == 1 ? "it" : "them").")
        }
    }
}
