// What a partition must hold and may hold, kept beside the real one and compared with what it shows.
// Knows nothing of disks or of the engine: offsets, numbers of records, and promises.

package import DaybookModel

/// A promise that was not kept, or something that nobody asked for.
package struct Violation: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// One partition as it ought to be.
package struct PartitionModel: Sendable {
    package let topicPartition: TopicPartition
    /// The record at each offset from 0 on, as far as it is known from a receipt or from a read.
    package private(set) var records: [RecordNumber?] = []
    /// Everything below survives a power cut: it was acknowledged as durable, or shown to a durable reader.
    package private(set) var durableEnd: Int64 = 0
    /// Everything below survives the end of the process: it was acknowledged as written.
    package private(set) var writtenEnd: Int64 = 0
    /// Readers begin here.
    package private(set) var logStart: Int64 = 0
    /// A deletion was not answered for: the log may start anywhere from `logStart` up to here.
    package private(set) var latestStart: Int64 = 0
    /// Sent and never answered for: they may be in the log or not.
    package private(set) var doubtful: Set<RecordNumber> = []
    /// Offsets whose bytes were damaged on purpose.
    package private(set) var damaged: [Range<Int64>] = []
    /// Offsets whose bytes were damaged since the last recovery, while no checkpoint on the disk said that all of them were
    /// durable. If the power goes now nobody can tell this damage from a torn tail: the log may end there.
    package private(set) var undecided: Range<Int64>?
    /// Offsets that recovery found gone, and that had been damaged or replaced.
    package private(set) var gaps: [Range<Int64>] = []
    /// Records may go that later ones of the same key have replaced.
    package var isCompacted = false
    /// What each offset held when that was last known, whatever has become of it.
    private var held: [RecordNumber?] = []
    /// Records that were acknowledged as written only and that a power cut took.
    package private(set) var lostCount = 0
    /// Records that had been promised and that damage and a power cut together took, as `undecided` says.
    package private(set) var lostToTwoFaultsCount = 0

    package init(_ topicPartition: TopicPartition) { self.topicPartition = topicPartition }

    // MARK: what was asked for and answered

    /// `number` is on its way: until it is acknowledged it may turn up or not.
    package mutating func send(_ number: RecordNumber) { doubtful.insert(number) }

    /// The log was never given the record.
    package mutating func withdraw(_ number: RecordNumber) { doubtful.remove(number) }

    /// A receipt: the record has its place, and the promise of its level.
    package mutating func acknowledge(
        _ number: RecordNumber, at offset: Offset, asked: Durability, reached: Durability
    ) throws(Violation) {
        guard reached >= asked else {
            throw violation("record \(number) was sent as \(asked.rawValue) and acknowledged as \(reached.rawValue)")
        }
        try place(number, at: offset.rawValue)
        writtenEnd = max(writtenEnd, offset.rawValue + 1)
        if reached == .durable { durableEnd = max(durableEnd, offset.rawValue + 1) }
    }

    /// Everything acknowledged so far has been flushed.
    package mutating func flushed() { durableEnd = max(durableEnd, writtenEnd) }

    /// What the partition says of itself.
    package mutating func see(_ start: Offset, _ highWatermark: Offset, _ end: Offset) throws(Violation) {
        try checkStart(start.rawValue)
        guard start <= highWatermark, highWatermark <= end else {
            throw violation("offsets out of order: \(start), \(highWatermark), \(end)")
        }
        guard highWatermark.rawValue >= durableEnd else {
            throw violation("the high watermark is \(highWatermark) although \(durableEnd) was promised or shown")
        }
        guard end.rawValue >= writtenEnd else {
            throw violation("the log ends at \(end) although \(writtenEnd) was acknowledged")
        }
        // Who saw the high watermark may act on it.
        durableEnd = max(durableEnd, highWatermark.rawValue)
        writtenEnd = max(writtenEnd, end.rawValue)
    }

    /// One past the last offset at which a record is known.
    package var endOfWhatIsKnown: Int64 { Int64(records.count) }

    /// A durable reader was shown everything below `offset`: it may act on it.
    package mutating func show(below offset: Int64) {
        durableEnd = max(durableEnd, offset)
        writtenEnd = max(writtenEnd, offset)
    }

    /// The first readable offset of which no receipt and no read has told what it holds.
    package var firstUnknown: Int64 {
        let start = min(Int(logStart), records.count)
        return Int64(records[start...].firstIndex { $0 == nil } ?? records.count)
    }

    /// What is known of some offsets.
    package func records(in offsets: Range<Int64>) -> [RecordNumber?] {
        offsets.map { $0 < records.count ? records[Int($0)] : nil }
    }

    // MARK: what was read

    /// A record was read at `offset`; `previous` is the one before it in the same read.
    package mutating func read(
        _ number: RecordNumber, at offset: Int64, behind previous: RecordNumber?
    ) throws(Violation) {
        if let previous, !previous.mayPrecede(number) {
            throw violation("record \(number) at \(offset) stands behind record \(previous), which was sent later")
        }
        if offset < records.count, records[Int(offset)] == number { return }
        try place(number, at: offset)
    }

    /// A read returned a gap.
    package func readGap(_ offsets: Range<Int64>) throws(Violation) {
        guard isExplained(offsets, by: damaged + gaps + [0..<max(logStart, latestStart)]) else {
            throw violation("offsets \(offsets) cannot be read, and nothing was done to them")
        }
    }

    private mutating func place(_ number: RecordNumber, at offset: Int64) throws(Violation) {
        guard offset >= 0 else { throw violation("record \(number) is said to be at \(offset)") }
        if offset < records.count, let known = records[Int(offset)] {
            guard known == number else {
                throw violation("offset \(offset) held record \(known) and holds record \(number) now")
            }
            return
        }
        guard doubtful.remove(number) != nil else {
            throw violation("offset \(offset) holds record \(number), which was never sent here or was gone already")
        }
        while records.count <= offset { records.append(nil) }
        while held.count <= offset { held.append(nil) }
        records[Int(offset)] = number
        held[Int(offset)] = number
    }

    // MARK: faults

    /// The bytes that hold `offsets` were damaged, when a checkpoint on the disk said that everything below `durableTo` was
    /// durable.
    package mutating func damage(_ offsets: Range<Int64>, durableTo: Int64 = .max) {
        damaged.append(offsets)
        guard durableTo < offsets.upperBound else { return }
        let lower = min(offsets.lowerBound, undecided?.lowerBound ?? .max)
        undecided = lower..<max(offsets.upperBound, undecided?.upperBound ?? 0)
        settle(durableTo: durableTo)
    }

    /// A checkpoint that is on the disk says that everything below is durable: what is damaged there is no torn tail.
    package mutating func settle(durableTo: Int64) {
        guard let range = undecided else { return }
        undecided = durableTo < range.upperBound ? max(range.lowerBound, durableTo)..<range.upperBound : nil
    }

    /// Everything below is still there after a crash, or in a gap that damage explains.
    package func promisedEnd(afterPowerCut: Bool) -> Int64 {
        afterPowerCut ? min(durableEnd, undecided?.lowerBound ?? .max) : writtenEnd
    }

    /// Deletion is on its way: the log may start anywhere up to `offset`, until it is answered for or the partition is
    /// opened again.
    package mutating func mayDelete(before offset: Int64) { latestStart = max(latestStart, offset) }

    /// The deletion is over and durable: the log starts at `offset`, for good.
    package mutating func delete(before offset: Int64) throws(Violation) {
        try checkStart(offset)
        (logStart, latestStart) = (offset, offset)
    }

    private func checkStart(_ start: Int64) throws(Violation) {
        guard start >= logStart, start <= max(logStart, latestStart) else {
            throw violation("the log starts at \(start), not at \(logStart)")
        }
    }

    /// What a reopened partition holds: `found` at each offset from the log start on, nil in gaps. Everything promised has to
    /// be there; what was not promised and is not there is forgotten, and may never come back. The log is as it was at some
    /// moment: what a power cut takes is its end, and nothing in the middle.
    package mutating func recover(
        start: Int64, _ found: [RecordNumber?], afterPowerCut: Bool
    ) throws(Violation) {
        try delete(before: start)
        let end = start + Int64(found.count)
        let promised = promisedEnd(afterPowerCut: afterPowerCut)
        guard end >= promised else {
            throw violation("the log ends at \(end) although everything below \(promised) was promised")
        }
        var previous: RecordNumber?
        var fresh: [Range<Int64>] = []
        for (index, number) in found.enumerated() {
            let offset = start + Int64(index)
            if let number {
                try read(number, at: offset, behind: previous)
                previous = number
            } else if let last = fresh.last, last.upperBound == offset {
                fresh[fresh.count - 1] = last.lowerBound..<offset + 1
            } else {
                fresh.append(offset..<offset + 1)
            }
        }
        for gap in fresh {
            let owed = gap.clamped(to: gap.lowerBound..<max(gap.lowerBound, promised))
            guard isExplained(owed, by: damaged + gaps) else {
                throw violation("offsets \(owed) were promised, are gone, and nothing was done to them")
            }
            guard isExplained(gap, by: damaged + gaps) else {
                throw violation("offsets \(gap) are gone although later ones are there, and nothing was done to them")
            }
        }
        let lostPromised = afterPowerCut ? max(0, durableEnd - end) : 0
        lostToTwoFaultsCount += Int(lostPromised)
        lostCount += max(0, records.count - Int(end) - Int(lostPromised))
        records = Array(repeating: nil, count: Int(start)) + found
        // What is lost replaces nothing.
        held.removeLast(max(0, held.count - records.count))
        gaps = fresh
        doubtful = []
        undecided = nil
        (durableEnd, writtenEnd) = (end, end)
    }

    private func isExplained(_ offsets: Range<Int64>, by ranges: [Range<Int64>]) -> Bool {
        offsets.allSatisfy { offset in ranges.contains { $0.contains(offset) } || isReplaced(offset) }
    }

    /// Whether compaction may have taken the record at `offset`: a later one has its key, or had it until it was replaced in turn,
    /// or may have it; or it is a tombstone, which goes with time.
    private func isReplaced(_ offset: Int64) -> Bool {
        guard isCompacted else { return false }
        guard offset < held.count, let number = held[Int(offset)] else { return true }
        let record = SimulatedRecord(number)
        guard let key = record.key else { return false }
        return record.isTombstone || doubtful.contains { SimulatedRecord($0).key == key }
            || held[(Int(offset) + 1)...].contains { $0.map { SimulatedRecord($0).key == key } ?? false }
    }

    private func violation(_ text: String) -> Violation { Violation("\(topicPartition): \(text)") }
}
