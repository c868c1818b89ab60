// What a group's journal tells to whoever keeps a projection of it outside of the group: pages from some place on, or where they
// are gone the snapshot that stands for them. Reads only, beside a processor at work too.

package import Daybook
package import DaybookModel
internal import DaybookRecords

/// The journal of a group, for reading.
package struct GroupHistory: Sendable {
    package let group: String
    package let journal: TopicPartition
    private let daybook: Daybook

    /// The groups that have a journal, in the order of their names.
    package static func groups(of daybook: Daybook) -> [String] { daybook.journalNames }

    /// Nil where the group has no journal: no processor has ever had it.
    package init?(of group: String, in daybook: Daybook) {
        guard let journal = try? daybook.existingJournal(group) else { return nil }
        self.group = group
        self.journal = journal.topicPartition
        self.daybook = daybook
    }

    /// A page, and where the journal goes on behind it.
    package struct Step: Sendable {
        package let page: JournalPage
        package let next: Offset
    }

    /// What a read brings.
    package enum Reading: Sendable {
        /// Some pages; none at the end of what is durable. `next` is where to read on.
        case steps([Step], next: Offset)
        /// The journal begins later: what happened before stands in the snapshot at its beginning.
        case forgotten
    }

    /// The digest by which the group tells payloads apart.
    package static func digest(_ body: [UInt8]?) -> UInt64 { PayloadDigest(body).rawValue }

    /// The offsets of the first entry that is kept, and of the next one.
    package func offsets() async throws -> Range<Offset> {
        let offsets = try await daybook.offsets(journal)
        return offsets.logStartOffset..<max(offsets.logStartOffset, offsets.highWatermark)
    }

    /// Reads about `maxBytes` of the journal from `offset` on. Throws `.damagedJournal` where it cannot be understood.
    package func read(from offset: Offset, maxBytes: ByteCount = .mebibytes(1)) async throws -> Reading {
        let kept = try await offsets()
        if offset < kept.lowerBound { return .forgotten }
        guard offset < kept.upperBound else { return .steps([], next: offset) }
        let records = try await records(from: offset, maxBytes)
        var steps: [Step] = []
        for (value, place) in records.values where value.first == JournalPage.kind {
            do throws(JournalBytesError) {
                steps.append(Step(page: try JournalPage(decoding: value), next: place.advanced(by: 1)))
            } catch { throw damaged(place, "\(error)") }
        }
        return .steps(steps, next: records.next)
    }

    /// The snapshot with which the journal begins, and where the journal goes on behind it; nil where it begins with its
    /// first page. Throws `.damagedJournal` where there is neither.
    package func snapshot() async throws -> (snapshot: HistorySnapshot, next: Offset)? {
        var next = try await offsets().lowerBound
        let start = next
        var bytes: [UInt8] = []
        var (parts, count) = (0, 1)
        while true {
            let records = try await records(from: next, .mebibytes(1))
            for (value, place) in records.values {
                guard value.first == GroupSnapshot.kind else {
                    if start == .zero, parts == 0 { return nil }
                    throw damaged(place, "a page stands where a snapshot should")
                }
                do throws(JournalBytesError) {
                    let part = try GroupSnapshot.part(value)
                    guard part.number == parts else { throw .invalidNumber(UInt64(part.number)) }
                    bytes += part.bytes
                    (parts, count) = (parts + 1, part.count)
                    if parts == count {
                        return (try HistorySnapshot(bytes), place.advanced(by: 1))
                    }
                } catch { throw damaged(place, "\(error)") }
            }
            guard records.next > next else { throw damaged(next, "its snapshot ends early") }
            next = records.next
        }
    }

    private func records(
        from offset: Offset, _ maxBytes: ByteCount
    ) async throws -> (values: [(value: [UInt8], offset: Offset)], next: Offset) {
        let result = try await daybook.read(journal, from: offset, maxBytes: maxBytes, isolation: .durable)
        if let gap = result.gaps.first { throw damaged(gap.baseOffset, "entries are missing: \(gap.cause.rawValue)") }
        var values: [(value: [UInt8], offset: Offset)] = []
        for batch in result.batches {
            try batch.forEach {
                if $0.offset >= offset, let value = $0.value { values.append(([UInt8](value), $0.offset)) }
            }
        }
        return (values, result.nextOffset)
    }

    private func damaged(_ place: Offset, _ reason: String) -> ProcessingError {
        ProcessingError(
            .damagedJournal, "The journal of the group \(group) cannot be read at offset \(place): \(reason)",
            place: EventPlace(journal, place))
    }
}

/// What a snapshot says of the events that the pages before it were about.
package struct HistorySnapshot: Sendable {
    package let epoch: Int64
    package let time: Timestamp
    /// By number.
    package let partitions: [TopicPartition]
    /// Where an event stands that is not done with, or set aside; nil for every other.
    package let open: [Place: HistoryStatus]
    /// The events that hold their lanes, because they are dead.
    package let holders: Set<Place>
    private let done: [OffsetRanges]
    private let succeeded: Set<Place>

    /// An open event, as far as a snapshot knows it.
    package struct HistoryStatus: Sendable {
        package let change: EventChange?
        package let attempts: Int
        package let note: FailureNote?
    }

    init(_ bytes: [UInt8]) throws(JournalBytesError) {
        let state = try GroupSnapshot.state(bytes, effectsCapacity: .max)
        epoch = state.epoch
        time = state.lastTime
        partitions = state.partitions.map(\.topicPartition)
        done = state.partitions.map(\.done)
        succeeded = Set(state.effects.inOrder.map(\.1.place))
        open = state.events.mapValues { HistoryStatus($0) }
        holders = Set(
            state.lanes.compactMap { lane, value in value.blocker.map { Place(lane.partition, $0) } })
    }

    /// What is known of an event that is done: whether it has succeeded, which is not known of all that have; nil where it is
    /// not done. One that somebody has passed over although its effect may have happened counts as succeeded: the group
    /// remembers its effect.
    package func hasSucceeded(_ place: Place) -> Bool? {
        guard done.indices.contains(Int(place.partition)), open[place] == nil,
            done[Int(place.partition)].contains(place.offset)
        else { return nil }
        return succeeded.contains(place)
    }
}

extension HistorySnapshot.HistoryStatus {
    init(_ event: OpenEvent) {
        (attempts, note) = (event.attempts, event.note)
        change =
            switch event.status {
            case .queued: nil
            case .waiting(let deadline): .waiting(deadline: deadline)
            case .attempting: .attempting
            case .retrying(let due): .retrying(attempts: attempts, due: due, spent: event.spent, note: note)
            case .unknown(let due): .unknown(attempts: attempts, due: due, spent: event.spent, note: note)
            case .dead(let reason): .dead(reason, attempts: attempts, note: note, holdsKey: false)
            case .parked(let blocker): .parked(behind: blocker)
            }
    }
}
