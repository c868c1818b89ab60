// Why a schema is refused at start, and what a document does against a schema that was accepted. Both name their place
// as a JSON Pointer (RFC 6901).

/// A schema that cannot be used as it stands. Nothing is guessed: what this validator does not know it refuses, since an
/// ignored keyword would let documents through that its author meant to stop.
public struct SchemaProblem: Error, Equatable, CustomStringConvertible {
    /// What kind of problem it is.
    public struct Code: Equatable, Sendable {
        private let name: String

        /// The text is no JSON, or neither an object nor a boolean.
        public static let notASchema = Code(name: "notASchema")
        /// `$schema` names a dialect other than 2020-12 and draft-07.
        public static let unknownDialect = Code(name: "unknownDialect")
        /// A keyword that this validator does not check.
        public static let unknownKeyword = Code(name: "unknownKeyword")
        /// A keyword whose value has the wrong form.
        public static let malformedKeyword = Code(name: "malformedKeyword")
        /// `$ref` leads out of the document, nowhere, or round in a circle without ever going deeper into a document.
        public static let unusableReference = Code(name: "unusableReference")
    }

    public let code: Code
    /// Where in the schema, as a JSON Pointer (RFC 6901); empty for the whole.
    public let place: String
    /// What is wrong and what to do.
    public let message: String

    public var description: String { "schema at \"\(place)\": \(message)" }
}

/// One thing that a document does against its schema.
public struct SchemaViolation: Equatable, Sendable, CustomStringConvertible {
    /// Where in the document, as a JSON Pointer; empty for the whole.
    public let place: String
    /// The keyword that is not satisfied, as a JSON Pointer into the schema.
    public let keyword: String
    /// What was expected and what is there. Holds names and sizes, and no values of the document, so that it can be logged.
    public let message: String

    public var description: String { "\(place.isEmpty ? "the document" : place) \(message)" }
}

/// Writes places as JSON Pointers.
enum JSONPointer {
    /// `place` and one step more.
    static func appending(_ step: String, to place: String) -> String {
        guard step.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
            return place + "/" + step
        }
        return place + "/" + step.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}
