// What a record of the log says of its event, as rows have it: the facts that no journal repeats. What a journal adds to them is
// in `RowFold`.

internal import DaybookModel
internal import DaybookProcessing
internal import DaybookRecords

extension TrackedEvent {
    /// The row of an event that nothing has happened to yet.
    init(_ record: Record, group: String, at place: EventPlace) {
        self.init(group: group, place: place)
        key = record.key.map(Self.keyText)
        payloadDigest = Self.digestText(GroupHistory.digest(record.value))
        firstSeen = record.timestamp
        guard let event = try? Event(record) else { return }
        eventID = event.id
        source = event.source
        type = event.type
        time = event.time
        revision = event.sequence
        correlationID = event.correlationID
        causationID = event.causationID
    }

    /// A key as text. No two keys have the same text.
    static func keyText(_ key: [UInt8]) -> String {
        if let text = String(validating: key, as: UTF8.self), !key.contains(0), !text.hasPrefix("\\x") { return text }
        return "\\x" + HexText.text(key)
    }

    private static func digestText(_ digest: UInt64) -> String {
        HexText.text((0..<8).map { UInt8(truncatingIfNeeded: digest >> (56 - 8 * $0)) })
    }
}
