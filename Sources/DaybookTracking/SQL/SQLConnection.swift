// A connection for programs that have no database library of their own: transactions on a thread that may block. Who has one
// lends its connection to `SQLiteSession` or `PostgresSession` instead.

/// A connection to a database, on a thread of its own.
public final class SQLConnection: Sendable {
    private let thread: SQLThread

    /// Connects with the first transaction. A file of SQLite's is made where there is none.
    public init(_ database: SQLDatabase) { thread = SQLThread(database, .readWrite) }

    /// For simulations, which have one thread.
    init(_ database: SQLDatabase, isInline: Bool) { thread = SQLThread(database, .readWrite, isInline: isInline) }

    /// Runs `body` within a transaction: what it does is there as a whole when this returns, and durable as the database is
    /// configured; nothing of it when it throws. Transactions of one connection wait for each other.
    public func transaction<R: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> R
    ) async throws -> R {
        try await thread.run { session in try session.transaction { try body(session) } }
    }
}
