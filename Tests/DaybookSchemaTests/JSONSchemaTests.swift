// What each keyword lets through and what it does not, in both dialects, and what is said of a document that is refused.

import Foundation
import Testing

@testable import DaybookSchema

@Suite("JSON Schema")
struct JSONSchemaTests {
    private static let draft7 = "\"$schema\": \"http://json-schema.org/draft-07/schema#\""

    /// A schema with documents that it accepts and refuses.
    struct Example: Sendable, CustomTestStringConvertible {
        let schema: String
        let valid: [String]
        let invalid: [String]

        var testDescription: String { schema }
    }

    private static let examples = [
        Example(schema: "true", valid: ["null", "{}"], invalid: []),
        Example(schema: "false", valid: [], invalid: ["null", "{}"]),
        Example(
            schema: "{\"type\": \"integer\"}", valid: ["1", "1.0", "-3", "1e3"],
            invalid: ["1.5", "\"1\"", "true", "null"]),
        Example(
            schema: "{\"type\": [\"number\", \"null\"]}", valid: ["1", "1.5", "null"], invalid: ["false", "[]", "{}"]),
        Example(
            schema: "{\"enum\": [1, \"a\", [2], {\"b\": null}]}", valid: ["1.0", "\"a\"", "[2.0]", "{\"b\":null}"],
            invalid: ["true", "\"A\"", "[]", "{}"]),
        Example(schema: "{\"const\": \"é\"}", valid: ["\"\\u00e9\""], invalid: ["\"e\\u0301\"", "\"e\""]),
        Example(
            schema: "{\"minimum\": 1, \"maximum\": 2.5}", valid: ["1", "2.5", "\"9\""], invalid: ["0.999", "2.51"]),
        Example(schema: "{\"exclusiveMinimum\": 1, \"exclusiveMaximum\": 2}", valid: ["1.5"], invalid: ["1", "2"]),
        Example(
            schema: "{\"multipleOf\": 0.01}", valid: ["19.99", "0.07", "4.35", "1e10"], invalid: ["19.999", "0.001"]),
        Example(schema: "{\"multipleOf\": 3}", valid: ["0", "-9", "9.0"], invalid: ["1", "4.5"]),
        Example(
            schema: "{\"minLength\": 2, \"maxLength\": 3}", valid: ["\"ab\"", "\"日本語\"", "12345"],
            invalid: ["\"a\"", "\"😀\"", "\"abcd\""]),
        Example(
            schema: "{\"pattern\": \"^SO-[0-9]{6}$\"}", valid: ["\"SO-000123\"", "7"],
            invalid: ["\"SO-12\"", "\"xSO-000123\""]),
        Example(schema: "{\"pattern\": \"\\\\d\"}", valid: ["\"a1\""], invalid: ["\"٣\"", "\"a\""]),
        Example(
            schema: "{\"items\": {\"type\": \"string\"}, \"minItems\": 1, \"maxItems\": 2}", valid: ["[\"a\"]", "{}"],
            invalid: ["[]", "[1]", "[\"a\",\"b\",\"c\"]"]),
        Example(
            schema: "{\"prefixItems\": [{\"const\": 1}], \"items\": false}", valid: ["[]", "[1]"],
            invalid: ["[2]", "[1, 2]"]),
        Example(
            schema: "{\(draft7), \"items\": [{\"const\": 1}], \"additionalItems\": {\"const\": 2}}",
            valid: ["[1, 2, 2]"], invalid: ["[1, 3]", "[2]"]),
        Example(
            schema: "{\(draft7), \"items\": {\"const\": 1}, \"additionalItems\": false}", valid: ["[1, 1]"],
            invalid: ["[2]"]),
        Example(schema: "{\"contains\": {\"const\": 1}}", valid: ["[2, 1]"], invalid: ["[]", "[2]"]),
        Example(
            schema: "{\"contains\": {\"const\": 1}, \"minContains\": 2, \"maxContains\": 2}", valid: ["[1, 1, 3]"],
            invalid: ["[1]", "[1, 1, 1]"]),
        Example(schema: "{\"contains\": {\"const\": 1}, \"minContains\": 0}", valid: ["[]"], invalid: []),
        Example(
            schema: "{\"uniqueItems\": true}", valid: ["[1, \"1\", true, [1], {\"a\": 1}]"],
            invalid: ["[1, 1.0]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]"]),
        Example(
            schema: "{\"required\": [\"a\", \"b\"]}", valid: ["{\"a\":null,\"b\":1}", "[]"],
            invalid: ["{\"a\":1}", "{}"]),
        Example(
            schema: "{\"properties\": {\"a\": {\"type\": \"string\"}}, \"additionalProperties\": false}",
            valid: ["{}", "{\"a\":\"x\"}"], invalid: ["{\"a\":1}", "{\"b\":\"x\"}"]),
        Example(
            schema:
                "{\"patternProperties\": {\"^x-\": {\"type\": \"integer\"}}, \"properties\": {\"x-a\": {\"minimum\": 5}}, \"additionalProperties\": {\"const\": 0}}",
            valid: ["{\"x-a\":5,\"b\":0}"], invalid: ["{\"x-a\":4}", "{\"x-a\":5.5}", "{\"b\":1}"]),
        Example(schema: "{\"propertyNames\": {\"maxLength\": 2}}", valid: ["{\"ab\":1}"], invalid: ["{\"abc\":1}"]),
        Example(
            schema: "{\"minProperties\": 1, \"maxProperties\": 2}", valid: ["{\"a\":1}"],
            invalid: ["{}", "{\"a\":1,\"b\":1,\"c\":1}"]),
        Example(
            schema: "{\"dependentRequired\": {\"card\": [\"cvc\"]}}", valid: ["{}", "{\"card\":1,\"cvc\":2}"],
            invalid: ["{\"card\":1}"]),
        Example(
            schema: "{\"dependentSchemas\": {\"card\": {\"required\": [\"cvc\"]}}}", valid: ["{\"card\":1,\"cvc\":2}"],
            invalid: ["{\"card\":1}"]),
        Example(
            schema: "{\(draft7), \"dependencies\": {\"a\": [\"b\"], \"c\": {\"minProperties\": 2}}}",
            valid: ["{\"a\":1,\"b\":1}", "{\"c\":1,\"d\":1}"], invalid: ["{\"a\":1}", "{\"c\":1}"]),
        Example(schema: "{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 2}]}", valid: ["1"], invalid: ["0", "3"]),
        Example(
            schema: "{\"anyOf\": [{\"type\": \"string\"}, {\"minimum\": 2}]}", valid: ["\"a\"", "2"], invalid: ["1"]),
        Example(
            schema: "{\"oneOf\": [{\"multipleOf\": 2}, {\"multipleOf\": 3}]}", valid: ["2", "3"], invalid: ["6", "1"]),
        Example(schema: "{\"not\": {\"type\": \"string\"}}", valid: ["1"], invalid: ["\"a\""]),
        Example(
            schema:
                "{\"if\": {\"properties\": {\"kind\": {\"const\": \"b2b\"}}, \"required\": [\"kind\"]}, \"then\": {\"required\": [\"taxId\"]}, \"else\": {\"required\": [\"name\"]}}",
            valid: ["{\"kind\":\"b2b\",\"taxId\":1}", "{\"name\":1}"],
            invalid: ["{\"kind\":\"b2b\",\"name\":1}", "{\"kind\":\"b2c\"}"]),
        Example(schema: "{\"then\": false}", valid: ["1"], invalid: []),
        Example(
            schema: "{\"$ref\": \"#/$defs/a~1b%25\", \"maximum\": 5, \"$defs\": {\"a/b%\": {\"minimum\": 2}}}",
            valid: ["3"], invalid: ["1", "6"]),
        Example(
            schema:
                "{\(draft7), \"properties\": {\"a\": {\"$ref\": \"#/definitions/n\", \"maximum\": 5}}, \"definitions\": {\"n\": {\"minimum\": 2}}}",
            valid: ["{\"a\":6}"], invalid: ["{\"a\":1}"]),
        Example(
            schema: "{\"properties\": {\"next\": {\"$ref\": \"#\"}}, \"additionalProperties\": false}",
            valid: ["{\"next\":{\"next\":{}}}"], invalid: ["{\"next\":{\"last\":1}}"]),
    ]

    @Test("what a schema accepts and what it refuses", arguments: examples)
    func verdicts(_ example: Example) throws {
        let schema = try JSONSchema(example.schema.utf8)
        for document in example.valid { #expect(schema.accepts(try JSONValue(parsing: document.utf8)), "\(document)") }
        for document in example.invalid {
            #expect(!schema.accepts(try JSONValue(parsing: document.utf8)), "\(document)")
        }
    }

    @Test("all that is wrong is said at once, with places, up to the limit")
    func explains() throws {
        let schema = try JSONSchema(
            """
            {"type": "object", "required": ["orderId", "lines"], "properties": {
                "orderId": {"type": "string", "pattern": "^SO-"},
                "a/b": {"type": "null"},
                "lines": {"type": "array", "items": {"type": "object", "properties": {"qty": {"minimum": 1}}}}}}
            """.utf8)
        let document = try JSONValue(parsing: "{\"a/b\": 1, \"lines\": [{\"qty\": 1}, {\"qty\": 0}, 3]}".utf8)
        let violations = schema.violations(of: document)
        #expect(
            violations == [
                SchemaViolation(place: "", keyword: "/required", message: "lacks \"orderId\""),
                SchemaViolation(
                    place: "/a~1b", keyword: "/properties/a~1b/type", message: "is integer and must be null"),
                SchemaViolation(
                    place: "/lines/1/qty", keyword: "/properties/lines/items/properties/qty/minimum",
                    message: "must be at least 1"),
                SchemaViolation(
                    place: "/lines/2", keyword: "/properties/lines/items/type", message: "is integer and must be object"
                ),
            ])
        #expect(schema.violations(of: document, limit: 2) == Array(violations.prefix(2)))
        #expect(schema.violations(of: document, limit: 0).count == 1)
        #expect(violations[0].description == "the document lacks \"orderId\"")
    }

    @Test("values of a document are not in what is said of it")
    func keepsSecrets() throws {
        let schema = try JSONSchema(
            "{\"pattern\": \"^a\", \"maxLength\": 3, \"enum\": [\"a\"], \"format\": \"uuid\"}".utf8)
        let violations = schema.violations(of: .string("secret"))
        #expect(violations.count == 4)
        #expect(!violations.contains { $0.description.contains("secret") })
    }

    @Test("a document may be nested as deep as it is read")
    func depth() throws {
        let schema = try JSONSchema("{\"items\": {\"$ref\": \"#\"}}".utf8)
        let text = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(schema.accepts(try JSONValue(parsing: text.utf8)))
        #expect(throws: JSONValueProblem.self) { try JSONValue(parsing: "[\(text)]".utf8) }
    }

    @Test("numbers out of range and texts that are no JSON are refused")
    func refusesText() {
        for text in ["", "{", "[1,]", "nul", "1e400", "{\"a\":1} x", String(repeating: "[", count: 1_000)] {
            #expect(throws: JSONValueProblem.self, "\(text.prefix(20))") { try JSONValue(parsing: text.utf8) }
        }
    }
}
