// Moving a group on purpose: where to, and what comes of that for each partition. Decisions only; who looks into the logs
// and carries a plan out is `Daybook+Reset`.

public import DaybookModel

/// Where a group is to go on reading, in each of the partitions that are to be reset.
public enum OffsetResetTarget: Hashable, Sendable {
    /// At that offset, or at the end of the log that is nearer.
    case offset(Offset)
    /// At the first record whose timestamp is at least this, at the end where there is none. Producers choose timestamps.
    case timestamp(Timestamp)
    /// At the first record that the log appended at this time or later, at the end where there is none.
    case appendTime(Timestamp)
    /// At the first record that there is.
    case beginning
    /// Behind the last record that readers of committed records get now.
    case end
    /// So many offsets further on, or with a negative number back, but not out of the log. From the end where nothing has been
    /// committed.
    case shift(Int64)
    /// Where the group is, or at the nearer end of the log if it has lost that place; at the end where nothing has been
    /// committed.
    case current
}

/// What a reset does, or has done.
public struct OffsetResetPlan: Hashable, Sendable {
    /// One partition's part.
    public struct Move: Hashable, Sendable {
        public let topicPartition: TopicPartition
        /// What was committed before; nil for nothing.
        public let old: CommittedOffset?
        /// The next offset to read afterwards.
        public let new: Offset
        /// What was asked for, where the log does not reach so far and `new` is its nearer end.
        public let outOfRange: Offset?
        /// How many offsets the group goes on, or with a negative number back; nil where nothing was committed.
        public var distance: Int64? { old.map { $0.offset.distance(to: new) } }
    }

    public let group: String
    /// In order of topics and partitions.
    public let moves: [Move]
    /// Whether it has been carried out; false for a dry run.
    public internal(set) var isApplied = false
}

/// The bounds of a log between which a group can be put.
struct ResetRange: Hashable, Sendable {
    var start: Offset
    /// How far readers of committed records get now: what an open transaction has written lies behind it.
    var stable: Offset
    /// Nothing behind it is durable.
    var end: Offset
}

extension OffsetResetTarget {
    /// Where the target puts a group. `found`: the result of the look-up by time that the target asks for.
    func move(
        of topicPartition: TopicPartition, from old: CommittedOffset?, in range: ResetRange, found: Offset?
    ) -> OffsetResetPlan.Move {
        let wish: Offset =
            switch self {
            case .offset(let offset): offset
            case .timestamp, .appendTime: found ?? range.stable
            case .beginning: range.start
            case .end: range.stable
            case .shift(let distance): (old?.offset ?? range.stable).shifted(by: distance)
            case .current: old?.offset ?? range.stable
            }
        let place = min(max(wish, range.start), range.end)
        return OffsetResetPlan.Move(
            topicPartition: topicPartition, old: old, new: place, outOfRange: place == wish ? nil : wish)
    }
}

extension Offset {
    /// Stays within Int64 at its ends.
    fileprivate func shifted(by distance: Int64) -> Offset {
        let (sum, overflow) = rawValue.addingReportingOverflow(distance)
        return Offset(overflow ? (distance > 0 ? .max : .min) : sum)
    }
}
