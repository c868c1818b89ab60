// What an event that is not done with waits for, and how events end. The transitions between these are in `GroupState+Changes`.
// What is decided in each of them is in `GroupMachine+Lanes`.

public import DaybookModel

/// Where an event stands that the group has not done with, or has set aside. In flight is none of them: it is no state that a
/// restart could find.
enum EventStatus: Hashable, Sendable {
    /// Waits for its turn in its lane, or is at its first attempt.
    case queued
    /// Its revision is ahead of the lane: it waits for the one before it, until then.
    case waiting(deadline: Timestamp)
    /// The intent of an attempt is durable, that of that epoch's process.
    case attempting(epoch: Int64)
    /// An attempt has failed; the next one is due then.
    case retrying(due: Timestamp)
    /// Nobody knows whether the last attempt had its effect; what is done about it is due then.
    case unknown(due: Timestamp)
    /// Set aside for good, unless somebody redrives it.
    case dead(DeadLetterReason)
    /// Set aside because an event before it in its lane is dead.
    case parked(behind: Offset)

    /// Whether the committed offset may pass it.
    var isAside: Bool {
        switch self {
        case .dead, .parked: true
        default: false
        }
    }
}

/// Why an event is dead.
public enum DeadLetterReason: UInt8, Hashable, Sendable, CaseIterable {
    /// The handler said that it will never work.
    case permanent = 1
    /// No attempt is left, or no time.
    case exhausted = 2
    /// Nobody knows whether its effect happened, and nobody can find out.
    case unknown = 3
    /// An event with the same effect key and another payload has had its effect.
    case conflict = 4
    /// The revision before it did not come in time.
    case gap = 5
    /// The record is no event.
    case unreadable = 6
    /// The record is not in the log any more: a limit for what groups hold back was reached, or somebody has deleted it.
    case lost = 7
}

/// Why an event was passed over.
public enum SkipReason: Hashable, Sendable {
    /// No handler is there for its type.
    case filtered
    /// Its effect has happened, by the event at that place.
    case duplicate(of: Offset, partition: Int32)
    /// A later revision of the same subject is done.
    case stale
    /// Somebody decided so.
    case decided(by: String, note: String)
    /// Somebody has put another event of the same partition in its place.
    case replaced(with: Offset, by: String, note: String)
}

/// A step of one event, as the journal has it.
package enum EventChange: Hashable, Sendable {
    case waiting(deadline: Timestamp)
    /// The durable intent of an attempt.
    case attempting
    case retrying(attempts: Int, due: Timestamp, spent: Int64, note: FailureNote?)
    case unknown(attempts: Int, due: Timestamp, spent: Int64, note: FailureNote?)
    /// A process that died may have made an attempt, nobody knows when.
    case doubted(FailureNote)
    case succeeded(attempts: Int, reference: String?, isAdopted: Bool)
    case skipped(SkipReason)
    /// `holdsKey`: the events behind it in its lane are set aside too.
    case dead(DeadLetterReason, attempts: Int, note: FailureNote?, holdsKey: Bool)
    case parked(behind: Offset)
}

/// What is known of an event from its record alone.
struct EventFacts: Hashable, Sendable {
    var lane: Lane
    var effect: EffectID
    var digest: PayloadDigest
    /// Nil where the group has no revision gate, or the event no sequence.
    var revision: Int64?

    init(lane: Lane, effect: EffectID, digest: PayloadDigest, revision: Int64?) {
        self.lane = lane
        self.effect = effect
        self.digest = digest
        self.revision = revision
    }

    /// Those of a record that is no event, or is not there any more. No other record has this effect.
    init(unreadable place: Place, _ lane: Lane, body: [UInt8]?) {
        self.init(
            lane: lane, effect: EffectID("unreadable|\(place.partition)|\(place.offset)"), digest: PayloadDigest(body),
            revision: nil)
    }
}

/// An event that is not done with, or set aside.
struct OpenEvent: Hashable, Sendable {
    var facts: EventFacts
    var status = EventStatus.queued
    /// Attempts that have ended and count.
    var attempts = 0
    /// Milliseconds spent in attempts and delays.
    var spent: Int64 = 0
    /// When the journal first heard of an attempt.
    var firstAttempt: Timestamp?
    /// Why the last attempt failed.
    var note: FailureNote?
    /// The last attempt's outcome was unknown: a success of the next may be that of the last.
    var isInDoubt = false
    /// It has been redriven: the revision gate lets it pass, somebody decided so.
    var isRedriven = false

    init(_ facts: EventFacts) { self.facts = facts }

    /// An attempt has been made, or may have been.
    var isRetry: Bool { attempts > 0 || isInDoubt }

    /// Its effect has happened, or may happen yet.
    var hasBegun: Bool {
        if case .attempting = status { true } else { isRetry }
    }
}
