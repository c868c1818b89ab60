// An event's fate in one group: a row of the projection. How rows come to be is in `RowFold`; how they are asked for is in
// `TrackingFilter`.

public import DaybookModel
public import DaybookProcessing

/// Where an event stands.
public enum TrackedStatus: String, Sendable, Hashable, CaseIterable {
    /// It is in the log, and waits for its turn or is at its first attempt.
    case queued
    /// Its revision is ahead: it waits for the one before it, until ``TrackedEvent/due``.
    case waiting
    /// An attempt is under way whose intent is durable.
    case attempting
    /// An attempt has failed; the next one is due.
    case retrying
    /// Nobody knows whether the last attempt had its effect; what is done about it is due.
    case unknown
    /// Set aside for good, unless somebody redrives it.
    case dead
    /// Set aside because an event before it with its key is dead.
    case parked
    case succeeded
    case skipped
    /// Succeeded or skipped: the journal has let go of what it knew about it before tracking came to read it.
    case done

    /// The event is over: nothing follows but what somebody does about it.
    public var isFinal: Bool { [.succeeded, .skipped, .done].contains(self) }
}

/// What became of an event in a group.
public struct TrackedEvent: Sendable, Hashable {
    public var group: String
    public var place: EventPlace

    /// The event's attributes. All are nil where the record is no event, or was not in the log any more.
    public var eventID: String?
    public var source: String?
    public var type: String?
    /// When it happened, as its source says.
    public var time: Timestamp?
    /// The key of its record as text; bytes that are no text stand as `\x` and hexadecimal digits.
    public var key: String?
    public var revision: Int64?
    public var correlationID: String?
    public var causationID: String?
    /// The digest by which the group tells a duplicate from a conflict, as 16 hexadecimal digits.
    public var payloadDigest: String?

    public var status = TrackedStatus.queued
    /// Attempts that have ended and count, since the event was last redriven.
    public var attempts = 0
    /// The timestamp of its record.
    public var firstSeen: Timestamp?
    /// When the journal was told of the last attempt, or of what was decided without one.
    public var lastAttempt: Timestamp?
    /// When something is to be done about it.
    public var due: Timestamp?
    /// Why it is dead or was skipped, in one word: `permanent`, `exhausted`, `unknown`, `conflict`, `gap`, `unreadable`,
    /// `lost`; `filtered`, `duplicate`, `stale`, `operator`, `replaced`. `adopted` for an effect that an earlier attempt turned out to have had.
    public var reason: String?
    /// The type of the last failure's error.
    public var errorType: String?
    /// What the last failure said, or the note of whoever decided. At most 1 KiB.
    public var message: String?
    /// The downstream that events of its type go to.
    public var downstream: String?
    /// Under what the outside system knows the effect.
    public var reference: String?
    /// The dead event that it waits behind.
    public var behind: Offset?
    /// It is dead, and events of its key wait behind it.
    public var holdsKey = false
    /// The entry of the journal that last changed it; nil while the journal has not spoken of it.
    public var journalPosition: Offset?

    init(group: String, place: EventPlace) {
        self.group = group
        self.place = place
    }
}

extension DeadLetterReason {
    /// The word that stands in rows.
    var word: String {
        switch self {
        case .permanent: "permanent"
        case .exhausted: "exhausted"
        case .unknown: "unknown"
        case .conflict: "conflict"
        case .gap: "gap"
        case .unreadable: "unreadable"
        case .lost: "lost"
        }
    }
}
