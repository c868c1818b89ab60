// An event: what happened in the business, with the attributes of CloudEvents 1.0 and a body. How it stands in a record is in
// `Event+Record`; how a body becomes a type of the user's is in `EventCodec`.

public import DaybookModel

/// Something that happened, as one system tells it to others.
///
/// The attributes are those of CloudEvents 1.0 and of its extensions for partitioning, sequence, correlation and distributed
/// tracing. An event is immutable once published; whoever corrects one publishes another.
public struct Event: Hashable, Sendable {
    /// Together with `source` it names the event: the same pair is the same event. Not empty.
    public var id: String
    /// Where it happened, for example `/crm/eu1`. Not empty.
    public var source: String
    /// What happened, for example `crm.order.created.v1`; handlers are chosen by it. Not empty.
    public var type: String
    /// When it happened, as the source sees it.
    public var time: Timestamp?
    /// What it happened to, within the source: an order number.
    public var subject: String?
    /// The media type of the body (`datacontenttype`).
    public var contentType: String?
    /// Where the body's schema is described (`dataschema`).
    public var schema: String?
    /// The business key (`partitionkey`): events of one key are handled in their order. It is the key of the record.
    public var partitionKey: String?
    /// The revision of the subject that this event makes (`sequence`), from 1 upwards without gaps where a group's revision
    /// gate is to see to it that none is left out. 0 is no revision: the gate lets it pass.
    public var sequence: Int64?
    /// What belongs together across systems (`correlationid`).
    public var correlationID: String?
    /// The id of the event that caused this one (`causationid`).
    public var causationID: String?
    /// The trace that the event is part of (`traceparent`, W3C Trace Context).
    public var traceParent: String?
    /// Further attributes. Names are lower-case letters and digits.
    public var extensions: [String: String]
    /// The body; nil where there is none.
    public var body: [UInt8]?

    public init(
        id: String, source: String, type: String, time: Timestamp? = nil, subject: String? = nil,
        contentType: String? = nil, schema: String? = nil, partitionKey: String? = nil, sequence: Int64? = nil,
        correlationID: String? = nil, causationID: String? = nil, traceParent: String? = nil,
        extensions: [String: String] = [:], body: [UInt8]? = nil
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.time = time
        self.subject = subject
        self.contentType = contentType
        self.schema = schema
        self.partitionKey = partitionKey
        self.sequence = sequence
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceParent = traceParent
        self.extensions = extensions
        self.body = body
    }
}

/// Why a record is no event, or an event cannot be written down as one.
public enum EventError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The record lacks an attribute that every event has: it is no event in CloudEvents' binary mode.
    case missing(String)
    /// An attribute that must say something is empty.
    case empty(String)
    /// An attribute stands there more than once.
    case repeated(String)
    /// An attribute is not UTF-8.
    case invalidText(String)
    /// `specversion` is another one than 1.0.
    case unsupportedVersion(String)
    /// `time` is no moment in RFC 3339's form.
    case invalidTime(String)
    /// `sequence` is no whole number from 0 upwards.
    case invalidSequence(String)
    /// The name of an extension has other characters than a–z and 0–9, or is that of an attribute.
    case invalidName(String)

    public var description: String {
        switch self {
        case .missing(let name): "The record has no header \(name), so it is no event in CloudEvents' binary mode"
        case .empty(let name): "The attribute \(name) is empty; it must say something"
        case .repeated(let name): "The attribute \(name) stands there more than once"
        case .invalidText(let name): "The attribute \(name) is not UTF-8"
        case .unsupportedVersion(let version): "CloudEvents \(version) is not supported; use 1.0"
        case .invalidTime(let text): "\"\(text)\" is no time; write it as 2026-01-01T00:00:00Z"
        case .invalidSequence(let text): "\"\(text)\" is no sequence; use a whole number from 0 upwards"
        case .invalidName(let name): "\"\(name)\" cannot be an extension's name; use other words of a-z and 0-9"
        }
    }
}
