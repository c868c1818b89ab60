// The tables of the projection, the same in both databases. Rows are written by `TrackingStore` and read by `TrackingStore` and
// `Tracking`; people may read them with any tool.

/// The tables.
enum TrackingSchema {
    /// Raised when the tables change: what an earlier release has left is built again.
    static let version: Int64 = 1

    static let events = "daybook_tracking"

    /// The columns of an event, in the order in which rows are read and written.
    static let columns = [
        "group_name", "topic", "partition", "record_offset", "event_id", "event_source", "event_type", "event_time",
        "record_key", "revision", "correlation_id", "causation_id", "payload_digest", "status", "attempts",
        "first_seen", "last_attempt", "due", "reason", "error_type", "message", "downstream", "reference", "behind",
        "holds_key", "journal_position",
    ]

    /// Makes what is missing.
    static let statements = [
        """
        CREATE TABLE IF NOT EXISTS daybook_tracking (
            group_name TEXT NOT NULL, topic TEXT NOT NULL, partition BIGINT NOT NULL, record_offset BIGINT NOT NULL,
            event_id TEXT, event_source TEXT, event_type TEXT, event_time BIGINT, record_key TEXT, revision BIGINT,
            correlation_id TEXT, causation_id TEXT, payload_digest TEXT,
            status TEXT NOT NULL, attempts BIGINT NOT NULL, first_seen BIGINT, last_attempt BIGINT, due BIGINT,
            reason TEXT, error_type TEXT, message TEXT, downstream TEXT, reference TEXT,
            behind BIGINT, holds_key BIGINT NOT NULL, journal_position BIGINT,
            PRIMARY KEY (group_name, topic, partition, record_offset))
        """,
        // Nearly all events have succeeded; who asks for the others finds them at once.
        """
        CREATE INDEX IF NOT EXISTS daybook_tracking_status ON daybook_tracking (group_name, status)
            WHERE status <> 'succeeded'
        """,
        "CREATE INDEX IF NOT EXISTS daybook_tracking_key ON daybook_tracking (record_key) WHERE record_key IS NOT NULL",
        """
        CREATE INDEX IF NOT EXISTS daybook_tracking_correlation ON daybook_tracking (correlation_id)
            WHERE correlation_id IS NOT NULL
        """,
        "CREATE INDEX IF NOT EXISTS daybook_tracking_event ON daybook_tracking (event_id) WHERE event_id IS NOT NULL",
        """
        CREATE TABLE IF NOT EXISTS daybook_tracking_groups (
            group_name TEXT NOT NULL PRIMARY KEY, schema_version BIGINT NOT NULL, change_number BIGINT NOT NULL,
            epoch BIGINT NOT NULL, journal_position BIGINT NOT NULL, journal_time BIGINT, routes TEXT NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS daybook_tracking_partitions (
            group_name TEXT NOT NULL, number BIGINT NOT NULL, topic TEXT NOT NULL, partition BIGINT NOT NULL,
            next_offset BIGINT NOT NULL, PRIMARY KEY (group_name, number))
        """,
    ]
}
