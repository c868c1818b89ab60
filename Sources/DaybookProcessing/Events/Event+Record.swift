// An event as a record: CloudEvents' binding for Kafka in binary mode. Attributes are headers `ce_…`, the media type is the
// header `content-type`, the partition key is the record's key, the body its value. Other headers are none of the event's
// business.

internal import DaybookModel
public import DaybookRecords

extension Event {
    /// The event as a record, ready to be sent. Its timestamp is the event's time.
    ///
    /// Throws `.empty`, `.invalidSequence` or `.invalidName` where the event would not be one.
    public func record() throws(EventError) -> Record {
        for (name, value) in [("id", id), ("source", source), ("type", type)] where value.isEmpty { throw .empty(name) }
        if let sequence, sequence < 0 { throw .invalidSequence(String(sequence)) }
        var headers = [
            RecordHeader("ce_specversion", "1.0"), RecordHeader("ce_id", id), RecordHeader("ce_source", source),
            RecordHeader("ce_type", type),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(RecordHeader("ce_" + name, value)) }
        }
        add("time", time.map { RFC3339.text($0) })
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
        var attributes: [String: String] = [:]
        for header in record.headers {
            let name: String
            if header.name.hasPrefix("ce_") {
                name = String(header.name.dropFirst(3))
            } else if header.name == "content-type" {
                name = "datacontenttype"
            } else {
                continue
            }
            guard let text = header.value.flatMap({ String(validating: $0, as: UTF8.self) }) else {
                throw .invalidText(name)
            }
            guard attributes.updateValue(text, forKey: name) == nil else { throw .repeated(name) }
        }
        func take(_ name: String) -> String? { attributes.removeValue(forKey: name) }
        func need(_ name: String) throws(EventError) -> String {
            guard let value = take(name) else { throw .missing("ce_" + name) }
            if value.isEmpty { throw .empty(name) }
            return value
        }
        let version = try need("specversion")
        guard version == "1.0" else { throw .unsupportedVersion(version) }
        self.init(id: try need("id"), source: try need("source"), type: try need("type"))
        if let text = take("time") {
            guard let moment = RFC3339.timestamp(text) else { throw .invalidTime(text) }
            time = moment
        }
        if let text = take("sequence") {
            guard let number = Int64(text), number >= 0 else { throw .invalidSequence(text) }
            sequence = number
        }
        subject = take("subject")
        contentType = take("datacontenttype")
        schema = take("dataschema")
        correlationID = take("correlationid")
        causationID = take("causationid")
        traceParent = take("traceparent")
        let key = record.key.flatMap { String(validating: $0, as: UTF8.self) }
        partitionKey = take("partitionkey") ?? key
        extensions = attributes
        body = record.value
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
