// Looks at a sidecar from outside: every block, whichever log it belongs to, and what stands between sound ones.
// For verification and for people; a log reads its own sidecars through `SidecarFile`.

package import DaybookModel
internal import DaybookRecords

/// What stands in the bytes of one sidecar.
package struct SidecarInspection: Sendable {
    /// One sound block and what it says.
    package struct Summary: Sendable {
        package let positions: Range<Position>
        /// The topic that the block is bound to.
        package let topicID: UInt64
        package let partition: Int32
        /// The block's place in its sidecar: 0, 1, 2, …
        package let number: UInt32
        package let isSealed: Bool
        package let isFlushed: Bool
        package let facts: SegmentFacts
        package let entries: [IndexEntry]
        package let appendTimes: [AppendTimeChange]
        /// Transactions aborted since the block before.
        package let aborted: [AbortedTransaction]
        /// All producers behind the covered bytes.
        package let producers: ProducerStateTable
    }

    /// Bytes that are no sound block.
    package struct Problem: Sendable {
        package let positions: Range<Position>
        package let reason: String
    }

    package private(set) var summaries: [Summary] = []
    package private(set) var problems: [Problem] = []

    /// Inspects all bytes of a sidecar. O(count), more where blocks are damaged.
    package init(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var place = 0
            while place < buffer.count {
                if let summary = Self.summary(in: buffer, at: place) {
                    summaries.append(summary)
                    place = summary.positions.upperBound.rawValue
                } else {
                    let next = Self.nextSummary(in: buffer, behind: place)
                    problems.append(
                        Problem(
                            positions: Position(place)..<Position(next), reason: Self.reason(in: buffer, at: place)))
                    place = next
                }
            }
        }
    }

    private static func summary(in buffer: UnsafeRawBufferPointer, at place: Int) -> Summary? {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[place...])
        guard bytes.count >= SidecarLayout.body, let name = try? TopicName("sidecar") else { return nil }
        let head = BigEndianBytes(bytes)
        guard head.integer(at: SidecarLayout.magic) == SidecarLayout.magicValue else { return nil }
        // The block is asked for by the names it bears itself: whether they are the right ones is another question.
        let topicID: UInt64 = head.integer(at: SidecarLayout.topicId)
        let partition: Int32 = head.integer(at: SidecarLayout.partition)
        let baseOffset = Offset(head.integer(at: SidecarLayout.baseOffset, as: Int64.self))
        let identity = LogIdentity(
            topicPartition: TopicPartition(topic: name, partition: partition), topicID: topicID)
        guard let block = SidecarBlock(decoding: bytes, for: identity, baseOffset: baseOffset), block.isPossible else {
            return nil
        }
        let end = place + Int(head.integer(at: SidecarLayout.blockLength, as: UInt32.self))
        return Summary(
            positions: Position(place)..<Position(end), topicID: topicID, partition: partition, number: block.number,
            isSealed: block.isSealed, isFlushed: block.isFlushed, facts: block.facts, entries: block.entries,
            appendTimes: block.appendTimes, aborted: block.aborted, producers: block.producers)
    }

    /// Where the next sound block begins, or the end.
    private static func nextSummary(in buffer: UnsafeRawBufferPointer, behind place: Int) -> Int {
        var next = place + 1
        while next + SidecarLayout.body <= buffer.count {
            if BigEndianBytes(buffer).integer(at: next, as: UInt32.self) == SidecarLayout.magicValue,
                summary(in: buffer, at: next) != nil
            {
                return next
            }
            next += 1
        }
        return buffer.count
    }

    private static func reason(in buffer: UnsafeRawBufferPointer, at place: Int) -> String {
        let available = buffer.count - place
        guard available >= SidecarLayout.body + SidecarLayout.trailerSize else { return "too short for a block" }
        let head = BigEndianBytes(UnsafeRawBufferPointer(rebasing: buffer[place...]))
        guard head.integer(at: SidecarLayout.magic) == SidecarLayout.magicValue else { return "no block begins here" }
        let version: UInt16 = head.integer(at: SidecarLayout.version)
        guard version == SidecarLayout.currentVersion else {
            return "the block has version \(version), only \(SidecarLayout.currentVersion) is supported"
        }
        let length: UInt32 = head.integer(at: SidecarLayout.blockLength)
        guard length <= available else { return "the block has \(length) bytes, only \(available) are there" }
        return "the block's checksum or its counts are wrong"
    }
}
