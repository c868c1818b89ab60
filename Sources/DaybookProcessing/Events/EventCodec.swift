// How bodies become types of the user's and types become bodies. JSON is there; anything else is brought along.
// Attributes are none of its business.

public import DaybookModel

/// Writes and reads the bodies of events. Implemented by users for formats of their own.
public protocol EventCodec: Sendable {
    /// The media type of what `encode` writes.
    var contentType: String { get }
    /// The body that says `value`. The same value must give the same bytes each time: duplicates are told from conflicts by them.
    func encode<Body: Encodable>(_ value: Body) throws -> [UInt8]
    /// What the body says.
    func decode<Body: Decodable>(_ type: Body.Type, from body: [UInt8]) throws -> Body
}

extension Event {
    /// An event with a typed body.
    ///
    /// Throws what the codec throws.
    public init<Body: Encodable>(
        id: String, source: String, type: String, time: Timestamp? = nil, partitionKey: String?,
        sequence: Int64? = nil, encoding body: Body, codec: some EventCodec = .json
    ) throws {
        self.init(
            id: id, source: source, type: type, time: time, contentType: codec.contentType, partitionKey: partitionKey,
            sequence: sequence, body: try codec.encode(body))
    }

    /// The body as a type of the user's. Throws `BodyError`, so that handlers need not tell codecs apart: a body that cannot be
    /// read now cannot be read later.
    public func decoded<Body: Decodable>(as type: Body.Type, codec: some EventCodec = .json) throws(BodyError) -> Body {
        guard let body else { throw BodyError(eventID: id, reason: "the event has no body") }
        do { return try codec.decode(type, from: body) } catch {
            throw BodyError(eventID: id, reason: String(describing: error))
        }
    }
}

/// A body is not what the handler reads it as. Trying again does not help, and processors do not.
public struct BodyError: Error, Hashable, Sendable, CustomStringConvertible {
    public let eventID: String
    /// What the codec says.
    public let reason: String
    public var description: String { "The body of event \(eventID) cannot be read: \(reason)" }
}
