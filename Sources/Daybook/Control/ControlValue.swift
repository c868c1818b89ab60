// What commands, their answers and their progress are made of on the way between two processes: a few kinds of values with
// names. How they become bytes is in `ControlEncoding`; who means what by them is a command's own affair.

/// A value of a command or an answer.
public enum ControlValue: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Nothing: a value that is left out.
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([ControlValue])
    /// Values with names. A name that is missing is the same as one with `null`.
    case fields([String: ControlValue])

    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: ControlValue...) { self = .list(elements) }
    public init(dictionaryLiteral elements: (String, ControlValue)...) {
        self = .fields(Dictionary(elements) { _, last in last })
    }

    /// The field of that name as what it should be; throws `.invalidRequest` that names it when it is missing, or is something
    /// else. An optional may be missing.
    public func field<Field: ControlRepresentable>(
        _ name: String, as type: Field.Type = Field.self
    ) throws(DaybookError) -> Field {
        guard case .fields(let fields) = self else { throw .notRepresentable("named values") }
        do throws(DaybookError) {
            return try Field(controlValue: fields[name] ?? .null)
        } catch {
            throw error.code == .invalidRequest ? .notRepresentable("\"\(name)\": \(error.message)") : error
        }
    }

    /// What kind of value it is, for messages.
    var kindName: String {
        switch self {
        case .null: "nothing"
        case .bool: "yes or no"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a text"
        case .list: "a list"
        case .fields: "named values"
        }
    }
}

/// What can be sent as a `ControlValue` and be made of one again.
public protocol ControlRepresentable {
    var controlValue: ControlValue { get }
    /// Throws `.invalidRequest` that says what was expected.
    init(controlValue value: ControlValue) throws(DaybookError)
}

extension DaybookError {
    /// A value was not what it should have been.
    static func notRepresentable(_ description: String) -> DaybookError {
        DaybookError(.invalidRequest, description)
    }

    static func expected(_ description: String, _ found: ControlValue) -> DaybookError {
        notRepresentable("expected \(description), found \(found.kindName)")
    }
}

// MARK: values of the language

extension ControlValue: ControlRepresentable {
    public var controlValue: ControlValue { self }
    public init(controlValue value: ControlValue) { self = value }
}

extension Bool: ControlRepresentable {
    public var controlValue: ControlValue { .bool(self) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .bool(let bool) = value else { throw .expected("yes or no", value) }
        self = bool
    }
}

extension Int64: ControlRepresentable {
    public var controlValue: ControlValue { .integer(self) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .integer(let integer) = value else { throw .expected("a whole number", value) }
        self = integer
    }
}

extension Int: ControlRepresentable {
    public var controlValue: ControlValue { .integer(Int64(self)) }
    public init(controlValue value: ControlValue) throws(DaybookError) { self = Int(try Int64(controlValue: value)) }
}

extension Int32: ControlRepresentable {
    public var controlValue: ControlValue { .integer(Int64(self)) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard let number = Int32(exactly: try Int64(controlValue: value)) else {
            throw .notRepresentable("the number is too large")
        }
        self = number
    }
}

extension Double: ControlRepresentable {
    public var controlValue: ControlValue { .number(self) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .number(let number) = value else { throw .expected("a number", value) }
        self = number
    }
}

extension String: ControlRepresentable {
    public var controlValue: ControlValue { .string(self) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .string(let string) = value else { throw .expected("a text", value) }
        self = string
    }
}

extension Optional: ControlRepresentable where Wrapped: ControlRepresentable {
    public var controlValue: ControlValue { self?.controlValue ?? .null }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        self = value == .null ? nil : try Wrapped(controlValue: value)
    }
}

extension Array: ControlRepresentable where Element: ControlRepresentable {
    public var controlValue: ControlValue { .list(map(\.controlValue)) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .list(let values) = value else { throw .expected("a list", value) }
        self = []
        for value in values { append(try Element(controlValue: value)) }
    }
}
