// The dialects of JSON Schema that are read, and the keywords each of them knows. What the keywords ask for is read in
// `SchemaCompiler+Keywords`.

/// A version of JSON Schema.
enum SchemaDialect: CaseIterable {
    case draft7
    case draft2020

    /// By the value of `$schema`; nil for one that is not read.
    init?(named name: String) {
        let dialect = Self.allCases.first { name == $0.name || name == $0.name + "#" }
        guard let dialect else { return nil }
        self = dialect
    }

    var name: String {
        switch self {
        case .draft7: "http://json-schema.org/draft-07/schema"
        case .draft2020: "https://json-schema.org/draft/2020-12/schema"
        }
    }

    /// The keyword with schemas that only references use.
    var definitions: [String] {
        switch self {
        case .draft7: ["definitions"]
        // Documents that were converted by hand often kept the old word, which the new dialect lets stand.
        case .draft2020: ["$defs", "definitions"]
        }
    }

    /// Keywords that are checked or, being remarks only, change nothing.
    var keywords: Set<String> {
        switch self {
        case .draft7: Self.inBoth.union(["additionalItems", "definitions", "dependencies"])
        case .draft2020:
            Self.inBoth.union([
                "$defs", "definitions", "dependentRequired", "dependentSchemas", "prefixItems", "minContains",
                "maxContains", "deprecated",
            ])
        }
    }

    private static let inBoth: Set<String> = [
        "$schema", "$id", "$ref", "$comment", "title", "description", "default", "examples", "readOnly", "writeOnly",
        "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength", "maxLength", "pattern", "format", "items", "contains", "minItems", "maxItems", "uniqueItems",
        "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties",
        "maxProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
    ]
}
