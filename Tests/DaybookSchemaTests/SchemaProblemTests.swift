// Schemas that are refused at start, with the place and the kind of problem.

import Foundation
import Testing

@testable import DaybookSchema

@Suite("Schema problems")
struct SchemaProblemTests {
    @Test(
        "what cannot be checked in full is refused, with its place",
        arguments: [
            ("7", SchemaProblem.Code.notASchema, ""),
            ("{", .notASchema, ""),
            ("{\"type\": \"string\", \"type\": \"number\"}", .notASchema, ""),
            ("{\"properties\": {\"a\": 1}}", .notASchema, "/properties/a"),
            ("{\"$schema\": \"http://json-schema.org/draft-04/schema#\"}", .unknownDialect, "/$schema"),
            ("{\"unevaluatedProperties\": false}", .unknownKeyword, "/unevaluatedProperties"),
            ("{\"items\": {\"maxLenght\": 3}}", .unknownKeyword, "/items/maxLenght"),
            ("{\"$defs\": {\"unused\": {\"x\": 1}}}", .unknownKeyword, "/$defs/unused/x"),
            ("{\"then\": {\"x\": 1}}", .unknownKeyword, "/then/x"),
            (
                "{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"prefixItems\": []}", .unknownKeyword,
                "/prefixItems"
            ),
            ("{\"dependencies\": {}}", .unknownKeyword, "/dependencies"),
            ("{\"format\": \"iban\"}", .malformedKeyword, "/format"),
            ("{\"type\": \"text\"}", .malformedKeyword, "/type"),
            ("{\"type\": []}", .malformedKeyword, "/type"),
            ("{\"pattern\": \"(\"}", .malformedKeyword, "/pattern"),
            ("{\"minLength\": -1}", .malformedKeyword, "/minLength"),
            ("{\"minLength\": 1.5}", .malformedKeyword, "/minLength"),
            ("{\"multipleOf\": 0}", .malformedKeyword, "/multipleOf"),
            ("{\"minimum\": \"1\"}", .malformedKeyword, "/minimum"),
            ("{\"required\": \"a\"}", .malformedKeyword, "/required"),
            ("{\"uniqueItems\": 1}", .malformedKeyword, "/uniqueItems"),
            ("{\"properties\": []}", .malformedKeyword, "/properties"),
            ("{\"dependentRequired\": {\"a\": \"b\"}}", .malformedKeyword, "/dependentRequired"),
            ("{\"$ref\": \"https://example.com/a.json\"}", .unusableReference, "/$ref"),
            ("{\"$ref\": \"#/$defs/a\"}", .unusableReference, "/$ref"),
            ("{\"$ref\": \"#a\"}", .unusableReference, "/$ref"),
            ("{\"$ref\": \"#\"}", .unusableReference, ""),
            (
                "{\"$defs\": {\"a\": {\"anyOf\": [true, {\"$ref\": \"#/$defs/b\"}]}, \"b\": {\"not\": {\"$ref\": \"#/$defs/a\"}}}}",
                .unusableReference, "/$defs/a"
            ),
        ])
    func refused(schema: String, code: SchemaProblem.Code, place: String) throws {
        let problem = try #require(throws: SchemaProblem.self) { try JSONSchema(schema.utf8) }
        #expect(problem.code == code, "\(problem)")
        #expect(problem.place == place, "\(problem)")
    }

    @Test("two ways to one schema are no circle")
    func diamond() throws {
        let text = """
            {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
             "$defs": {"a": {"$ref": "#/$defs/c"}, "b": {"$ref": "#/$defs/c"}, "c": {"minimum": 1}}}
            """
        let schema = try JSONSchema(text.utf8)
        #expect(schema.accepts(.number(1)))
        #expect(!schema.accepts(.number(0)))
    }
}
