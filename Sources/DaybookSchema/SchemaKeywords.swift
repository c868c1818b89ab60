// The members of one schema object, read by keyword and with the form that the keyword demands. What has another form is
// refused with its place.

import Foundation

/// One schema object being read.
struct SchemaKeywords {
    let members: [String: JSONValue]
    let place: String

    private func malformed(_ keyword: String, _ form: String) -> SchemaProblem {
        SchemaProblem(
            code: .malformedKeyword, place: JSONPointer.appending(keyword, to: place),
            message: "\"\(keyword)\" must be \(form)")
    }

    func number(_ keyword: String) throws(SchemaProblem) -> Decimal? {
        guard let value = members[keyword] else { return nil }
        guard case .number(let number) = value else { throw malformed(keyword, "a number") }
        return number
    }

    func positiveNumber(_ keyword: String) throws(SchemaProblem) -> Decimal? {
        guard let number = try number(keyword) else { return nil }
        guard number > 0 else { throw malformed(keyword, "a number above 0") }
        return number
    }

    func count(_ keyword: String) throws(SchemaProblem) -> Int? {
        guard let number = try number(keyword) else { return nil }
        guard number >= 0, number.isWhole, let count = Int(number.description) else {
            throw malformed(keyword, "a whole number from 0")
        }
        return count
    }

    func boolean(_ keyword: String) throws(SchemaProblem) -> Bool? {
        guard let value = members[keyword] else { return nil }
        guard case .boolean(let boolean) = value else { throw malformed(keyword, "true or false") }
        return boolean
    }

    func string(_ keyword: String) throws(SchemaProblem) -> String? {
        guard let value = members[keyword] else { return nil }
        guard case .string(let string) = value else { throw malformed(keyword, "a string") }
        return string
    }

    func array(_ keyword: String) throws(SchemaProblem) -> [JSONValue]? {
        guard let value = members[keyword] else { return nil }
        guard case .array(let elements) = value else { throw malformed(keyword, "an array") }
        return elements
    }

    func strings(_ keyword: String) throws(SchemaProblem) -> [String]? {
        guard let elements = try array(keyword) else { return nil }
        guard let strings = Self.strings(elements) else { throw malformed(keyword, "an array of strings") }
        return strings
    }

    /// A string or an array of strings.
    func stringOrStrings(_ keyword: String) throws(SchemaProblem) -> [String]? {
        guard case .string(let string) = members[keyword] else { return try strings(keyword) }
        return [string]
    }

    /// In the order of the names, so that the same schema always becomes the same nodes.
    func object(_ keyword: String) throws(SchemaProblem) -> [(key: String, value: JSONValue)]? {
        guard let value = members[keyword] else { return nil }
        guard case .object(let members) = value else { throw malformed(keyword, "an object") }
        return members.sorted { $0.key < $1.key }
    }

    /// An object of arrays of strings.
    func stringsByName(_ keyword: String) throws(SchemaProblem) -> [String: [String]]? {
        guard let members = try object(keyword) else { return nil }
        var result: [String: [String]] = [:]
        for (name, value) in members {
            guard case .array(let elements) = value, let strings = Self.strings(elements) else {
                throw malformed(keyword, "an object whose members are arrays of strings")
            }
            result[name] = strings
        }
        return result
    }

    /// A regular expression at `keyword`, or at a member of it.
    func pattern(_ text: String, _ keyword: String) throws(SchemaProblem) -> SchemaPattern {
        do { return try SchemaPattern(text) } catch {
            throw malformed(keyword, "a regular expression that Swift can read, and \"\(text)\" is none: \(error)")
        }
    }

    /// One of the kinds of value that JSON Schema tells apart.
    func types() throws(SchemaProblem) -> [String]? {
        guard let types = try stringOrStrings("type") else { return nil }
        let known: Set = ["null", "boolean", "object", "array", "number", "string", "integer"]
        guard !types.isEmpty, types.allSatisfy(known.contains) else {
            throw malformed("type", "one of \(known.sorted().joined(separator: ", ")), or an array of them")
        }
        return types
    }

    func format() throws(SchemaProblem) -> SchemaFormat? {
        guard let name = try string("format") else { return nil }
        guard let format = SchemaFormat(rawValue: name) else {
            let known = SchemaFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw malformed("format", "one of \(known); write a pattern instead")
        }
        return format
    }

    private static func strings(_ values: [JSONValue]) -> [String]? {
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value else { return nil }
            strings.append(string)
        }
        return strings
    }
}
