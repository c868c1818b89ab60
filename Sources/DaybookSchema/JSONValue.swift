// One JSON text as a tree, for those who must look at all of it: schemas, and what they are applied to. Foundation builds
// it, our scanner sees to it that the text is JSON and nothing like it; numbers stay decimal, so that 19.99 is a multiple
// of 0.01. Who only passes JSON on needs none of this.

internal import DaybookText
public import Foundation

/// A JSON value. Two are equal as JSON Schema has it: numbers by value (1 is 1.0), strings by their code points, objects
/// without regard to the order of their members.
public enum JSONValue: Sendable {
    case null
    case boolean(Bool)
    /// Up to 38 significant digits and exponents from −128 to 127; other numbers are refused when read.
    case number(Decimal)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads one JSON text (RFC 8259), nested at most 512 deep. O(count).
    ///
    /// Throws `JSONValueProblem` when `text` is something else, or holds a number that `Decimal` cannot, or an object that has
    /// a name twice: of the two members parsers take the first or the last, and what has been checked must be what is read.
    public init(parsing text: some Sequence<UInt8>) throws(JSONValueProblem) {
        let text = Data(text)
        do {
            // Foundation reads [1,] and the like, which the systems behind this one may not.
            _ = try text.withUnsafeBytes { bytes throws(JSONProblem) in
                try JSONScanner.scan(bytes, refusesRepeatedNames: true)
            }
            self = try JSONDecoder().decode(JSONValue.self, from: text)
        } catch let problem as JSONProblem {
            throw JSONValueProblem(reason: "\(problem.reason), at byte \(problem.place)")
        } catch DecodingError.dataCorrupted(let context) {
            throw JSONValueProblem(reason: context.debugDescription)
        } catch {
            throw JSONValueProblem(reason: String(describing: error))
        }
    }
}

/// The text is no JSON, or holds a number out of range.
public struct JSONValueProblem: Error, Equatable, CustomStringConvertible {
    /// What the parser said, for people.
    public let reason: String

    public var description: String { "not readable as JSON: \(reason)" }
}

extension JSONValue: Decodable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Each miss costs an error, so the kinds stand in the order of how often business documents hold them.
        if container.decodeNil() {
            self = .null
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let number = try? container.decode(Decimal.self) {
            self = .number(number)
        } else if let boolean = try? container.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else {
            self = .array(try container.decode([JSONValue].self))
        }
    }
}

extension JSONValue: Hashable {
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        // Swift holds é and e with an accent behind it for the same; JSON does not.
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .boolean(let boolean): hasher.combine(boolean)
        case .number(let number): hasher.combine(number)
        case .string(let string): for byte in string.utf8 { hasher.combine(byte) }
        case .array(let values): hasher.combine(values)
        case .object(let members): hasher.combine(members)
        }
    }
}

extension JSONValue {
    /// The word that JSON Schema has for the kind of this value; a number without a fraction is an `integer`.
    var typeName: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .number(let number): number.isWhole ? "integer" : "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension Decimal {
    /// Whether nothing stands behind the point.
    var isWhole: Bool { rounded(scale: 0) == self }

    /// Whether this is a whole number of times `unit`, which is above 0.
    func isMultiple(of unit: Decimal) -> Bool {
        let times = (self / unit).rounded(scale: 0)
        return times * unit == self
    }

    private func rounded(scale: Int) -> Decimal {
        var value = self
        var result = Decimal()
        NSDecimalRound(&result, &value, scale, .plain)
        return result
    }
}
