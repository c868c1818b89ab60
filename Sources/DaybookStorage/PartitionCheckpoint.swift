// What a partition's folder remembers beside its segments: how far records were deleted and compacted, a swap of segments
// that is under way, when the bytes were last looked at, and the producers of what was deleted. One small file, replaced as a whole.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// The file `checkpoint` of a partition. Absent until there is something to remember; losing it costs a compaction from
/// the beginning, what was deleted in the middle of a segment is readable again, and producers may be unknown that have
/// written nothing since the last deletion.
///
/// The text stands in it twice, each copy on pages of its own: bytes that rot on the disk damage one of them.
package struct PartitionCheckpoint: Hashable, Sendable {
    /// The topic's id: a checkpoint of another topic of the same name counts for nothing.
    package var topicID: UInt64
    /// Records below are deleted.
    package var logStartOffset = Offset.zero
    /// Everything below was known to be flushed when the checkpoint was written: so much is not a torn tail, whatever its
    /// bytes look like, and none of these offsets is given again.
    package var durableTo = Offset.zero
    /// Raised with each swap: readers in other processes look anew when it has changed.
    package var generation: Int64 = 0
    /// Records below have been compacted; zero when none were.
    package var cleanedTo = Offset.zero
    /// When the first tombstone may go that compaction has kept; nil when none waits.
    package var nextTombstoneExpiry: Timestamp?
    /// Compacted segments that are being put in place of others.
    package var swap: SegmentSwap?
    package var lastScrub: ScrubResult?
    /// The producers where the first segment begins, or further on but not behind the log start: what no segment can tell
    /// any more. Nil until segments were removed.
    package var producers: ProducerSnapshot?

    package init(topicID: UInt64) { self.topicID = topicID }

    package static let fileName = "checkpoint"
    private static let kind = "daybook-partition"
    private static let version = 1
    /// No log gets further. Behind them there must be room for what is appended next.
    fileprivate static let offsets: Range<Int64> = 0..<1 << 62

    /// The checkpoint as lines of text with a checksum, twice, each filled up to whole pages with empty lines.
    package func encoded() -> [UInt8] {
        let text = text
        // A sector at least lies between the copies, which may hold both ends otherwise.
        let room = (text.count + Self.sector + Self.page - 1) / Self.page * Self.page
        let copy = text + [UInt8](repeating: Self.newline, count: room - text.count)
        return copy + copy
    }

    private var text: [UInt8] {
        var lines = [
            "topic-id \(String(topicID, radix: 16))", "log-start \(logStartOffset)", "durable-to \(durableTo)",
            "generation \(generation)", "cleaned-to \(cleanedTo)",
        ]
        if let nextTombstoneExpiry { lines.append("tombstone-expiry-ms \(nextTombstoneExpiry.rawValue)") }
        if let swap { lines.append("swap " + swap.baseOffsets.map(\.description).joined(separator: " ")) }
        if let lastScrub { lines.append("scrub " + lastScrub.words) }
        if let producers {
            lines.append("producers-at \(producers.offset)")
            lines += producers.table.sorted.map { "producer " + $0.words }
        }
        return ChecksummedText(kind: Self.kind, version: Self.version, lines: lines).encoded()
    }

    /// Nil when both copies are damaged, of another version, or another topic's. A text that stands alone counts, too.
    package init?(decoding bytes: [UInt8], topicID: UInt64) {
        for copy in Self.copies(in: bytes) {
            guard let checkpoint = PartitionCheckpoint(text: copy, topicID: topicID) else { continue }
            self = checkpoint
            return
        }
        return nil
    }

    /// Whether nothing in `bytes` is damaged: as many copies as they have room for, all the same.
    package static func isWhole(_ bytes: [UInt8], topicID: UInt64) -> Bool {
        let halves = halves(of: bytes)
        return halves.allSatisfy { $0.elementsEqual(halves[0]) }
            && PartitionCheckpoint(decoding: bytes, topicID: topicID) != nil
    }

    /// The texts in `bytes`, sound or not, without the lines that fill their pages: what has become of these does not matter.
    private static func copies(in bytes: [UInt8]) -> [[UInt8]] {
        halves(of: bytes).map { half in
            let end = zip(half.indices, half.indices.dropFirst()).first { half[$0] == newline && half[$1] == newline }
            return Array(half[..<(end?.1 ?? half.endIndex)])
        }
    }

    private static func halves(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard !bytes.isEmpty, bytes.count.isMultiple(of: 2 * page) else { return [bytes[...]] }
        return [bytes[..<(bytes.count / 2)], bytes[(bytes.count / 2)...]]
    }

    private static let newline = UInt8(ascii: "\n")
    private static let page = 4096
    private static let sector = 512

    private init?(text bytes: [UInt8], topicID: UInt64) {
        guard let text = ChecksummedText(decoding: bytes, kind: Self.kind), text.version == Self.version else {
            return nil
        }
        func number(_ word: String) -> Int64? {
            text.lines.compactMap { $0.value(after: word) }.first.flatMap { Int64($0) }
        }
        guard text.lines.contains("topic-id \(String(topicID, radix: 16))"),
            let start = number("log-start"), Self.offsets.contains(start),
            let durable = number("durable-to"), Self.offsets.contains(durable),
            let cleaned = number("cleaned-to"), Self.offsets.contains(cleaned),
            let generation = number("generation"), (0..<1 << 62).contains(generation)
        else { return nil }
        self.topicID = topicID
        logStartOffset = Offset(start)
        durableTo = Offset(durable)
        cleanedTo = Offset(cleaned)
        self.generation = generation
        nextTombstoneExpiry = number("tombstone-expiry-ms").map { Timestamp(milliseconds: $0) }
        swap = text.lines.compactMap { $0.value(after: "swap") }.first.flatMap { SegmentSwap(words: $0) }
        lastScrub = text.lines.compactMap { $0.value(after: "scrub") }.first.flatMap { ScrubResult(words: $0) }
        producers = number("producers-at").flatMap { Self.producers(at: $0, before: start, text.lines) }
    }

    private static func producers(at offset: Int64, before logStart: Int64, _ lines: [String]) -> ProducerSnapshot? {
        guard (0...logStart).contains(offset) else { return nil }
        let words = lines.compactMap { $0.value(after: "producer") }
        let states = words.compactMap { ProducerState(words: $0) }
        guard states.count == words.count, let table = ProducerStateTable(distinct: states),
            table.isPossible(before: Offset(offset))
        else { return nil }
        return ProducerSnapshot(offset: Offset(offset), table: table)
    }

    /// Reads the checkpoint of a partition; nil when there is none or it is of no use.
    package static func read(
        in directory: FilePath, topicID: UInt64, _ fileSystem: any FileSystem
    ) throws(FileError) -> PartitionCheckpoint? {
        try readBytes(in: directory, fileSystem).flatMap { PartitionCheckpoint(decoding: $0, topicID: topicID) }
    }

    /// Reads the file of a checkpoint, whatever is in it; nil when there is none.
    package static func readBytes(in directory: FilePath, _ fileSystem: any FileSystem) throws(FileError) -> [UInt8]? {
        try AtomicFile.read(directory.appending(fileName), limit: 128 << 20, in: fileSystem)
    }

    /// Writes the checkpoint; durable when it returns. After an error the old or the new one counts.
    package func write(in directory: FilePath, _ fileSystem: any FileSystem) throws(FileError) {
        try AtomicFile.replace(directory.appending(Self.fileName), with: encoded(), in: fileSystem)
    }
}

/// Segments that one compacted segment replaces, in order; the first one's name is that of the replacement.
package struct SegmentSwap: Hashable, Sendable {
    package var baseOffsets: [Offset]

    package init(baseOffsets: [Offset]) {
        precondition(!baseOffsets.isEmpty, "a swap replaces at least one segment")
        self.baseOffsets = baseOffsets
    }

    init?(words: String) {
        let offsets = words.split(separator: " ").map { Int64($0) }
        guard !offsets.isEmpty, offsets.allSatisfy({ $0.map(PartitionCheckpoint.offsets.contains) ?? false }) else {
            return nil
        }
        baseOffsets = offsets.map { Offset($0!) }
    }

    package var baseOffset: Offset { baseOffsets[0] }
    /// Segments whose files go.
    package var replaced: ArraySlice<Offset> { baseOffsets.dropFirst() }
}

/// What looking at the sealed segments of a partition brought.
package struct ScrubResult: Hashable, Sendable {
    /// When the pass ended.
    package var time: Timestamp
    package var segmentsCount: Int
    package var bytes: Int
    /// Segments in which damage was found.
    package var damagedSegmentsCount: Int

    package init(time: Timestamp, segmentsCount: Int, bytes: Int, damagedSegmentsCount: Int) {
        self.time = time
        self.segmentsCount = segmentsCount
        self.bytes = bytes
        self.damagedSegmentsCount = damagedSegmentsCount
    }

    fileprivate var words: String { "\(time.rawValue) \(segmentsCount) \(bytes) \(damagedSegmentsCount)" }

    fileprivate init?(words: String) {
        let numbers = words.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 4, numbers[1...].allSatisfy({ $0 >= 0 }) else { return nil }
        time = Timestamp(milliseconds: numbers[0])
        (segmentsCount, bytes, damagedSegmentsCount) = (Int(numbers[1]), Int(numbers[2]), Int(numbers[3]))
    }
}
