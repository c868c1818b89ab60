// A statement with its values, and what both databases understand by them. One text serves SQLite and PostgreSQL: parameters
// are `$1`, `$2`, … in the order in which they first stand there. Who carries statements out is `SQLSession`.

/// A value that goes into a database or comes out of it.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    /// Null for nil. PostgreSQL's texts have no U+0000; it becomes U+FFFD, in both databases.
    static func text(_ value: String?) -> SQLValue {
        guard let value else { return .null }
        guard value.utf8.contains(0) else { return .text(value) }
        return .text(String(String.UnicodeScalarView(value.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 })))
    }

    /// Null for nil.
    static func integer(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }

    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    var text: String? { if case .text(let value) = self { value } else { nil } }
    var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }
}

/// A statement of SQL that SQLite and PostgreSQL both understand, with the values of its parameters.
///
/// Whoever has a database library of their own carries it out with that: `sql` has parameters `$1`, `$2`, …, and `values` their
/// values in this order.
public struct SQLStatement: Sendable, Hashable {
    public var sql: String
    public var values: [SQLValue]

    public init(_ sql: String, _ values: [SQLValue] = []) {
        self.sql = sql
        self.values = values
    }
}

/// Why a database has not done what it was asked for.
public struct SQLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of error it is. More kinds may be added in later releases, so a `switch` needs a default.
    public enum Kind: Sendable, Hashable {
        /// The database cannot be opened or reached. Another try may help.
        case unavailable
        /// Somebody else has it locked. Another try may help.
        case busy
        /// The database refuses the statement: a constraint, an unknown table, a full disk.
        case refused
        /// What it holds is not what was written there.
        case unexpected
    }

    public let kind: Kind
    /// What happened, in the database's own words.
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
