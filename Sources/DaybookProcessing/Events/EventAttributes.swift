// The attributes of an event as they are found in a record's headers, one after the other, without a copy of what is not one.
// What they mean together, and the way back into a record, is in `Event+Record`.

internal import DaybookModel
internal import DaybookRecords

/// Takes an event's attributes out of headers.
struct EventAttributes {
    private var version: String?
    private var id: String?
    private var source: String?
    private var type: String?
    private var time: String?
    private var subject: String?
    private var contentType: String?
    private var schema: String?
    private var partitionKey: String?
    private var sequence: String?
    private var correlationID: String?
    private var causationID: String?
    private var traceParent: String?
    private var extensions: [String: String] = [:]
    /// The first thing that was wrong.
    private var failure: EventError?

    /// Takes a header in: `ce_…`, or `content-type`; any other is none of the event's business.
    ///
    /// A value that is nil or not UTF-8, and an attribute that comes again, are found to be wrong by `event`.
    mutating func add(_ name: RawSpan, _ value: RawSpan?) {
        guard failure == nil, name.byteCount > 3 else { return }
        do throws(EventError) {
            if Self.byte(name, 0) == UInt8(ascii: "c"), Self.byte(name, 1) == UInt8(ascii: "e"),
                Self.byte(name, 2) == UInt8(ascii: "_")
            {
                try take(name, value)
            } else if Self.isEqual(name, from: 0, "content-type") {
                try Self.set(&contentType, "datacontenttype", value)
            }
        } catch { failure = error }
    }

    private mutating func take(_ name: RawSpan, _ value: RawSpan?) throws(EventError) {
        switch name.byteCount - 3 {
        case 2 where Self.isNamed(name, "id"): try Self.set(&id, "id", value)
        case 4 where Self.isNamed(name, "type"): try Self.set(&type, "type", value)
        case 4 where Self.isNamed(name, "time"): try Self.set(&time, "time", value)
        case 6 where Self.isNamed(name, "source"): try Self.set(&source, "source", value)
        case 7 where Self.isNamed(name, "subject"): try Self.set(&subject, "subject", value)
        case 8 where Self.isNamed(name, "sequence"): try Self.set(&sequence, "sequence", value)
        case 10 where Self.isNamed(name, "dataschema"): try Self.set(&schema, "dataschema", value)
        case 11 where Self.isNamed(name, "specversion"): try Self.set(&version, "specversion", value)
        case 11 where Self.isNamed(name, "causationid"): try Self.set(&causationID, "causationid", value)
        case 11 where Self.isNamed(name, "traceparent"): try Self.set(&traceParent, "traceparent", value)
        case 12 where Self.isNamed(name, "partitionkey"): try Self.set(&partitionKey, "partitionkey", value)
        case 13 where Self.isNamed(name, "correlationid"): try Self.set(&correlationID, "correlationid", value)
        case 15 where Self.isNamed(name, "datacontenttype"): try Self.set(&contentType, "datacontenttype", value)
        default:
            let attribute = String(String(decoding: name).dropFirst(3))
            try Self.set(&extensions[attribute], attribute, value)
        }
    }

    /// The event that they are, with this key and body. Throws where they are none.
    func event(key: [UInt8]?, body: [UInt8]?) throws(EventError) -> Event {
        if let failure { throw failure }
        let version = try Self.need(version, "specversion")
        guard version == "1.0" else { throw .unsupportedVersion(version) }
        var event = Event(
            id: try Self.need(id, "id"), source: try Self.need(source, "source"), type: try Self.need(type, "type"))
        if let time {
            guard let moment = RFC3339.timestamp(time) else { throw .invalidTime(time) }
            event.time = moment
        }
        if let sequence {
            guard let number = Int64(sequence), number >= 0 else { throw .invalidSequence(sequence) }
            event.sequence = number
        }
        event.subject = subject
        event.contentType = contentType
        event.schema = schema
        event.correlationID = correlationID
        event.causationID = causationID
        event.traceParent = traceParent
        event.partitionKey = partitionKey ?? key.flatMap { String(validating: $0, as: UTF8.self) }
        event.extensions = extensions
        event.body = body
        return event
    }

    private static func need(_ value: String?, _ name: String) throws(EventError) -> String {
        guard let value else { throw .missing("ce_" + name) }
        if value.isEmpty { throw .empty(name) }
        return value
    }

    private static func set(_ field: inout String?, _ name: String, _ value: RawSpan?) throws(EventError) {
        guard let value, let text = value.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw .invalidText(name)
        }
        guard field == nil else { throw .repeated(name) }
        field = text
    }

    private static func byte(_ span: RawSpan, _ index: Int) -> UInt8 {
        span.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    private static func isNamed(_ name: RawSpan, _ text: StaticString) -> Bool { isEqual(name, from: 3, text) }

    private static func isEqual(_ name: RawSpan, from start: Int, _ text: StaticString) -> Bool {
        guard name.byteCount - start == text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where byte(name, start + index) != text.utf8Start[index] {
            return false
        }
        return true
    }
}
