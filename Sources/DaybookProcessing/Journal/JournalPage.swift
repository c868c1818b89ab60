// What is written to a journal at once, and its bytes: one record of the internal topic. Entries of a page become durable
// together.
//
//     kind 1 · version 1 · epoch · time (ms) · number of entries · entries: tag, fields
//
// Numbers are LEB128. Runs of plain successes are ranges, whose start is counted from the end of the range before it.

package import DaybookModel

/// Some entries, written together by one process.
package struct JournalPage: Hashable, Sendable {
    /// The number of the process, raised each time a group is opened.
    package var epoch: Int64
    package var time: Timestamp
    package var entries: [JournalEntry]

    static let kind: UInt8 = 1
    static let version: UInt8 = 1

    /// A page of these entries. Plain successes become ranges, in order of their places, and move behind the rest, though not
    /// past a dead letter: events have one entry each in a page, and those of different events may change places.
    init(epoch: Int64, time: Timestamp, gathering entries: [JournalEntry]) {
        self.epoch = epoch
        self.time = time
        self.entries = []
        var plain: [Place] = []
        for entry in entries {
            if case .changed(let place, .succeeded(attempts: 1, reference: nil, isAdopted: false)) = entry {
                plain.append(place)
                continue
            }
            // Limits of dead letters count them among the successes, in the order in which they came.
            if case .changed(_, .dead) = entry { appendRanges(of: &plain) }
            self.entries.append(entry)
        }
        appendRanges(of: &plain)
    }

    private mutating func appendRanges(of plain: inout [Place]) {
        plain.sort()
        var index = 0
        while index < plain.count {
            let first = plain[index]
            var end = first.offset.advanced(by: 1)
            index += 1
            while index < plain.count, plain[index] == Place(first.partition, end) {
                end = end.advanced(by: 1)
                index += 1
            }
            entries.append(.succeeded(partition: first.partition, first.offset..<end))
        }
        plain = []
    }

    init(epoch: Int64, time: Timestamp, entries: [JournalEntry]) {
        self.epoch = epoch
        self.time = time
        self.entries = entries
    }

    /// The value of the page's record.
    func encoded() -> [UInt8] {
        var writer = JournalWriter()
        writer.byte(Self.kind)
        writer.byte(Self.version)
        writer.signed(epoch)
        writer.signed(time.rawValue)
        writer.number(entries.count)
        var ends: [Int32: Offset] = [:]
        for entry in entries { writer.entry(entry, &ends) }
        return writer.bytes
    }

    /// The page that a record's value is.
    init(decoding bytes: [UInt8]) throws(JournalBytesError) {
        var reader = JournalReader(bytes)
        let kind = try reader.byte()
        guard kind == Self.kind else { throw .unknownTag(kind) }
        let version = try reader.byte()
        guard version == Self.version else { throw .unsupportedVersion(version) }
        epoch = try reader.signed()
        time = Timestamp(milliseconds: try reader.signed())
        let count = try reader.integer()
        var ends: [Int32: Offset] = [:]
        entries = []
        for _ in 0..<count { entries.append(try reader.entry(&ends)) }
        try reader.finish()
    }
}
