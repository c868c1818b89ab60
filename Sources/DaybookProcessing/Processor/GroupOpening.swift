// How a group comes to be after a start: the newest snapshot, the pages behind it, and the records that they are about, put
// together by the same functions as at work. Then the group is taken over: whoever had it before is refused from there on.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// A group that has been taken over.
struct OpenedGroup: Sendable {
    let daybook: Daybook
    let configuration: ProcessorConfiguration
    let routes: [Route]
    let journal: Journal
    let machine: GroupMachine
    let journalNext: Offset
    let entriesCount: Int
    let openedElapsed: Duration
    /// From where on the records of each partition are needed to understand the journal.
    let neededFrom: [Offset]

    init(_ daybook: Daybook, _ configuration: ProcessorConfiguration, _ routes: [Route]) async throws {
        self.daybook = daybook
        self.configuration = configuration
        self.routes = routes
        journal = try await daybook.journal(configuration.group)
        let contents = try await JournalContents(journal, of: daybook)
        var state = try contents.state(effectsCapacity: configuration.rememberedEffects)
        var neededFrom = state.partitions.map(\.committed)
        var reading = RecordsAgain(daybook, configuration, routes, contents.pages)
        for page in contents.pages { try await reading.apply(page, to: &state) }
        let (lastLife, wasClosed) = (state.lastLife, state.wasClosed)

        // What was read again only to understand the journal is read once more, for its records.
        for number in state.partitions.indices { state.partitions[number].next = state.partitions[number].committed }
        var entries: [JournalEntry] = [.opened]
        for topic in configuration.topics {
            for topicPartition in try daybook.topic(topic).partitions where state.numbers[topicPartition] == nil {
                let start = try await daybook.offsets(topicPartition).logStartOffset
                let number = Int32(state.partitions.count + entries.count - 1)
                entries.append(.partition(number: number, topicPartition, from: start))
            }
        }
        entries.append(.routes(routes.names))
        let now = state.now(daybook.now)
        let page = JournalPage(epoch: state.epoch + 1, time: now, entries: entries)
        do { journalNext = try await journal.append([page.encoded()], expecting: contents.next) } catch {
            throw GroupWorker.fenced(error)
        }
        var machine = GroupMachine(state, Self.rules(configuration, routes))
        machine.opened = now
        if !wasClosed {
            machine.lastLife = lastLife
            for (number, partition) in state.partitions.enumerated() {
                machine.doubtBelow[Int32(number)] = try await daybook.offsets(partition.topicPartition).highWatermark
            }
        }
        try machine.apply(page)
        // A partition that came after the snapshot is needed from its beginning.
        for partition in machine.state.partitions.dropFirst(neededFrom.count) {
            neededFrom.append(contents.start(of: partition.topicPartition) ?? partition.committed)
        }
        self.neededFrom = neededFrom
        self.machine = machine
        entriesCount = contents.pages.reduce(0) { $0 + $1.entries.count }
        openedElapsed = daybook.elapsed
    }

    private static func rules(_ configuration: ProcessorConfiguration, _ routes: [Route]) -> GroupRules {
        var downstreams: [Downstream] = []
        let rules = routes.map { route in
            let number = downstreams.firstIndex { $0.name == route.downstream.name } ?? downstreams.count
            if number == downstreams.count { downstreams.append(route.downstream) }
            return RouteRule(downstream: number, effect: route.effect.rule)
        }
        return GroupRules(
            routes: rules, downstreams: downstreams, gate: configuration.revisionGate,
            lanePolicy: configuration.lanePolicy, deadLetterLimit: configuration.deadLetterLimit,
            deadLetterShare: configuration.deadLetterShare,
            parkedLimit: configuration.parkedLimit, seed: configuration.seed)
    }
}

/// Receives again the records that a journal's pages are about, as far as each page needs them. Without routes for whoever only
/// looks: the effects of events are then told apart by their names.
struct RecordsAgain {
    private let daybook: Daybook
    private var reader: EventReader
    private let pages: [JournalPage]
    /// The offsets that pages are about, by partition; made when something is missing in the log.
    private var mentioned: [Int32: OffsetRanges]?

    init(
        _ daybook: Daybook, _ configuration: ProcessorConfiguration, _ routes: [Route], _ pages: [JournalPage]
    ) {
        self.daybook = daybook
        reader = EventReader(configuration, routes)
        self.pages = pages
    }

    mutating func apply(_ page: JournalPage, to state: inout GroupState) async throws {
        var ends: [Int32: Offset] = [:]
        var replacements: [Place] = []
        for entry in page.entries {
            switch entry {
            case .succeeded(let partition, let offsets):
                if offsets.upperBound == offsets.lowerBound.advanced(by: 1),
                    state.events[Place(partition, offsets.lowerBound)] != nil
                {
                    continue
                }
                ends[partition] = max(ends[partition] ?? .zero, offsets.upperBound)
            case .changed(let place, let change):
                if case .skipped(.replaced(let offset, _, _)) = change {
                    replacements.append(Place(place.partition, offset))
                }
                // A replacement has been received long before its turn.
                if state.events[place] != nil { continue }
                ends[place.partition] = max(ends[place.partition] ?? .zero, place.offset.advanced(by: 1))
            default: break
            }
        }
        // Pages of an epoch that was over when they came do nothing, and may be about anything.
        if page.entries.first != .opened, page.epoch != state.epoch { (ends, replacements) = ([:], []) }
        for (partition, end) in ends { try await receive(partition, upTo: end, &state) }
        for place in replacements { try await admit(place, to: &state) }
        do throws(FoldError) { _ = try state.apply(page) } catch {
            throw ProcessingError(.damagedJournal, "The group's journal contradicts itself: \(error)")
        }
    }

    private mutating func admit(_ place: Place, to state: inout GroupState) async throws {
        guard state.partitions.indices.contains(Int(place.partition)) else { return }
        let topicPartition = state.partitions[Int(place.partition)].topicPartition
        guard let read = try await reader.read(place, of: topicPartition, in: daybook) else { return }
        _ = state.admit(place, read.facts)
    }

    /// What the log does not have any more and a page is about is an event of which nothing else is known. It is alone in its lane.
    private mutating func pass(_ partition: Int32, before end: Offset, _ state: inout GroupState) {
        let next = state.partitions[Int(partition)].next
        guard next < end else { return }
        let mentioned = self.mentioned ?? Self.mentioned(in: pages)
        self.mentioned = mentioned
        for range in mentioned[partition]?.parts(of: next..<end) ?? [] {
            var offset = range.lowerBound
            while offset < range.upperBound {
                let place = Place(partition, offset)
                state.receiveNothing(partition, before: offset)
                let lost = EffectID("lost|\(partition)|\(offset)")
                _ = state.receive(
                    place,
                    EventFacts(
                        lane: Lane(place, key: nil), effect: lost, digest: PayloadDigest(rawValue: 0), revision: nil))
                offset = offset.advanced(by: 1)
            }
        }
        state.receiveNothing(partition, before: end)
    }

    private static func mentioned(in pages: [JournalPage]) -> [Int32: OffsetRanges] {
        var offsets: [Int32: OffsetRanges] = [:]
        for entry in pages.lazy.flatMap(\.entries) {
            switch entry {
            case .succeeded(let partition, let range):
                offsets[partition, default: OffsetRanges(floor: .zero)].insert(range)
            case .changed(let place, _):
                offsets[place.partition, default: OffsetRanges(floor: .zero)].insert(place.offset)
            default: break
            }
        }
        return offsets
    }

    private mutating func receive(_ partition: Int32, upTo end: Offset, _ state: inout GroupState) async throws {
        guard state.partitions.indices.contains(Int(partition)) else {
            throw ProcessingError(.damagedJournal, "The group's journal names no partition \(partition)")
        }
        let topicPartition = state.partitions[Int(partition)].topicPartition
        while state.partitions[Int(partition)].next < end {
            let next = state.partitions[Int(partition)].next
            guard next < (try await daybook.offsets(topicPartition).lastStableOffset) else {
                throw ProcessingError(
                    .diverged,
                    "The journal of the group tells of events up to offset \(end), but the log of \(topicPartition) ends at "
                        + "\(next): records that had been handled are gone. Nothing is dispatched; restore the log, or "
                        + "reconcile and start a new group",
                    place: EventPlace(topicPartition, next))
            }
            let result = try await daybook.read(topicPartition, from: next)
            for batch in result.batches {
                try batch.forEach { view in
                    guard view.offset >= next else { return }
                    pass(partition, before: view.offset, &state)
                    let place = Place(partition, view.offset)
                    _ = state.receive(place, reader.read(view, at: place).facts)
                }
            }
            pass(partition, before: result.nextOffset, &state)
        }
    }
}
