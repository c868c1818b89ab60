// What Prometheus' text says of each metric of Daybook. A test holds the names against those that the engine's observers and
// gauges really record.

/// Descriptions of metrics.
enum PrometheusHelp {
    /// By name.
    static let daybook = [
        "daybook_records_appended_total": "Records that were written to the log.",
        "daybook_bytes_appended_total": "Bytes that were written to the log, as they are on disk.",
        "daybook_batches_appended_total": "Record batches that were written to the log.",
        "daybook_duplicate_batches_total": "Batches that had been written before and were not written again.",
        "daybook_batches_refused_total": "Batches that the log has refused, by reason.",
        "daybook_append_seconds": "Time of an append, from the wait for the partition to the return of the write call.",
        "daybook_flush_seconds": "Time that the disk takes to make a partition's bytes durable.",
        "daybook_flush_failures_total": "Flushes that the disk has failed; the partition takes no appends any more.",
        "daybook_bytes_read_total": "Bytes that were read from the log, as they are on disk.",
        "daybook_read_seconds": "Time of a read, without unpacking.",
        "daybook_transactions_total": "Transactions that have ended, by outcome.",
        "daybook_transaction_seconds": "Time of a transaction, from its begin to its end, by outcome.",
        "daybook_offset_commits_total": "Commits of a group's offsets.",
        "daybook_offset_commits_refused_total": "Commits of a group's offsets that were refused, by reason.",
        "daybook_offset_commit_seconds": "Time until a commit of offsets is durable.",
        "daybook_records_consumed_total": "Records that consumers were handed.",
        "daybook_bytes_consumed_total": "Bytes of batches that consumers were handed, as they are on disk.",
        "daybook_poll_wait_seconds": "Time that calls for a consumer's records have waited, where they had to.",
        "daybook_lag_records":
            "Offsets from the place of a consumer, when it last got records, or of a processor to the end of what it may read.",
        "daybook_rebalances_total": "Times that a group's partitions were distributed anew.",
        "daybook_rebalance_seconds": "Time from when members are asked to join until all have their share.",
        "daybook_housekeeping_findings_total": "Findings of the housekeeper that want a person's attention, by kind.",
        "daybook_group_lag_records": "Records that wait for a group.",
        "daybook_group_oldest_record_seconds": "Age of the oldest record that waits for a group.",
        "daybook_group_lost_partitions": "Partitions in which a group cannot go on from where it was.",
        "daybook_events_appended_total": "Events that were published, by type.",
        "daybook_events_rejected_total": "Events that were not published, by reason.",
        "daybook_attempts_total": "Calls of handlers that have ended, by result.",
        "daybook_processing_seconds": "Time of a handler's call.",
        "daybook_probes_total": "Questions whether an effect has happened, by answer.",
        "daybook_outcomes_total": "Events that are done or set aside, by type and status.",
        "daybook_retries_total": "Attempts that have failed and are made again.",
        "daybook_duplicates_skipped_total": "Events that were passed over because their effect had happened.",
        "daybook_dead_letters_total": "Events that were dead-lettered, by reason.",
        "daybook_redrives_total": "Decisions to work through dead letters again, by result.",
        "daybook_append_to_success_seconds": "Time from a record's own time to the durable success of its event.",
        "daybook_oldest_unprocessed_seconds": "Age of the oldest event that a group has neither done nor set aside.",
        "daybook_lanes": "Keys that have events which are not done, by what the first of these waits for.",
        "daybook_oldest_blocked_lane_seconds": "For how long a key has waited behind a dead letter, at the longest.",
        "daybook_inflight": "Calls of handlers and probes under way.",
        "daybook_breaker_state": "Breaker of a downstream: 0 closed, 1 one attempt is let through, 2 open.",
        "daybook_group_stopped": "1 while a group takes up no events until somebody resumes it.",
    ]
}
