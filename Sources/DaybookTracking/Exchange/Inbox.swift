// The inbox of a group in its user's database: which effects have happened, written in the transaction that has the effect. It
// is what makes a handler's effect class `transactional`.

public import DaybookModel
public import DaybookProcessing

/// Which effects a group has had in a database.
///
/// ```swift
/// let inbox = Inbox()
/// let route = Route("crm.order.*", to: Downstream("erp"), effect: .transactional) { event, context in
///     try await connection.transaction { session in
///         guard try inbox.record(context, in: session) else { return .alreadyDone() }
///         try reserve(event, in: session)
///         return .done()
///     }
/// }
/// ```
///
/// The effect and its row are one transaction. So whatever is cut off when, the effect happens once: an attempt that finds the row
/// comes after one that had the effect, and whose outcome was lost.
public struct Inbox: Sendable, Hashable {
    /// The name of the table: letters, digits and underscores.
    public let table: String

    public init(table: String = "daybook_inbox") {
        precondition(SQLName.isPlain(table), "the name of a table has letters, digits and underscores: \(table)")
        self.table = table
    }

    /// Makes the table where there is none.
    public var creation: SQLStatement {
        SQLStatement(
            """
            CREATE TABLE IF NOT EXISTS \(table) (
                group_name TEXT NOT NULL, effect_key TEXT NOT NULL, recorded_at BIGINT NOT NULL,
                PRIMARY KEY (group_name, effect_key))
            """)
    }

    /// Records an effect: changes one row if it has not happened, and none if it has.
    ///
    /// For programs with a database library of their own, which carry it out within the transaction that has the effect, before
    /// the effect, and look at the number of rows. Where another transaction is about to record the same effect, it waits for
    /// that one's end.
    public func recording(_ context: EventContext) -> SQLStatement {
        SQLStatement(
            "INSERT INTO \(table) (group_name, effect_key, recorded_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.text(context.group), .text(context.effectKey), .integer(context.time.rawValue)])
    }

    /// Records an effect within the transaction that is going to have it. False: it has happened, and nothing is to be done.
    public func record(_ context: EventContext, in session: any SQLSession) throws(SQLError) -> Bool {
        try session.execute(recording(context)) == 1
    }

    /// Forgets effects that were recorded before `time`. An event that comes again later has its effect again, unless the
    /// group itself remembers it; keep them for longer than events may be redriven or replayed. Returns how many there were.
    @discardableResult
    public func forget(before time: Timestamp, in session: any SQLSession) throws(SQLError) -> Int {
        try session.execute(SQLStatement("DELETE FROM \(table) WHERE recorded_at < $1", [.integer(time.rawValue)]))
    }
}

/// Names that stand in statements as they are.
enum SQLName {
    static func isPlain(_ name: String) -> Bool {
        let isWord = name.utf8.allSatisfy {
            (97...122).contains($0 | 32) || (48...57).contains($0) || $0 == UInt8(ascii: "_")
        }
        return isWord && !name.isEmpty && name.utf8.count <= 50 && name.utf8.first.map { $0 > 57 } == true
    }
}
