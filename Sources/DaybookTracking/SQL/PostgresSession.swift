// PostgreSQL through libpq. A session has connected itself, or works on a connection that a user's program has opened.
// Statements are prepared once; values go there as text, bytes as they are.

internal import CPostgres

/// A connection to a PostgreSQL database.
public final class PostgresSession: SQLSession {
    private let handle: OpaquePointer
    private let isOwner: Bool
    /// The names of statements that have been prepared.
    private var prepared: [String: String] = [:]
    /// Sessions on a borrowed connection must not meet each other's statements.
    private let prefix: String

    /// Works on a connection of libpq (`PGconn *`) that somebody else has opened: statements become part of the transaction
    /// that it is in. The connection must stay open as long as the session is used.
    public convenience init(connection handle: OpaquePointer) { self.init(handle, isOwner: false) }

    private init(_ handle: OpaquePointer, isOwner: Bool) {
        self.handle = handle
        self.isOwner = isOwner
        prefix = isOwner ? "daybook" : "daybook_\(UInt64.random(in: 0...(.max)))"
        // Notes such as "relation exists already" are not for the standard error of a program.
        _ = PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
        if isOwner { PQsetNoticeProcessor(handle, { _, _ in }, nil) }
    }

    /// Connects; `url` is one of `postgres://user@host/database`, or libpq's own list of keywords.
    convenience init(url: String) throws(SQLError) {
        // Keywords of the URL come later, so they go before these.
        let keywords = ["connect_timeout", "application_name", "dbname"]
        let values = ["10", "daybook", url]
        let handle = Self.withStrings(keywords) { keywords in
            Self.withStrings(values) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let handle else { throw SQLError(.unavailable, "PostgreSQL: out of memory") }
        guard PQstatus(handle) == CONNECTION_OK else {
            let reason = Self.message(handle)
            PQfinish(handle)
            throw SQLError(.unavailable, "PostgreSQL cannot be reached: \(reason)")
        }
        self.init(handle, isOwner: true)
    }

    deinit {
        if isOwner { PQfinish(handle) }
    }

    public var dialect: SQLDialect { .postgres }

    @discardableResult
    public func execute(_ statement: SQLStatement) throws(SQLError) -> Int {
        let result = try run(statement)
        defer { PQclear(result) }
        return Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    public func rows(_ statement: SQLStatement) throws(SQLError) -> [[SQLValue]] {
        let result = try run(statement)
        defer { PQclear(result) }
        let types = (0..<PQnfields(result)).map { PQftype(result, $0) }
        var rows: [[SQLValue]] = []
        for row in 0..<PQntuples(result) {
            var values: [SQLValue] = []
            for (column, type) in types.enumerated() { values.append(try Self.value(result, row, Int32(column), type)) }
            rows.append(values)
        }
        return rows
    }

    // MARK: statements

    private func run(_ statement: SQLStatement) throws(SQLError) -> OpaquePointer? {
        if statement.values.isEmpty { return try checked(PQexec(handle, statement.sql)) }
        let name: String
        if let known = prepared[statement.sql] {
            name = known
        } else {
            name = "\(prefix)_\(prepared.count)"
            PQclear(try checked(PQprepare(handle, name, statement.sql, Int32(statement.values.count), nil)))
            prepared[statement.sql] = name
        }
        var texts: [[CChar]?] = []
        var lengths: [Int32] = []
        var formats: [Int32] = []
        for value in statement.values {
            switch value {
            case .null: texts.append(nil)
            case .integer(let number): texts.append("\(number)".utf8CString.map { $0 })
            case .text(let text): texts.append(text.utf8CString.map { $0 })
            case .blob(let bytes): texts.append(bytes.map { CChar(bitPattern: $0) } + [0])
            }
            let isBlob = value.blob != nil
            lengths.append(isBlob ? Int32((texts.last??.count ?? 1) - 1) : 0)
            formats.append(isBlob ? 1 : 0)
        }
        let result = Self.withBytes(texts) {
            PQexecPrepared(handle, name, Int32(statement.values.count), $0, lengths, formats, 0)
        }
        return try checked(result)
    }

    private func checked(_ result: OpaquePointer?) throws(SQLError) -> OpaquePointer? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
        default: break
        }
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        PQclear(result)
        let kind: SQLError.Kind
        if PQstatus(handle) != CONNECTION_OK || state.hasPrefix("08") || state.hasPrefix("57P") {
            kind = .unavailable
        } else if ["40001", "40P01", "55P03"].contains(state) {
            kind = .busy
        } else {
            kind = .refused
        }
        throw SQLError(kind, "PostgreSQL: \(Self.message(handle))")
    }

    private static func message(_ handle: OpaquePointer) -> String {
        var text = String(cString: PQerrorMessage(handle))
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    // MARK: values

    private static func value(
        _ result: OpaquePointer?, _ row: Int32, _ column: Int32, _ type: Oid
    ) throws(SQLError) -> SQLValue {
        if PQgetisnull(result, row, column) == 1 { return .null }
        let text = String(cString: PQgetvalue(result, row, column))
        switch type {
        // int8, int2, int4, and numeric, which sums are
        case 20, 21, 23, 1700:
            guard let number = Int64(text) else {
                throw SQLError(.unexpected, "PostgreSQL: \(text) is no whole number")
            }
            return .integer(number)
        // bytea
        case 17:
            guard text.hasPrefix("\\x"), let bytes = HexText.bytes(text.dropFirst(2)) else {
                throw SQLError(
                    .unexpected, "PostgreSQL: bytes do not come in hexadecimal digits; is bytea_output changed?")
            }
            return .blob(bytes)
        default: return .text(text)
        }
    }

    private static func withStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R
    ) -> R {
        withBytes(strings.map { $0.utf8CString.map { $0 } }, body)
    }

    /// Lends C an array of texts, each with its zero, behind which there is a null.
    private static func withBytes<R>(
        _ texts: [[CChar]?], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R
    ) -> R {
        let bytes = texts.flatMap { $0 ?? [] }
        return bytes.withUnsafeBufferPointer { bytes in
            var place = 0
            var pointers: [UnsafePointer<CChar>?] = []
            for text in texts {
                pointers.append(text == nil ? nil : bytes.baseAddress.map { $0 + place })
                place += text?.count ?? 0
            }
            pointers.append(nil)
            return body(pointers)
        }
    }
}
