// Places in a log that have a name or a time rather than a number: where reading begins, and where it ends.
// What they come to in one partition is found out here; who asks is `Consumer` and `Replay`.

public import DaybookModel
internal import DaybookStorage

/// A place in the log of a partition.
public enum LogPlace: Hashable, Sendable {
    /// The earliest record there is.
    case beginning
    /// Behind the last record that can be read when the place is looked up.
    case end
    case offset(Offset)
    /// The first record whose timestamp is not before this moment, as Kafka's `offsetsForTimes`: producers choose timestamps,
    /// so later records may be older. The end, when there is none.
    case time(Timestamp)
    /// The first record that the log appended at this moment or later: all behind it arrived later. The end, when there is
    /// none.
    case appendTime(Timestamp)

    /// The end as it is now: for a place to stop at, which reads better so.
    public static var now: LogPlace { .end }
}

extension Partition {
    /// The offset of a place. Blocks.
    ///
    /// Throws `.offsetOutOfRange` for an offset that the log has not reached; one that has been deleted is a place all the
    /// same, with a gap.
    func offsetBlocking(of place: LogPlace, isolation: Isolation) throws(DaybookError) -> Offset {
        try refreshIfReadOnly(upTo: .max)
        switch place {
        case .beginning: return withLog { $0.logStartOffset }
        case .end: return withLog { $0.limit(isolation) }
        case .offset(let offset):
            try requireReached(offset)
            return offset
        case .time(let time):
            return try offsetBlocking(forTimestamp: time, isolation: isolation) ?? withLog { $0.limit(isolation) }
        case .appendTime(let time):
            return try offsetBlocking(appendedAtOrAfter: time, isolation: isolation) ?? withLog { $0.limit(isolation) }
        }
    }

    /// Throws `.offsetOutOfRange` unless the log goes up to `offset` or further. Whether readers may see so far is another
    /// question: those who may not wait.
    func requireReached(_ offset: Offset) throws(DaybookError) {
        let (start, end) = withLog { ($0.logStartOffset, $0.logEndOffset) }
        guard offset < .zero || offset > end else { return }
        throw DaybookError(StorageError.offsetOutOfRange(offset, available: start..<end), topicPartition)
    }
}
