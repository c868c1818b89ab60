// The outbox in a user's database: events that are to be published, written in the transaction of the change that they tell of.
// Who publishes them is `OutboxRelay`.

public import DaybookModel
public import DaybookProcessing

/// Events that a database wants published.
///
/// ```swift
/// try await connection.transaction { session in
///     try session.execute(SQLStatement("UPDATE orders SET status = 'paid' WHERE id = $1", [.integer(42)]))
///     try outbox.insert(paid, in: session)
/// }
/// ```
///
/// The change and the event are one transaction: neither is there without the other. The table has a column for each attribute, so that
/// programs in other languages can write to it too.
public struct Outbox: Sendable, Hashable {
    /// The name of the table: letters, digits and underscores.
    public let table: String

    public init(table: String = "daybook_outbox") {
        precondition(SQLName.isPlain(table), "the name of a table has letters, digits and underscores: \(table)")
        self.table = table
    }

    /// Makes the table and its index where there are none.
    public func creation(for dialect: SQLDialect) -> [SQLStatement] {
        let number =
            dialect == .sqlite
            ? "INTEGER PRIMARY KEY AUTOINCREMENT" : "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        return [
            SQLStatement(
                """
                CREATE TABLE IF NOT EXISTS \(table) (
                    number \(number), event_id TEXT NOT NULL, event_source TEXT NOT NULL, event_type TEXT NOT NULL,
                    event_time BIGINT, subject TEXT, content_type TEXT, data_schema TEXT, partition_key TEXT,
                    revision BIGINT, correlation_id TEXT, causation_id TEXT, trace_parent TEXT,
                    extensions TEXT NOT NULL DEFAULT '', body BYTEA, sent_at BIGINT, problem TEXT,
                    UNIQUE (event_source, event_id))
                """),
            SQLStatement(
                """
                CREATE INDEX IF NOT EXISTS \(table)_unsent ON \(table) (number) WHERE sent_at IS NULL AND problem IS NULL
                """),
        ]
    }

    /// Makes the table and its index where there are none, within a transaction.
    public func create(in session: any SQLSession) throws(SQLError) {
        for statement in creation(for: session.dialect) { try session.execute(statement) }
    }

    /// Puts an event into the outbox. For programs with a database library of their own, which carry it out within the transaction
    /// of the change.
    public func insertion(_ event: Event) -> SQLStatement {
        SQLStatement(
            """
            INSERT INTO \(table) (event_id, event_source, event_type, event_time, subject, content_type, data_schema, partition_key,
                revision, correlation_id, causation_id, trace_parent, extensions, body)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            [
                .text(event.id), .text(event.source), .text(event.type), .integer(event.time?.rawValue),
                .text(event.subject), .text(event.contentType), .text(event.schema), .text(event.partitionKey),
                .integer(event.sequence), .text(event.correlationID), .text(event.causationID),
                .text(event.traceParent),
                .text(EscapedLines.text(event.extensions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })),
                event.body.map { .blob($0) } ?? .null,
            ])
    }

    /// Puts an event into the outbox, within the transaction of the change.
    ///
    /// Throws `EventError` where it is none, and `SQLError` with `.refused` where an event of the same source and id is there
    /// already. Events of one key are published in the order of their insertion, where the transactions that insert them wait for
    /// each other, as those that change one row do.
    public func insert(_ event: Event, in session: any SQLSession) throws {
        // What could not be written down would never leave the outbox.
        _ = try event.record()
        try session.execute(insertion(event))
    }

    /// Deletes rows that were published before `time`. Returns how many there were.
    @discardableResult
    public func forget(sentBefore time: Timestamp, in session: any SQLSession) throws(SQLError) -> Int {
        try session.execute(SQLStatement("DELETE FROM \(table) WHERE sent_at < $1", [.integer(time.rawValue)]))
    }

    /// How many events wait, and how many are held back because publishing refuses them.
    public func counts(in session: any SQLSession) throws(SQLError) -> (unsent: Int, refused: Int) {
        let row = try session.rows(
            """
            SELECT count(CASE WHEN problem IS NULL THEN 1 END), count(problem) FROM \(table) WHERE sent_at IS NULL
            """
        ).first
        return (Int(row?[0].integer ?? 0), Int(row?[1].integer ?? 0))
    }

    // MARK: for the relay

    /// An event that waits.
    struct Waiting: Sendable {
        let number: Int64
        let event: Event
    }

    /// The first events that wait, in order.
    func waiting(_ limit: Int, in session: any SQLSession) throws(SQLError) -> [Waiting] {
        try session.rows(
            """
            SELECT number, event_id, event_source, event_type, event_time, subject, content_type, data_schema, partition_key,
                revision, correlation_id, causation_id, trace_parent, extensions, body
            FROM \(table) WHERE sent_at IS NULL AND problem IS NULL ORDER BY number LIMIT \(limit)
            """
        ).map { row throws(SQLError) in
            guard let number = row[0].integer, let id = row[1].text, let source = row[2].text, let type = row[3].text
            else { throw SQLError(.unexpected, "A row of the outbox \(table) has no number, id, source or type") }
            let event = Event(
                id: id, source: source, type: type, time: row[4].integer.map { Timestamp(milliseconds: $0) },
                subject: row[5].text, contentType: row[6].text, schema: row[7].text, partitionKey: row[8].text,
                sequence: row[9].integer, correlationID: row[10].text, causationID: row[11].text,
                traceParent: row[12].text,
                extensions: Dictionary(
                    EscapedLines.pairs(row[13].text ?? ""), uniquingKeysWith: { first, _ in first }),
                body: row[14].blob)
            return Waiting(number: number, event: event)
        }
    }

    /// Takes note of what became of an event.
    func mark(
        _ number: Int64, sentAt time: Timestamp?, problem: String?, in session: any SQLSession
    ) throws(SQLError) {
        try session.execute(
            SQLStatement(
                "UPDATE \(table) SET sent_at = $1, problem = $2 WHERE number = $3",
                [.integer(time?.rawValue), .text(problem), .integer(number)]))
    }
}
