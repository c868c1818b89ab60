// Whether an event may be written down: a question to whoever knows its type. JSON Schema answers for bodies that are JSON;
// anything else is brought along.

public import DaybookSchema

/// Says what an event does against the rules of its type. Implemented by users for rules of their own.
public protocol EventValidator: Sendable {
    /// What is wrong, in sentences that are kept beside a rejected event; empty when nothing is. No limit on time: a publisher
    /// waits for it.
    func problems(of event: Event) -> [String]
}

/// Holds the body to a JSON Schema.
public struct SchemaValidator: EventValidator {
    private let schema: JSONSchema

    /// Throws `SchemaProblem` at start for a schema with anything in it that is not checked.
    public init(schema text: some Sequence<UInt8>) throws(SchemaProblem) { schema = try JSONSchema(text) }

    public init(_ schema: JSONSchema) { self.schema = schema }

    /// One sentence for each violation, up to twenty. An event without a body, or with one that is no JSON, has one problem.
    public func problems(of event: Event) -> [String] {
        guard let body = event.body else { return ["The event has no body"] }
        do { return schema.violations(of: try JSONValue(parsing: body)).map(\.description) } catch {
            return ["The body is \(error)"]
        }
    }
}
