// A group's state as bytes, in parts that are written into its journal one behind the other: what came before them need not be
// read any more. Left out is what the log says again: events that are merely queued.
//
//     kind 2 · version 2 · part · number of parts · bytes of the state

internal import DaybookModel

/// Writes and reads snapshots.
enum GroupSnapshot {
    static let kind: UInt8 = 2
    /// Version 1 ends before the moments since which events are dead.
    static let version: UInt8 = 2
    /// Bytes of the state in each part.
    static let partSize = 1 << 20

    /// The parts, as values of records. O(state).
    static func parts(_ state: GroupState) -> [[UInt8]] {
        var writer = JournalWriter()
        write(state, to: &writer)
        let bytes = writer.bytes
        let count = max(1, (bytes.count + partSize - 1) / partSize)
        return (0..<count).map { part in
            var head = JournalWriter()
            head.byte(kind)
            head.byte(version)
            head.number(part)
            head.number(count)
            return head.bytes + bytes[(part * partSize)..<min(bytes.count, (part + 1) * partSize)]
        }
    }

    /// A part's number, how many there are, and its bytes.
    static func part(_ value: [UInt8]) throws(JournalBytesError) -> (number: Int, count: Int, bytes: ArraySlice<UInt8>)
    {
        var reader = JournalReader(value)
        let kind = try reader.byte()
        guard kind == Self.kind else { throw .unknownTag(kind) }
        let version = try reader.byte()
        guard (1...Self.version).contains(version) else { throw .unsupportedVersion(version) }
        let number = try reader.integer()
        let count = try reader.integer(1...(1 << 20))
        guard number < count else { throw .invalidNumber(UInt64(number)) }
        return (number, count, value.suffix(reader.remaining))
    }

    // MARK: state

    private static func write(_ state: GroupState, to writer: inout JournalWriter) {
        writer.signed(state.epoch)
        writer.signed(state.lastTime.rawValue)
        writer.byte(state.wasClosed ? 1 : 0)
        writer.optional(state.stop) { $0.byte($1.rawValue) }
        writer.number(state.deadInARow)
        for field in state.counts.fields { writer.number(state.counts[keyPath: field]) }
        writer.number(state.partitions.count)
        for partition in state.partitions {
            writer.text(partition.topicPartition.topic.description)
            writer.number(Int(partition.topicPartition.partition))
            writer.number(UInt64(partition.done.floor.rawValue))
            writer.number(partition.done.ranges.count)
            var end = partition.done.floor
            for range in partition.done.ranges {
                writer.number(UInt64(end.distance(to: range.lowerBound)))
                writer.number(UInt64(range.lowerBound.distance(to: range.upperBound)))
                end = range.upperBound
            }
        }
        let events = state.events.filter { !isSaidAgain($0, $1, state) }.sorted { $0.key < $1.key }
        writer.number(events.count)
        for (place, event) in events {
            writer.place(place)
            write(event, to: &writer)
        }
        let lanes = state.lanes.filter { $0.value.blocker != nil || $0.value.isHeld }
        writer.number(lanes.count)
        for (lane, value) in lanes {
            writer.lane(lane)
            writer.byte(value.isHeld ? 1 : 0)
            writer.optional(value.blocker) { $0.number(UInt64($1.rawValue)) }
        }
        writer.number(state.revisions.count)
        for (lane, revision) in state.revisions {
            writer.lane(lane)
            writer.number(UInt64(revision))
        }
        let effects = state.effects.inOrder
        writer.number(effects.count)
        for (effect, entry) in effects {
            writer.fixed(effect.high)
            writer.fixed(effect.low)
            writer.fixed(entry.digest.rawValue)
            writer.place(entry.place)
        }
        writer.number(state.redrives.count)
        for id in state.redrives { writer.text(id) }
        writer.number(state.deadSince.count)
        for (place, moment) in state.deadSince {
            writer.place(place)
            writer.signed(moment.rawValue)
        }
        writer.number(state.replacements.count)
        for (place, offset) in state.replacements {
            writer.place(place)
            writer.number(UInt64(offset.rawValue))
        }
        writer.number(state.recent.count)
        writer.number(state.recent.next)
        for word in state.recent.words { writer.fixed(word) }
        writer.number(state.holds.count)
        for (lane, hold) in state.holds {
            writer.lane(lane)
            writer.text(hold.by)
            writer.text(hold.note)
            writer.signed(hold.since.rawValue)
        }
    }

    /// Whether receiving the event again gives the same.
    private static func isSaidAgain(_ place: Place, _ event: OpenEvent, _ state: GroupState) -> Bool {
        event == OpenEvent(event.facts) && state.replacements[place] == nil
            && !state.partitions[Int(place.partition)].done.contains(place.offset)
    }

    private static func write(_ event: OpenEvent, to writer: inout JournalWriter) {
        writer.lane(event.facts.lane)
        writer.fixed(event.facts.effect.high)
        writer.fixed(event.facts.effect.low)
        writer.fixed(event.facts.digest.rawValue)
        writer.optional(event.facts.revision) { $0.number(UInt64($1)) }
        switch event.status {
        case .queued: writer.byte(0)
        case .waiting(let deadline):
            writer.byte(1)
            writer.signed(deadline.rawValue)
        case .attempting(let epoch):
            writer.byte(2)
            writer.signed(epoch)
        case .retrying(let due):
            writer.byte(3)
            writer.signed(due.rawValue)
        case .unknown(let due):
            writer.byte(4)
            writer.signed(due.rawValue)
        case .dead(let reason):
            writer.byte(5)
            writer.byte(reason.rawValue)
        case .parked(let blocker):
            writer.byte(6)
            writer.number(UInt64(blocker.rawValue))
        }
        writer.number(event.attempts)
        writer.number(UInt64(event.spent))
        writer.optional(event.firstAttempt) { $0.signed($1.rawValue) }
        writer.optional(event.note) { $0.note($1) }
        writer.byte((event.isInDoubt ? 1 : 0) | (event.isRedriven ? 2 : 0))
    }
}
