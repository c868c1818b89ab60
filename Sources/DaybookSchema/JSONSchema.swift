// A JSON Schema, read once and applied to many documents. Who publishes events holds one a type; reading it refuses what
// it does not know, so that a schema which starts means all that it says.

/// A compiled JSON Schema of the dialect 2020-12 (assumed when `$schema` is absent) or draft-07.
///
/// Known are all assertions of both but `unevaluatedItems`, `unevaluatedProperties`, `$dynamicRef`, `$anchor`,
/// `contentEncoding` and `contentMediaType`; `$ref` within the document; `format` as an assertion for `date`, `time`,
/// `date-time`, `email`, `hostname`, `ipv4`, `ipv6`, `uri` and `uuid`. Everything else is refused.
public struct JSONSchema: Sendable {
    let nodes: [SchemaNode]

    /// Reads a schema.
    ///
    /// Throws `SchemaProblem` when the schema cannot be checked in full. O(count).
    public init(_ text: some Sequence<UInt8>) throws(SchemaProblem) {
        do {
            try self.init(try JSONValue(parsing: text))
        } catch let problem as SchemaProblem {
            throw problem
        } catch {
            throw SchemaProblem(code: .notASchema, place: "", message: "the schema is \(error)")
        }
    }

    /// Reads a schema that is JSON already.
    public init(_ schema: JSONValue) throws(SchemaProblem) {
        nodes = try SchemaCompiler.compile(schema)
    }

    /// What `document` does against the schema: empty when it is valid. At most `limit` are looked for, at least one.
    public func violations(of document: JSONValue, limit: Int = 20) -> [SchemaViolation] {
        var validation = SchemaValidation(nodes: nodes, limit: max(limit, 1))
        validation.apply(0, to: document, at: "")
        return validation.violations
    }

    /// Whether `document` is valid; stops at the first thing against it.
    public func accepts(_ document: JSONValue) -> Bool { violations(of: document, limit: 1).isEmpty }
}
