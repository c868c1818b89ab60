// An event as a record: CloudEvents' binding for Kafka in binary mode. Attributes are headers `ce_…`, the media type is the
// header `content-type`, the partition key is the record's key, the body its value. Other headers are none of the event's
// business.

internal import DaybookModel
public import DaybookRecords

extension Event {
    /// The event as a record, ready to be sent. Its timestamp is the event's time.
    ///
    /// Throws `.empty`, `.invalidSequence`, `.invalidName`, or `.invalidTime` for a time outside of the years 1 to 9999,
    /// where what the record says could not be read again as an event.
    public func record() throws(EventError) -> Record {
        for (name, value) in [("id", id), ("source", source), ("type", type)] where value.isEmpty { throw .empty(name) }
        if let sequence, sequence < 0 { throw .invalidSequence(String(sequence)) }
        let timeText = time.map { RFC3339.text($0) }
        if let timeText, RFC3339.timestamp(timeText) != time { throw .invalidTime(timeText) }
        var headers = [
            RecordHeader("ce_specversion", "1.0"), RecordHeader("ce_id", id), RecordHeader("ce_source", source),
            RecordHeader("ce_type", type),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(RecordHeader("ce_" + name, value)) }
        }
        add("time", timeText)
        add("subject", subject)
        add("dataschema", schema)
        add("sequence", sequence.map { String($0) })
        add("correlationid", correlationID)
        add("causationid", causationID)
        add("traceparent", traceParent)
        for (name, value) in extensions.sorted(by: { $0.key < $1.key }) {
            guard Self.isExtension(name) else { throw .invalidName(name) }
            add(name, value)
        }
        if let contentType { headers.append(RecordHeader("content-type", contentType)) }
        return Record(key: partitionKey.map { Array($0.utf8) }, value: body, headers: headers, timestamp: time)
    }

    /// The event that a record is. Throws where it is none.
    ///
    /// A time that has been written to the nanosecond is kept to the millisecond. A key that is not UTF-8 leaves
    /// `partitionKey` nil; the record's order by key is the same.
    public init(_ record: Record) throws(EventError) {
        var attributes = EventAttributes()
        for header in record.headers {
            let name = Array(header.name.utf8)
            if let value = header.value {
                attributes.add(name.span.bytes, value.span.bytes)
            } else {
                attributes.add(name.span.bytes, nil)
            }
        }
        self = try attributes.event(key: record.key, body: record.value)
    }

    /// The same, without a copy of the record in between; `key` is its key.
    init(_ record: borrowing RecordView, key: [UInt8]?) throws(EventError) {
        var attributes = EventAttributes()
        record.forEachHeader { name, value in attributes.add(name, value) }
        self = try attributes.event(key: key, body: [UInt8].copy(of: record.value))
    }

    private static let attributeNames: Set = [
        "specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "partitionkey",
        "sequence", "correlationid", "causationid", "traceparent", "data", "data_base64",
    ]

    private static func isExtension(_ name: String) -> Bool {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        return isPlain && !attributeNames.contains(name)
    }
}

extension [UInt8] {
    /// A copy of borrowed bytes; nil for none.
    static func copy(of span: RawSpan?) -> [UInt8]? { if let span { [UInt8](span) } else { nil } }
}
