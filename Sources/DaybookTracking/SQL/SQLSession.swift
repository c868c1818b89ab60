// A connection to a database: the seam that has two sides, `SQLiteSession` and `PostgresSession`. Calls block; whoever is not on
// a thread of their own goes through `SQLThread`.

/// Whose SQL a database speaks, where the two differ.
public enum SQLDialect: Sendable, Hashable {
    case sqlite
    case postgres

    /// What begins a transaction that is going to write.
    var beginning: String { self == .sqlite ? "BEGIN IMMEDIATE" : "BEGIN" }
}

/// A connection to a database, or a user's own connection on loan. It is used by one thread at a time.
public protocol SQLSession: AnyObject {
    /// Carries a statement out and returns how many rows it has inserted, changed or deleted.
    @discardableResult
    func execute(_ statement: SQLStatement) throws(SQLError) -> Int

    /// The rows that a query finds, in its order.
    func rows(_ statement: SQLStatement) throws(SQLError) -> [[SQLValue]]

    /// Whose database it is.
    var dialect: SQLDialect { get }
}

extension SQLSession {
    func execute(_ sql: String, _ values: SQLValue...) throws(SQLError) -> Int {
        try execute(SQLStatement(sql, values))
    }

    func rows(_ sql: String, _ values: SQLValue...) throws(SQLError) -> [[SQLValue]] {
        try rows(SQLStatement(sql, values))
    }

    /// Runs `body` within a transaction, which is there as a whole when this returns, and not at all when it throws.
    func transaction<R>(_ body: () throws -> R) throws -> R {
        _ = try execute(dialect.beginning)
        let result: R
        do {
            result = try body()
            _ = try execute("COMMIT")
        } catch {
            // The first failure is the one to tell; a broken connection has rolled back already.
            do { _ = try execute("ROLLBACK") } catch {}
            throw error
        }
        return result
    }
}
