// SQLite through its C library. A session has opened its file itself, or works on a connection that a user's library has
// opened. Statements are prepared once.

internal import CSQLite

/// A connection to an SQLite database.
public final class SQLiteSession: SQLSession {
    /// SQLite's own `sqlite3 *`.
    let connection: OpaquePointer
    private var handle: OpaquePointer { connection }
    private let isOwner: Bool
    private var prepared: [String: Prepared] = [:]

    private struct Prepared {
        let statement: OpaquePointer
        /// The statement's number of each parameter.
        let parameters: [Int32]
    }

    /// So many statements are kept; a program has far fewer.
    private static let mostPrepared = 64

    /// Works on a connection that somebody else has opened, for example `db.sqliteConnection` of GRDB: statements become part
    /// of the transaction that it is in. The connection must stay open as long as the session is used.
    public init(connection handle: OpaquePointer) {
        connection = handle
        isOwner = false
    }

    /// How a file is opened.
    enum Access: Sendable {
        case readOnly
        /// The file is made where there is none.
        case readWrite
    }

    /// Opens a file. A projection can be built again, so what it writes need not outlive a power cut, but it stays whole.
    init(path: String, _ access: Access) throws(SQLError) {
        var handle: OpaquePointer?
        let flags = access == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let status = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard status == SQLITE_OK, let handle else {
            let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw SQLError(.unavailable, "\(path) cannot be opened: \(reason)")
        }
        connection = handle
        isOwner = true
        sqlite3_busy_timeout(handle, 10_000)
        guard access == .readWrite else { return }
        _ = try rows("PRAGMA journal_mode = WAL")
        _ = try execute("PRAGMA synchronous = NORMAL")
    }

    deinit {
        for statement in prepared.values { sqlite3_finalize(statement.statement) }
        if isOwner { sqlite3_close_v2(handle) }
    }

    public var dialect: SQLDialect { .sqlite }

    @discardableResult
    public func execute(_ statement: SQLStatement) throws(SQLError) -> Int {
        let running = try start(statement)
        defer { sqlite3_reset(running) }
        while try step(running) {}
        return Int(sqlite3_changes(handle))
    }

    public func rows(_ statement: SQLStatement) throws(SQLError) -> [[SQLValue]] {
        let running = try start(statement)
        defer { sqlite3_reset(running) }
        var rows: [[SQLValue]] = []
        while try step(running) {
            rows.append((0..<sqlite3_column_count(running)).map { Self.value(running, $0) })
        }
        return rows
    }

    // MARK: statements

    private func start(_ statement: SQLStatement) throws(SQLError) -> OpaquePointer {
        let known = try prepare(statement.sql)
        precondition(known.parameters.count == statement.values.count, "a statement has a value for each parameter")
        for (number, value) in zip(known.parameters, statement.values) {
            try check(Self.bind(known.statement, number, value))
        }
        return known.statement
    }

    private func prepare(_ sql: String) throws(SQLError) -> Prepared {
        if let known = prepared[sql] { return known }
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v2(handle, sql, -1, &statement, nil))
        guard let statement else { throw SQLError(.refused, "There is no statement in \"\(sql)\"") }
        let count = sqlite3_bind_parameter_count(statement)
        var parameters: [Int32] = []
        for number in 0..<count { parameters.append(sqlite3_bind_parameter_index(statement, "$\(number + 1)")) }
        if prepared.count >= Self.mostPrepared {
            for other in prepared.values { sqlite3_finalize(other.statement) }
            prepared = [:]
        }
        let known = Prepared(statement: statement, parameters: parameters)
        prepared[sql] = known
        return known
    }

    private static func bind(_ statement: OpaquePointer, _ number: Int32, _ value: SQLValue) -> Int32 {
        // SQLite copies what it is handed.
        let copying = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return sqlite3_bind_null(statement, number)
        case .integer(let value): return sqlite3_bind_int64(statement, number, value)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    // Without an address SQLite would take it for null.
                    guard let base = $0.baseAddress else { return sqlite3_bind_text(statement, number, "", 0, copying) }
                    return sqlite3_bind_text64(
                        statement, number, base, UInt64($0.count), copying, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            if bytes.isEmpty { return sqlite3_bind_zeroblob(statement, number, 0) }
            return bytes.withUnsafeBytes {
                sqlite3_bind_blob64(statement, number, $0.baseAddress, UInt64($0.count), copying)
            }
        }
    }

    private static func value(_ statement: OpaquePointer, _ column: Int32) -> SQLValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_NULL: return .null
        case SQLITE_BLOB:
            let bytes = sqlite3_column_blob(statement, column)
            let count = Int(sqlite3_column_bytes(statement, column))
            return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        default:
            let bytes = sqlite3_column_text(statement, column)
            let count = Int(sqlite3_column_bytes(statement, column))
            return .text(String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self))
        }
    }

    /// Whether there is a row.
    private func step(_ statement: OpaquePointer) throws(SQLError) -> Bool {
        let status = sqlite3_step(statement)
        if status == SQLITE_ROW { return true }
        if status != SQLITE_DONE { try check(status) }
        return false
    }

    private func check(_ status: Int32) throws(SQLError) {
        guard status != SQLITE_OK else { return }
        let kind: SQLError.Kind
        switch status & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: kind = .busy
        case SQLITE_CANTOPEN, SQLITE_IOERR: kind = .unavailable
        case SQLITE_CORRUPT, SQLITE_NOTADB: kind = .unexpected
        default: kind = .refused
        }
        throw SQLError(kind, "SQLite: \(String(cString: sqlite3_errmsg(handle)))")
    }
}
