// What a reader of committed records must not get: what nobody sent, what was refused or aborted, anything twice, and nothing in
// another order than its sender's. What it must get is found out by the next audit.

internal import DaybookModel

extension HistoryChecker {
    /// A reader gets a record.
    mutating func hand(_ handed: ClientHistory.Handed, of partition: TopicPartition, to reader: Int) {
        var reading = readings[reader]?[partition] ?? Reading(from: handed.offset, event: event)
        judge(handed, of: partition, "reader \(reader)", &reading)
        readings[reader, default: [:]][partition] = reading
    }

    /// Judges what somebody gets who has read so far.
    mutating func judge(
        _ handed: ClientHistory.Handed, of partition: TopicPartition, _ whom: String, _ reading: inout Reading
    ) {
        let place = "at \(handed.offset) of \(partition)"
        guard let number = handed.record, let record = records[number] else {
            let what = handed.record.map { "record \($0)" } ?? "bytes"
            return report(.phantom, "\(whom) gets \(what) \(place) that nobody has sent", [])
        }
        guard record.sent.partition == partition else {
            return report(
                .phantom, "\(whom) gets record \(number) \(place), which was sent to \(record.sent.partition)",
                [record.event])
        }
        if let before = reading.handed[number] {
            return report(
                .duplicate, "\(whom) gets record \(number) at \(before.offset) and again \(place)",
                [record.event, before.event])
        }
        if handed.offset < reading.next {
            report(
                .reordered,
                "\(whom) gets record \(number) \(place) and had got what is at \(reading.next) or before it",
                [record.event, reading.event])
        }
        if let last = reading.last[record.sent.sender], last.sent > record.event {
            report(
                .reordered, "\(whom) gets record \(number) \(place) behind one that its sender has sent later",
                [record.event, last.sent, last.event])
        }
        reading.next = max(reading.next, handed.offset.advanced(by: 1))
        reading.handed[number] = (handed.offset, event)
        reading.last[record.sent.sender] = (max(record.event, reading.last[record.sent.sender]?.sent ?? 0), event)
        mayBeSeen(number, record, place, whom)
        take(number, record, at: handed.offset, whom)
    }

    /// Whether anybody may see a record at all.
    private mutating func mayBeSeen(_ number: Int, _ record: RecordState, _ place: String, _ whom: String) {
        if record.answer == .refused {
            report(
                .phantom, "\(whom) gets record \(number) \(place), which was refused",
                [record.event, record.answerEvent])
        }
        if let absence = record.absence, record.place == nil {
            report(
                .phantom, "\(whom) gets record \(number) \(place), which had been found to be absent",
                [record.event, absence])
        }
        guard let transaction = record.sent.transaction, let state = transactions[transaction] else { return }
        switch state.isCommitted {
        case true?: return
        case false?:
            let why = state.outcome == nil ? "was not to be committed" : "was aborted"
            report(
                .abortedRead, "\(whom) gets record \(number) \(place), whose transaction \(transaction) \(why)",
                [record.event] + state.evidence)
        case nil: transactions[transaction]?.found = (true, event)
        }
    }

    /// Takes note of where a record stands: for everybody, and for good.
    private mutating func take(_ number: Int, _ record: RecordState, at offset: Offset, _ whom: String) {
        let partition = record.sent.partition
        if let place = record.place, place.offset != offset {
            report(
                .duplicate, "record \(number) is at \(place.offset) of \(partition) and at \(offset) as well",
                [record.event, place.event])
        }
        if let other = seen[partition]?[offset], other.record != number {
            report(
                .lost,
                "\(whom) gets record \(number) at \(offset) of \(partition), where record \(other.record) has been read",
                [records[other.record]?.event, other.event, record.event])
        }
        seen[partition, default: [:]][offset] = (number, event)
        if record.place == nil { records[number]?.place = (offset, event) }
    }
}
