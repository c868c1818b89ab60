// Whether a group gets on, told from its last commits. Pure: a live engine and a reader in another process come to the same
// answer, because both see the same commits and the same log. Who collects the commits is `OffsetTable`.

internal import DaybookModel

/// How a group is doing in a partition, from best to worst.
public enum GroupProgress: String, Hashable, Comparable, Sendable, CaseIterable {
    /// Commits advance, or there is nothing to read that has been waiting for long.
    case moving
    /// The group has gone back within the last minutes and has not yet come to where it was: somebody has reset it, or it has
    /// begun anew.
    case rewinding
    /// Commits come and do not advance, although there is something to read: a record that cannot be dealt with, or one that
    /// takes very long.
    case stalled
    /// There is something to read and no commit comes: nobody is at work.
    case stopped

    private var severity: Int {
        switch self {
        case .moving: 0
        case .rewinding: 1
        case .stalled: 2
        case .stopped: 3
        }
    }

    public static func < (a: GroupProgress, b: GroupProgress) -> Bool { a.severity < b.severity }
}

/// One commit, as far as progress is concerned.
struct CommitSample: Hashable, Sendable {
    var time: Timestamp
    var offset: Offset
}

/// The last commits of a group for a partition, thinned out so that they span minutes, however often it commits. That makes
/// the moment at which a position was reached up to ten seconds too late, never too early.
struct CommitWindow: Hashable, Sendable {
    /// In the order of their commits; the last one is the current position.
    private(set) var samples: [CommitSample] = []

    /// At most so many, and so far apart: together they span at least a minute and a half.
    static let capacity = 10
    static let spacing: Int64 = 10_000

    init() {}

    init(_ samples: [CommitSample]) { for sample in samples { add(sample) } }

    /// Takes in the newest commit. One that comes soon after the one before takes its place, unless an offset falls: that is
    /// never forgotten within the window. O(1).
    mutating func add(_ sample: CommitSample) {
        if let last = samples.last, samples.count >= 2 {
            let before = samples[samples.count - 2]
            let isSoon = before.time.milliseconds(until: last.time) < Self.spacing && sample.time >= last.time
            if isSoon, before.offset <= last.offset, last.offset <= sample.offset {
                samples[samples.count - 1] = sample
                return
            }
        }
        if samples.count == Self.capacity { samples.removeFirst() }
        samples.append(sample)
    }
}

extension GroupProgress {
    /// How long something may take before it is worth telling: twelve commits of a consumer that commits every five seconds,
    /// as Kafka's do.
    static let patience: Int64 = 60_000

    /// The state of a group in a partition, by the first of these rules that applies:
    ///
    /// 1. No record is unprocessed, or none has been there for a minute: moving. Silence is no fault while nobody asked.
    /// 2. No commit for a minute: stopped.
    /// 3. The last commit is lower than one before it in the window: rewinding.
    /// 4. The commits of the last minute are all the same: stalled.
    /// 5. Otherwise moving.
    ///
    /// After the rules of Burrow's evaluation, but for the lag: it asks for how long the oldest unprocessed record has been
    /// in the log, which no burst of new records disturbs. `waiting`: the append time of that record; nil when there is none.
    /// The clock may have been set back since the commits: then nothing is held against the group.
    static func evaluate(
        _ window: CommitWindow, waiting: Timestamp?, now: Timestamp, patience: Int64 = patience
    ) -> GroupProgress {
        guard let waiting, waiting.milliseconds(until: now) >= patience else { return .moving }
        guard let last = window.samples.last, last.time.milliseconds(until: now) < patience else { return .stopped }
        if window.samples.contains(where: { $0.offset > last.offset }) { return .rewinding }
        let unmoved = window.samples.reversed().prefix { $0.offset == last.offset }
        let isStill = (unmoved.last ?? last).time.milliseconds(until: now) >= patience
        return isStill ? .stalled : .moving
    }
}
