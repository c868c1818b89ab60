// One block of a sidecar, as values and as bytes. Bytes come from a disk: every count is checked against what is there.
// Where each field stands is said in `SidecarLayout`.

import DaybookModel
import DaybookRecords

/// What one block says.
struct SidecarBlock: Hashable {
    var number: UInt32
    /// The segment was closed: the block covers all of it.
    var isSealed: Bool
    /// The covered bytes had been flushed when the block was written.
    var isFlushed: Bool
    var facts: SegmentFacts
    /// Index entries since the block before.
    var entries: [IndexEntry]
    /// Append-time changes since the block before.
    var appendTimes: [AppendTimeChange]
    /// Aborted transactions since the block before.
    var aborted: [AbortedTransaction]
    /// All producers, as the covered bytes leave them.
    var producers: ProducerStateTable

    func encoded(for identity: LogIdentity) -> [UInt8] {
        var times = ByteWriter()
        var previous = AppendTimeChange(offset: facts.baseOffset, time: Timestamp(milliseconds: 0))
        for change in appendTimes {
            times.varint(previous.offset.distance(to: change.offset))
            times.varint(previous.time.milliseconds(until: change.time))
            previous = change
        }
        var states = ByteWriter()
        producers.encode(to: &states)
        let length =
            SidecarLayout.body + facts.epochStarts.count * SidecarLayout.epochStartSize
            + entries.count * SidecarLayout.entrySize + times.bytes.count + aborted.count * SidecarLayout.abortedSize
            + states.bytes.count + SidecarLayout.trailerSize
        var block = ByteWriter(reserving: length)
        block.integer(SidecarLayout.magicValue)
        block.integer(SidecarLayout.currentVersion)
        block.integer((isSealed ? SidecarLayout.sealedFlag : 0) | (isFlushed ? SidecarLayout.flushedFlag : 0))
        block.integer(UInt32(length))
        block.integer(UInt32(0))  // the checksum, known at the end
        block.integer(identity.topicID)
        block.integer(identity.topicPartition.partition)
        block.integer(number)
        block.integer(facts.baseOffset.rawValue)
        block.integer(Int64(facts.size.rawValue))
        block.integer(facts.nextOffset.rawValue)
        block.integer(facts.recordsCount)
        block.integer(facts.batchesCount)
        block.integer(facts.hash)
        block.integer(UInt32(facts.epochStarts.count))
        for time in [facts.firstAppendTime, facts.lastAppendTime, facts.firstTimestamp, facts.maxTimestamp] {
            block.integer(time.rawValue)
        }
        block.integer(UInt32(entries.count))
        block.integer(UInt32(times.bytes.count))
        block.integer(facts.controlRecordsCount)
        block.integer(facts.abortedCount)
        block.integer(UInt32(aborted.count))
        block.integer(UInt32(states.bytes.count))
        block.integer(UInt64(0))
        for start in facts.epochStarts {
            block.integer(start.epoch.rawValue)
            block.integer(start.startOffset.rawValue)
        }
        for entry in entries {
            block.integer(entry.offset.rawValue)
            block.integer(Int64(entry.position.rawValue))
            block.integer(entry.headerChecksum)
            block.integer(entry.maxTimestampBefore.rawValue)
        }
        block.bytes += times.bytes
        for transaction in aborted {
            block.integer(transaction.producer.rawValue)
            block.integer(transaction.firstOffset.rawValue)
            block.integer(transaction.lastOffset.rawValue)
        }
        block.bytes += states.bytes
        block.integer(UInt32(length))
        block.integer(SidecarLayout.magicValue)
        let checksum = block.bytes.withUnsafeBytes { Self.checksum($0) }
        block.replace(checksum, at: SidecarLayout.checksum)
        return block.bytes
    }

    /// The length of the block at the beginning of `bytes`; nil when it is not a whole, sound block of this segment. Looks at
    /// its frame and its checksum, not at what it says.
    static func length(in bytes: UnsafeRawBufferPointer, for identity: LogIdentity, baseOffset: Offset) -> Int? {
        guard bytes.count >= SidecarLayout.body + SidecarLayout.trailerSize else { return nil }
        let head = BigEndianBytes(bytes)
        let length = Int(head.integer(at: SidecarLayout.blockLength, as: UInt32.self))
        guard head.integer(at: SidecarLayout.magic) == SidecarLayout.magicValue,
            head.integer(at: SidecarLayout.version) == SidecarLayout.currentVersion,
            length >= SidecarLayout.body + SidecarLayout.trailerSize, length <= bytes.count,
            head.integer(at: SidecarLayout.checksum)
                == Self.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<length])),
            head.integer(at: SidecarLayout.flags) & ~SidecarLayout.knownFlags == 0,
            head.integer(at: SidecarLayout.topicId) == identity.topicID,
            head.integer(at: SidecarLayout.partition) == identity.topicPartition.partition,
            head.integer(at: SidecarLayout.baseOffset) == baseOffset.rawValue
        else { return nil }
        return length
    }

    /// Reads the block at the beginning of `bytes`; nil when it is not a whole, sound block of this segment.
    init?(decoding bytes: UnsafeRawBufferPointer, for identity: LogIdentity, baseOffset: Offset) {
        guard let length = Self.length(in: bytes, for: identity, baseOffset: baseOffset) else { return nil }
        let head = BigEndianBytes(bytes)
        let epochs = Int(head.integer(at: SidecarLayout.epochsCount, as: UInt32.self))
        let entriesCount = Int(head.integer(at: SidecarLayout.entriesCount, as: UInt32.self))
        let timesLength = Int(head.integer(at: SidecarLayout.timesLength, as: UInt32.self))
        let entriesStart = SidecarLayout.body + epochs * SidecarLayout.epochStartSize
        let timesStart = entriesStart + entriesCount * SidecarLayout.entrySize
        let abortedStart = timesStart + timesLength
        let abortedRanges = Int(head.integer(at: SidecarLayout.abortedRanges, as: UInt32.self))
        let producersStart = abortedStart + abortedRanges * SidecarLayout.abortedSize
        let producersLength = Int(head.integer(at: SidecarLayout.producersLength, as: UInt32.self))
        guard producersStart + producersLength + SidecarLayout.trailerSize == length else { return nil }
        let flags = head.integer(at: SidecarLayout.flags, as: UInt16.self)
        isSealed = flags & SidecarLayout.sealedFlag != 0
        isFlushed = flags & SidecarLayout.flushedFlag != 0
        number = head.integer(at: SidecarLayout.number)
        facts = SegmentFacts(
            baseOffset: baseOffset,
            size: Position(Int(head.integer(at: SidecarLayout.size, as: Int64.self))),
            nextOffset: Offset(head.integer(at: SidecarLayout.nextOffset)),
            recordsCount: head.integer(at: SidecarLayout.recordsCount),
            batchesCount: head.integer(at: SidecarLayout.batchesCount),
            controlRecordsCount: head.integer(at: SidecarLayout.controlRecordsCount),
            abortedCount: head.integer(at: SidecarLayout.abortedCount),
            hash: head.integer(at: SidecarLayout.hash),
            appendTimes: (head.time(at: SidecarLayout.firstAppendTime), head.time(at: SidecarLayout.lastAppendTime)),
            timestamps: (head.time(at: SidecarLayout.firstTimestamp), head.time(at: SidecarLayout.maxTimestamp)),
            epochStarts: (0..<epochs).map { index in
                let place = SidecarLayout.body + index * SidecarLayout.epochStartSize
                return EpochStart(
                    epoch: LeaderEpoch(rawValue: head.integer(at: place)),
                    startOffset: Offset(head.integer(at: place + 4)))
            })
        entries = (0..<entriesCount).map { index in
            let place = entriesStart + index * SidecarLayout.entrySize
            return IndexEntry(
                offset: Offset(head.integer(at: place)),
                position: Position(Int(head.integer(at: place + 8, as: Int64.self))),
                headerChecksum: head.integer(at: place + 16), maxTimestampBefore: head.time(at: place + 20))
        }
        let times = UnsafeRawBufferPointer(rebasing: bytes[timesStart..<timesStart + timesLength])
        guard let changes = Self.decodeTimes(times, from: baseOffset) else { return nil }
        appendTimes = changes
        aborted = (0..<abortedRanges).map { index in
            let place = abortedStart + index * SidecarLayout.abortedSize
            return AbortedTransaction(
                producer: ProducerID(rawValue: head.integer(at: place)),
                firstOffset: Offset(head.integer(at: place + 8)), lastOffset: Offset(head.integer(at: place + 16)))
        }
        let states = UnsafeRawBufferPointer(rebasing: bytes[producersStart..<producersStart + producersLength])
        guard let table = ProducerStateTable(decoding: states) else { return nil }
        producers = table
    }

    init(
        number: UInt32, isSealed: Bool, isFlushed: Bool, facts: SegmentFacts, entries: [IndexEntry],
        appendTimes: [AppendTimeChange], aborted: [AbortedTransaction], producers: ProducerStateTable
    ) {
        self.number = number
        self.isSealed = isSealed
        self.isFlushed = isFlushed
        self.facts = facts
        self.entries = entries
        self.appendTimes = appendTimes
        self.aborted = aborted
        self.producers = producers
    }

    /// Over everything but the checksum itself.
    private static func checksum(_ block: UnsafeRawBufferPointer) -> UInt32 {
        let before = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: block[..<SidecarLayout.checksum]))
        let behind = UnsafeRawBufferPointer(rebasing: block[SidecarLayout.topicId...])
        return CRC32C.checksum(behind, continuing: before)
    }

    /// Whether a segment can be as the block says. The checksum tells that a block is as it was written, not by whom; and
    /// whoever reads a segment by its sidecar relies on places inside it.
    var isPossible: Bool {
        let offsets = facts.baseOffset..<max(facts.baseOffset, facts.nextOffset)
        // No log gets further.
        guard facts.nextOffset >= facts.baseOffset, facts.nextOffset.rawValue < 1 << 62,
            (0..<1 << 62).contains(facts.size.rawValue), facts.recordsCount >= 0, facts.batchesCount >= 0,
            (0...facts.recordsCount).contains(facts.controlRecordsCount),
            (0...facts.controlRecordsCount).contains(facts.abortedCount),
            zip(entries, entries.dropFirst()).allSatisfy({ $0.offset < $1.offset && $0.position < $1.position })
        else { return false }
        return entries.allSatisfy { offsets.contains($0.offset) && (Position.zero..<facts.size).contains($0.position) }
            && appendTimes.allSatisfy { offsets.contains($0.offset) }
            && facts.epochStarts.allSatisfy { offsets.contains($0.startOffset) }
            && aborted.allSatisfy {
                $0.producer.rawValue >= 0 && $0.firstOffset >= .zero && $0.firstOffset < $0.lastOffset
                    && offsets.contains($0.lastOffset)
            }
            && zip(aborted, aborted.dropFirst()).allSatisfy { $0.lastOffset < $1.lastOffset }
            && Int64(aborted.count) <= facts.abortedCount && producers.isPossible(before: facts.nextOffset)
    }

    private static func decodeTimes(_ bytes: UnsafeRawBufferPointer, from baseOffset: Offset) -> [AppendTimeChange]? {
        var changes: [AppendTimeChange] = []
        var (offset, time) = (baseOffset.rawValue, Int64(0))
        var place = 0
        while place < bytes.count {
            guard let offsetDelta = Varint.read(bytes, at: &place), let timeDelta = Varint.read(bytes, at: &place)
            else {
                return nil
            }
            (offset, time) = (offset &+ offsetDelta, time &+ timeDelta)
            changes.append(AppendTimeChange(offset: Offset(offset), time: Timestamp(milliseconds: time)))
        }
        return changes
    }
}
