// A group's state out of the bytes of a snapshot. What is read may be anything: every number is checked before it is used.
// The order of the fields is that of `GroupSnapshot`.

internal import DaybookModel

extension GroupSnapshot {
    /// The state that all parts together are.
    static func state(_ bytes: [UInt8], effectsCapacity: Int) throws(JournalBytesError) -> GroupState {
        var reader = JournalReader(bytes)
        var state = GroupState(effectsCapacity: effectsCapacity)
        state.epoch = try reader.signed()
        state.lastTime = try reader.moment()
        // Processes write snapshots.
        state.lastLife = state.lastTime
        state.wasClosed = try reader.byte() == 1
        state.stop = try reader.optional { r throws(JournalBytesError) in
            let raw = try r.byte()
            guard let reason = StopReason(rawValue: raw) else { throw .unknownTag(raw) }
            return reason
        }
        state.deadInARow = try reader.integer()
        for field in state.counts.fields { state.counts[keyPath: field] = try reader.integer() }
        state.partitions = try reader.array { r throws(JournalBytesError) in try progress(&r) }
        for (number, partition) in state.partitions.enumerated() {
            state.numbers[partition.topicPartition] = Int32(number)
        }
        let count = try reader.integer()
        for _ in 0..<count {
            let place = try reader.place()
            guard state.partitions.indices.contains(Int(place.partition)) else {
                throw .invalidNumber(UInt64(place.partition))
            }
            insert(try event(&reader), at: place, into: &state)
        }
        for _ in 0..<(try reader.integer()) {
            let lane = try reader.lane()
            state.lanes[lane, default: LaneState()].isHeld = try reader.byte() == 1
            state.lanes[lane, default: LaneState()].blocker = try reader.optional { r throws(JournalBytesError) in
                try r.offset()
            }
        }
        for _ in 0..<(try reader.integer()) {
            let lane = try reader.lane()
            state.revisions[lane] = Int64(try reader.integer())
        }
        let effectsCount = try reader.integer()
        // None takes less than 24 bytes.
        state.effects.reserve(min(effectsCount, reader.remaining / 24))
        for _ in 0..<effectsCount {
            let effect = EffectID(high: try reader.fixed(), low: try reader.fixed())
            let digest = PayloadDigest(rawValue: try reader.fixed())
            state.effects.insert(effect, EffectIndex.Entry(digest: digest, place: try reader.place()))
        }
        for _ in 0..<(try reader.integer()) { state.redrives.insert(try reader.text()) }
        // A snapshot of version 1 ends here.
        if reader.remaining > 0 { try readMoments(&reader, into: &state) }
        try reader.finish()
        return state
    }

    private static func readMoments(
        _ reader: inout JournalReader, into state: inout GroupState
    ) throws(JournalBytesError) {
        for _ in 0..<(try reader.integer()) {
            let place = try reader.place()
            state.deadSince[place] = try reader.moment()
        }
        for _ in 0..<(try reader.integer()) {
            let place = try reader.place()
            state.replacements[place] = try reader.offset()
        }
        // The lists were made without knowing who stands in whose place.
        for place in state.replacements.keys {
            guard let event = state.events[place] else { continue }
            let list: WritableKeyPath<LaneState, [Offset]>
            switch event.status {
            case .dead: continue
            case .parked: list = \.parked
            default: list = \.open
            }
            state.lanes[event.facts.lane]?[keyPath: list].removeInOrder(place.offset)
            state.insert(place, into: list, of: event.facts.lane)
        }
        let (count, next) = (try reader.integer(), try reader.integer())
        var words: [UInt64] = []
        for _ in 0..<(OutcomeWindow.capacity / 64) { words.append(try reader.fixed()) }
        guard let recent = OutcomeWindow(words: words, count: count, next: next) else {
            throw .invalidNumber(UInt64(count))
        }
        state.recent = recent
        for _ in 0..<(try reader.integer()) {
            let lane = try reader.lane()
            state.holds[lane] = LaneHold(by: try reader.text(), note: try reader.text(), since: try reader.moment())
        }
    }

    private static func insert(_ event: OpenEvent, at place: Place, into state: inout GroupState) {
        state.events[place] = event
        switch event.status {
        case .dead: break
        case .parked: state.lanes[event.facts.lane, default: LaneState()].parked.insertInOrder(place.offset)
        default: state.lanes[event.facts.lane, default: LaneState()].open.insertInOrder(place.offset)
        }
    }

    private static func progress(_ reader: inout JournalReader) throws(JournalBytesError) -> PartitionProgress {
        guard let topic = try? TopicName(try reader.text()) else { throw .invalidText }
        let topicPartition = TopicPartition(topic: topic, partition: try reader.partition())
        let floor = try reader.offset()
        var ranges: [Range<Offset>] = []
        var end = floor.rawValue
        for _ in 0..<(try reader.integer()) {
            let (gap, length) = (try reader.integer(1...(1 << 60)), try reader.integer(1...(1 << 60)))
            let (start, isTooFar) = end.addingReportingOverflow(Int64(gap))
            let (next, isTooLong) = start.addingReportingOverflow(Int64(length))
            guard !isTooFar, !isTooLong else { throw .invalidNumber(UInt64(gap)) }
            ranges.append(Offset(start)..<Offset(next))
            end = next
        }
        return PartitionProgress(
            topicPartition: topicPartition, next: floor, done: OffsetRanges(floor: floor, ranges: ranges))
    }

    private static func event(_ reader: inout JournalReader) throws(JournalBytesError) -> OpenEvent {
        let lane = try reader.lane()
        let effect = EffectID(high: try reader.fixed(), low: try reader.fixed())
        let digest = PayloadDigest(rawValue: try reader.fixed())
        let revision = try reader.optional { r throws(JournalBytesError) in Int64(try r.integer()) }
        var event = OpenEvent(EventFacts(lane: lane, effect: effect, digest: digest, revision: revision))
        switch try reader.byte() {
        case 0: event.status = .queued
        case 1: event.status = .waiting(deadline: try reader.moment())
        case 2: event.status = .attempting(epoch: try reader.signed())
        case 3: event.status = .retrying(due: try reader.moment())
        case 4: event.status = .unknown(due: try reader.moment())
        case 5: event.status = .dead(try reader.deadLetterReason())
        case 6: event.status = .parked(behind: try reader.offset())
        case let tag: throw .unknownTag(tag)
        }
        event.attempts = try reader.integer()
        event.spent = Int64(try reader.integer())
        event.firstAttempt = try reader.optional { r throws(JournalBytesError) in try r.moment() }
        event.note = try reader.optionalNote()
        let flags = try reader.byte()
        event.isInDoubt = flags & 1 != 0
        event.isRedriven = flags & 2 != 0
        return event
    }
}
