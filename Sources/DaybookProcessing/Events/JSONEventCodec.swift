// JSON bodies: the default. The one file that knows Foundation's coder, so that a body has the same bytes everywhere: keys
// are sorted, slashes are not escaped.

internal import FoundationEssentials

/// Bodies as JSON.
public struct JSONEventCodec: EventCodec {
    public var contentType: String { "application/json" }

    public init() {}

    /// Keys in order of their names, no white space.
    public func encode<Body: Encodable>(_ value: Body) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(value))
    }

    /// Throws `DecodingError`.
    public func decode<Body: Decodable>(_ type: Body.Type, from body: [UInt8]) throws -> Body {
        try JSONDecoder().decode(type, from: Data(body))
    }
}

extension EventCodec where Self == JSONEventCodec {
    public static var json: JSONEventCodec { JSONEventCodec() }
}
