// The thread on which a session of ours is used: its calls block, so they run neither on Swift's threads nor on those of the
// engine, which a database that does not answer must not hold up. In a simulation, which has one thread, they run at once.

internal import Dispatch

/// One session and the thread that uses it.
///
/// Safety: `session` is touched by the queue alone, or where there is none by a simulation's only thread.
final class SQLThread: @unchecked Sendable {
    private let queue: DispatchQueue?
    private let database: SQLDatabase
    private let access: SQLiteSession.Access
    private var session: (any SQLSession)?

    /// `isInline`: calls run on the caller's thread.
    init(_ database: SQLDatabase, _ access: SQLiteSession.Access, isInline: Bool = false) {
        self.database = database
        self.access = access
        queue = isInline ? nil : DispatchQueue(label: "daybook.tracking")
    }

    /// Runs `body` with the session, which is opened first where that has not been done. After an error of the connection the
    /// next call opens another one.
    func run<R: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> R) async throws -> R {
        guard let queue else { return try perform(body) }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.perform(body) }) }
        }
    }

    private func perform<R>(_ body: (any SQLSession) throws -> R) throws -> R {
        let session = try session ?? database.session(access)
        self.session = session
        do { return try body(session) } catch {
            if let error = error as? SQLError, error.kind == .unavailable { self.session = nil }
            throw error
        }
    }
}
