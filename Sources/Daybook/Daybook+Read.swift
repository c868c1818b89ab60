// Reading by offset and by time, for callers that must not block. A reader for threads of one's own is `PartitionReader`.
// What a partition does for them is in `Partition+Read`.

public import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// Reads whole batches from `offset` on, with gaps where there is nothing to be had.
    ///
    /// Returns about `maxBytes`, but at least one batch, which may begin before `offset`; nothing at the limit, which is
    /// the last stable offset for `.committed`, the high watermark for `.durable` and the log end for `.pageCache`. Every batch
    /// has been checked against its checksum. Throws `.offsetOutOfRange` below zero, and behind the limit and the high
    /// watermark.
    public func read(
        _ topicPartition: TopicPartition, from offset: Offset, maxBytes: ByteCount = .mebibytes(1),
        isolation: Isolation = .committed
    ) async throws -> ReadResult {
        let partition = try partition(topicPartition)
        return try await services.io.run { () throws(DaybookError) in
            try partition.refreshIfReadOnly(upTo: offset, isolation: isolation)
            return try partition.readBlocking(
                from: offset, maximumBytes: max(1, maxBytes.rawValue), isolation: isolation)
        }
    }

    /// Earliest, stable, durable and latest offset of a partition.
    public func offsets(_ topicPartition: TopicPartition) async throws -> PartitionOffsets {
        let partition = try partition(topicPartition)
        guard isReadOnly else { return partition.offsets }
        return try await services.io.run { () throws(DaybookError) in
            try partition.refreshIfReadOnly(upTo: .max)
            return partition.offsets
        }
    }

    /// The first record whose timestamp is at least `timestamp`; nil when there is none. As Kafka's `offsetsForTimes`:
    /// producers choose timestamps, so later records may be older. With `.committed` too it may be one that was aborted: whoever
    /// reads on from there gets the first one that was not.
    public func offset(
        _ topicPartition: TopicPartition, forTimestamp timestamp: Timestamp, isolation: Isolation = .committed
    ) async throws -> Offset? {
        let partition = try partition(topicPartition)
        return try await services.io.run { () throws(DaybookError) in
            try partition.offsetBlocking(forTimestamp: timestamp, isolation: isolation)
        }
    }

    /// The first record that the log appended at or after `time`; nil when all are older. Append times never fall, so
    /// everything from there on arrived later.
    public func offset(
        _ topicPartition: TopicPartition, appendedAtOrAfter time: Timestamp, isolation: Isolation = .committed
    ) async throws -> Offset? {
        let partition = try partition(topicPartition)
        return try await services.io.run { () throws(DaybookError) in
            try partition.offsetBlocking(appendedAtOrAfter: time, isolation: isolation)
        }
    }

    /// Where each leader epoch's first record stands.
    public func epochs(_ topicPartition: TopicPartition) throws -> [EpochStart] {
        try partition(topicPartition).state.withLock { $0.log.epochStarts }
    }

    /// Checks that a reader who stopped before `nextOffset`, after records of `epoch`, can go on in this log; throws
    /// `.divergedHistory` with the point of divergence otherwise.
    public func validate(
        _ topicPartition: TopicPartition, nextOffset: Offset, epoch: LeaderEpoch
    ) throws {
        let partition = try partition(topicPartition)
        do throws(StorageError) {
            try partition.state.withLock { state -> Result<Void, StorageError> in
                Result { () throws(StorageError) in try state.log.validate(nextOffset: nextOffset, epoch: epoch) }
            }.get()
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }
}
