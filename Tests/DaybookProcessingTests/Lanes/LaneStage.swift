// A group's machine with a journal in memory and a clock in the test's hand: what the machine decides to write is durable at
// once, or when the test says so. A restart folds the journal again and compares.

import DaybookModel
import Testing

@testable import DaybookProcessing

struct LaneStage {
    /// An event as a test writes it down.
    struct Sent: Sendable {
        var key: String
        var effect: String
        var body: String
        var revision: Int64?
        var route = 0
    }

    let rules: GroupRules
    var machine: GroupMachine
    var now = Timestamp(milliseconds: 1_000_000)
    var log: [Sent] = []
    var pages: [JournalPage] = []
    /// Attempts that have begun and not ended.
    var running: [Attempt] = []
    var cancelled: [Attempt] = []
    /// Entries that are not durable yet.
    var unwritten: [JournalEntry] = []
    var isWritingByItself = true

    static let partition = TopicPartition(topic: LaneStage.topic, partition: 0)
    private static var topic: TopicName {
        guard let name = try? TopicName("orders") else { preconditionFailure("orders is a topic name") }
        return name
    }

    init(
        _ effect: EffectRule = .runsAgain, downstream: Downstream = Downstream("target"), gate: RevisionGate? = nil,
        _ change: (inout GroupRules) -> Void = { _ in }
    ) throws {
        var rules = GroupRules(
            routes: [RouteRule(downstream: 0, effect: effect)], downstreams: [downstream], gate: gate)
        change(&rules)
        self.rules = rules
        machine = GroupMachine(GroupState(effectsCapacity: 1000), rules)
        try write([.opened, .partition(number: 0, Self.partition, from: .zero)], epoch: 1)
    }

    private mutating func write(_ entries: [JournalEntry], epoch: Int64? = nil) throws {
        let page = JournalPage(epoch: epoch ?? machine.state.epoch, time: now, gathering: entries)
        // What is applied has been through its bytes.
        let read = try JournalPage(decoding: page.encoded())
        #expect(read == page)
        pages.append(read)
        try machine.apply(read)
    }

    @discardableResult
    mutating func send(
        _ key: String, _ effect: String? = nil, body: String = "", revision: Int64? = nil, route: Int = 0
    ) throws -> Offset {
        let sent = Sent(key: key, effect: effect ?? "\(key)|\(log.count)", body: body, revision: revision, route: route)
        log.append(sent)
        _ = receive(Offset(Int64(log.count - 1)), &machine)
        try decide()
        return Offset(Int64(log.count - 1))
    }

    private func receive(_ offset: Offset, _ machine: inout GroupMachine) -> GroupState.Received {
        machine.receive(Place(0, offset), facts(offset), route: log[Int(offset.rawValue)].route)
    }

    private func facts(_ offset: Offset) -> EventFacts {
        let sent = log[Int(offset.rawValue)]
        return EventFacts(
            lane: Lane(Place(0, offset), key: Array(sent.key.utf8)), effect: EffectID(sent.effect),
            digest: PayloadDigest(Array(sent.body.utf8)), revision: sent.revision)
    }

    mutating func decide() throws {
        var isDone = false
        while !isDone {
            isDone = true
            for action in machine.decide(at: now) {
                isDone = false
                switch action {
                case .journal(let entry): unwritten.append(entry)
                case .begin(let attempt): running.append(attempt)
                case .cancel(let attempt):
                    running.removeAll { $0.token == attempt.token }
                    cancelled.append(attempt)
                case .load(let place): machine.loaded(place, route: log[Int(place.offset.rawValue)].route)
                }
            }
            if isWritingByItself, !unwritten.isEmpty {
                isDone = false
                try becomeDurable()
            }
        }
    }

    mutating func becomeDurable() throws {
        let entries = unwritten
        unwritten = []
        if !entries.isEmpty { try write(entries) }
    }

    mutating func end(_ offset: Offset, _ outcome: AttemptOutcome = .succeeded(reference: nil, isAdopted: false)) throws
    {
        let index = try #require(running.firstIndex { $0.place.offset == offset })
        unwritten += machine.ended(running.remove(at: index), outcome, at: now)
        if isWritingByItself { try becomeDurable() }
        try decide()
    }

    mutating func pass(_ duration: Duration) throws {
        now = now.advanced(byMilliseconds: duration.wholeMilliseconds)
        try decide()
    }

    /// Offsets whose attempts are under way.
    var underWay: [Offset] { running.map(\.place.offset).sorted() }

    func status(_ offset: Offset) -> EventStatus? { machine.state.events[Place(0, offset)]?.status }

    mutating func operate(_ entry: JournalEntry?) throws {
        if let entry { unwritten.append(entry) }
        if isWritingByItself { try becomeDurable() }
        try decide()
    }

    // MARK: restart

    /// The state that journal and log make, from nothing or from a snapshot of the state after `pages[..<snapshot]`.
    func folded(snapshotAfter count: Int = 0) throws -> GroupState {
        var state = GroupState(effectsCapacity: 1000)
        func apply(_ page: JournalPage) throws {
            for offset in log.indices where !state.partitions.isEmpty {
                _ = state.receive(Place(0, Offset(Int64(offset))), facts(Offset(Int64(offset))))
            }
            _ = try state.apply(page)
        }
        for page in pages[..<count] { try apply(page) }
        if count > 0 {
            var bytes: [UInt8] = []
            for part in GroupSnapshot.parts(state) { bytes += try GroupSnapshot.part(part).bytes }
            state = try GroupSnapshot.state(bytes, effectsCapacity: 1000)
        }
        for page in pages[count...] { try apply(page) }
        for offset in log.indices {
            _ = state.receive(Place(0, Offset(Int64(offset))), facts(Offset(Int64(offset))))
        }
        return state
    }

    /// The process dies with what was not durable, and another one takes the group over.
    mutating func restart() throws {
        let lastLife = machine.state.lastTime
        var state = try folded()
        expectSame(state, machine.state)
        state.partitions[0].next = state.partitions[0].committed
        machine = GroupMachine(state, rules)
        (running, unwritten) = ([], [])
        machine.opened = state.now(now)
        machine.lastLife = lastLife
        machine.doubtBelow = [0: Offset(Int64(log.count))]
        try write([.opened], epoch: state.epoch + 1)
        for offset in log.indices { _ = receive(Offset(Int64(offset)), &machine) }
        try decide()
    }
}

/// Compares everything that is folded.
func expectSame(_ a: GroupState, _ b: GroupState, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(a.epoch == b.epoch, sourceLocation: sourceLocation)
    #expect(a.lastTime == b.lastTime, sourceLocation: sourceLocation)
    #expect(a.stop == b.stop, sourceLocation: sourceLocation)
    #expect(a.partitions == b.partitions, sourceLocation: sourceLocation)
    #expect(a.events == b.events, sourceLocation: sourceLocation)
    #expect(a.lanes == b.lanes, sourceLocation: sourceLocation)
    #expect(a.revisions == b.revisions, sourceLocation: sourceLocation)
    #expect(a.effects == b.effects, sourceLocation: sourceLocation)
    #expect(a.redrives == b.redrives, sourceLocation: sourceLocation)
    #expect(a.deadSince == b.deadSince, sourceLocation: sourceLocation)
    #expect(a.recent == b.recent, sourceLocation: sourceLocation)
    #expect(a.holds == b.holds, sourceLocation: sourceLocation)
    #expect(a.counts == b.counts, sourceLocation: sourceLocation)
    #expect(a.deadInARow == b.deadInARow, sourceLocation: sourceLocation)
}
