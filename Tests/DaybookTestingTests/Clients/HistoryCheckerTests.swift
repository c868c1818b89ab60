// Histories with one thing wrong in each: the judge names it, by its kind and by the events that show it, and finds nothing wrong
// with the same history without it.

import DaybookModel
import DaybookTesting
import Testing

@Suite struct HistoryCheckerTests {
    private typealias Event = ClientHistory.Event

    private static let orders = TopicPartition(topic: name("orders"), partition: 0)
    private static let others = TopicPartition(topic: name("orders"), partition: 1)
    private static let input = TopicPartition(topic: name("input"), partition: 0)

    private static func name(_ text: String) -> TopicName {
        guard let name = try? TopicName(text) else { preconditionFailure("\(text) is the name of a topic") }
        return name
    }

    private static func sent(
        _ record: Int, by sender: Int = 0, to partition: TopicPartition = orders, in transaction: Int? = nil
    ) -> Event {
        .sent(record: record, ClientHistory.Sent(sender: sender, partition: partition, transaction: transaction))
    }

    private static func handed(
        _ record: Int?, at offset: Offset, of partition: TopicPartition = orders, to reader: Int = 0
    )
        -> Event
    {
        .handed(reader: reader, partition, ClientHistory.Handed(offset, record))
    }

    private static func audit(
        _ views: [TopicPartition: [Int?]], places: [String: [TopicPartition: Offset]] = [:]
    ) -> Event {
        var audit = ClientHistory.Audit()
        audit.views = views.mapValues { view in
            view.enumerated().map { ClientHistory.Handed(Offset(Int64($0.offset)), $0.element) }
        }
        audit.places = places
        return .audited(audit)
    }

    private func judge(_ events: [Event], processing groups: Set<String> = []) -> [HistoryViolation] {
        var history = ClientHistory()
        history.processingGroups = groups
        for event in events { history.append(event) }
        return HistoryChecker.violations(in: history)
    }

    /// Expects exactly one thing to be wrong, shown by `evidence`.
    private func expect(
        _ kind: HistoryViolation.Kind, _ evidence: [Int], _ events: [Event], processing groups: Set<String> = [],
        at location: SourceLocation = #_sourceLocation
    ) {
        let violations = judge(events, processing: groups)
        #expect(violations.map(\.kind) == [kind], "\(violations)", sourceLocation: location)
        #expect(violations.first?.evidence == evidence, "\(violations)", sourceLocation: location)
    }

    /// Expects nothing to be wrong.
    private func expectNothing(
        _ events: [Event], processing groups: Set<String> = [], at location: SourceLocation = #_sourceLocation
    ) {
        let violations = judge(events, processing: groups)
        #expect(violations.isEmpty, "\(violations)", sourceLocation: location)
    }

    // MARK: lost

    @Test func `What was acknowledged and is not there is lost; what was not, is not`() {
        let sent = Self.sent(0)
        expect(.lost, [0, 1, 2], [sent, .answered(record: 0, .durable), Self.audit([Self.orders: []])])
        expect(
            .lost, [0, 1, 3], [sent, .answered(record: 0, .written), .died(.killed), Self.audit([Self.orders: []])])
        expectNothing([sent, .answered(record: 0, .written), .died(.powerCut), Self.audit([Self.orders: []])])
        expectNothing([sent, .answered(record: 0, .unknown), Self.audit([Self.orders: []])])
        expectNothing([sent, Self.audit([Self.orders: [0]])])
        expect(
            .lost, [0, 1, 4],
            [sent, .answered(record: 0, .written), .died(.closed), .died(.powerCut), Self.audit([Self.orders: []])])
    }

    @Test func `What a reader has got is lost when it is not there afterwards, acknowledged or not`() {
        expect(
            .lost, [0, 1, 3], [Self.sent(0), Self.handed(0, at: 0), .died(.powerCut), Self.audit([Self.orders: []])])
        // Another record has taken its offset.
        let events = [
            Self.sent(0), Self.sent(1, by: 1), Self.handed(0, at: 0), Self.handed(1, at: 0, to: 1),
        ]
        expect(.lost, [0, 1, 2, 3], events)
    }

    @Test func `A record that a reader has passed over is lost to it`() {
        let sent = [Self.sent(0), Self.sent(1), Self.sent(2), Event.opened(reader: 0, Self.orders, at: 0)]
        let audit = Self.audit([Self.orders: [0, 1, 2]])
        expect(.lost, [1, 3, 5, 6], sent + [Self.handed(0, at: 0), Self.handed(2, at: 2), audit])
        expect(.lost, [0, 3, 4, 5], sent + [Self.handed(1, at: 1), audit])
        expectNothing(sent + [Self.handed(0, at: 0), Self.handed(1, at: 1), audit])
    }

    // MARK: duplicate

    @Test func `A record at two offsets, or handed out twice, is a duplicate`() {
        expect(.duplicate, [0, 1], [Self.sent(0), Self.audit([Self.orders: [0, 0]])])
        expect(.duplicate, [0, 1, 2], [Self.sent(0), Self.handed(0, at: 0), Self.handed(0, at: 0)])
        expect(.duplicate, [0, 1, 2], [Self.sent(0), Self.handed(0, at: 0), Self.handed(0, at: 7, to: 1)])
        // Another reader gets it as well, of course.
        expectNothing([Self.sent(0), Self.handed(0, at: 0), Self.handed(0, at: 0, to: 1)])
    }

    // MARK: reordered

    @Test func `Records of a sender in another order than it sent them are reordered`() {
        expect(.reordered, [0, 1, 2], [Self.sent(0), Self.sent(1), Self.audit([Self.orders: [1, 0]])])
        expectNothing([Self.sent(0, by: 0), Self.sent(1, by: 1), Self.audit([Self.orders: [1, 0]])])
        let back = [
            Self.sent(0, by: 0), Self.sent(1, by: 1), .opened(reader: 0, Self.orders, at: 0), Self.handed(1, at: 1),
            Self.handed(0, at: 0),
        ]
        expect(.reordered, [0, 2, 4], back)
    }

    // MARK: phantom

    @Test func `What nobody has sent, or was refused, or comes back from nowhere, is a phantom`() {
        expect(.phantom, [0], [Self.audit([Self.orders: [nil]])])
        expect(.phantom, [0], [Self.handed(7, at: 0)])
        expect(.phantom, [0, 1, 2], [Self.sent(0), .answered(record: 0, .refused), Self.audit([Self.orders: [0]])])
        expect(.phantom, [0, 1], [Self.sent(0), Self.audit([Self.others: [0]])])
        expect(
            .phantom, [0, 1, 2], [Self.sent(0), Self.audit([Self.orders: []]), Self.audit([Self.orders: [0]])])
    }

    // MARK: transactions

    @Test func `A record of an aborted or open transaction that is shown is an aborted read`() {
        let begun = [Event.began(transaction: 0), Self.sent(0, in: 0)]
        expect(.abortedRead, [0, 1, 2], begun + [Self.handed(0, at: 0)])
        expect(
            .abortedRead, [0, 1, 2, 3], begun + [.ended(transaction: 0, .aborted), Self.handed(0, at: 0)])
        // The reader was quicker than the answer.
        expect(
            .abortedRead, [0, 2, 3, 4],
            begun + [.committing(transaction: 0), Self.handed(0, at: 0), .ended(transaction: 0, .aborted)])
        expectNothing(
            begun + [.committing(transaction: 0), Self.handed(0, at: 0), .ended(transaction: 0, .committed)])
        expectNothing(begun + [Self.audit([Self.orders: []])])
    }

    @Test func `Half a transaction is torn, and a committed one that is gone is lost`() {
        let begun = [
            Event.began(transaction: 0), Self.sent(0, in: 0), Self.sent(1, to: Self.others, in: 0),
            .committing(transaction: 0),
        ]
        expect(
            .torn, [0, 1, 2, 3, 4], begun + [Self.audit([Self.orders: [0], Self.others: []])], alsoLost: 1)
        expectNothing(begun + [Self.audit([Self.orders: [], Self.others: []])])
        expectNothing(begun + [Self.audit([Self.orders: [0], Self.others: [1]])])
        let gone = judge(
            begun + [.ended(transaction: 0, .committed), Self.audit([Self.orders: [], Self.others: []])])
        #expect(gone.map(\.kind) == [.lost, .lost])
        // What was found once stays so.
        let audits = [
            Self.audit([Self.orders: [], Self.others: []]), Self.audit([Self.orders: [0], Self.others: [1]]),
        ]
        #expect(judge(begun + audits).map(\.kind).contains(.phantom))
    }

    /// The first violation, followed by as many of records that are lost.
    private func expect(
        _ kind: HistoryViolation.Kind, _ evidence: [Int], _ events: [Event], alsoLost: Int,
        at location: SourceLocation = #_sourceLocation
    ) {
        let violations = judge(events)
        #expect(
            violations.map(\.kind) == [kind] + Array(repeating: .lost, count: alsoLost), "\(violations)",
            sourceLocation: location)
        #expect(violations.first?.evidence == evidence, sourceLocation: location)
    }

    // MARK: groups

    private static func commit(_ number: Int, _ offset: Offset, in transaction: Int? = nil) -> Event {
        .committed(
            commit: number, ClientHistory.Commit(group: "billing", offsets: [input: offset], transaction: transaction))
    }

    private static func place(_ offset: Offset?) -> Event {
        audit([:], places: offset.map { ["billing": [input: $0]] } ?? [:])
    }

    @Test func `A group that is behind its last commit has lost it, and one that is elsewhere is a phantom's work`() {
        let first = [Self.commit(0, 3), Event.answeredCommit(commit: 0, .durable)]
        expectNothing(first + [Self.place(3)])
        expect(.lost, [0, 2], first + [Self.place(nil)])
        expect(.phantom, [0, 2], first + [Self.place(4)])
        let second = first + [Self.commit(1, 5)]
        expectNothing(second + [Self.place(3)])
        expectNothing(second + [Self.place(5), Self.place(5)])
        // What has been found counts.
        expect(.lost, [3, 4], second + [Self.place(5), Self.place(3)])
    }

    @Test func `Offsets that come with a transaction count when it does`() {
        let begun = [
            Event.began(transaction: 0), Self.sent(0, in: 0), Self.commit(0, 3, in: 0), .committing(transaction: 0),
        ]
        func after(_ outcome: ClientHistory.Outcome, _ view: [Int?], _ place: Offset?) -> [HistoryViolation.Kind] {
            let audit = Self.audit([Self.orders: view], places: place.map { ["billing": [Self.input: $0]] } ?? [:])
            return judge(begun + [.ended(transaction: 0, outcome), audit]).map(\.kind)
        }
        #expect(after(.committed, [0], 3).isEmpty)
        #expect(after(.committed, [0], nil) == [.lost])
        #expect(after(.aborted, [], 3) == [.phantom])
        #expect(after(.unknown, [0], 3).isEmpty && after(.unknown, [], nil).isEmpty)
        #expect(after(.unknown, [0], nil) == [.lost])
        #expect(after(.unknown, [], 3) == [.phantom])
    }

    @Test func `Each record that a processing group has passed has its result once, and no other has one`() {
        let source = ClientHistory.Source(group: "billing", partition: Self.input, offset: 0)
        func events(_ results: [Int?], _ place: Offset) -> [Event] {
            let made = (1...2).map { number in
                Event.sent(
                    record: number, ClientHistory.Sent(sender: number, partition: Self.orders, source: source))
            }
            let audit = Self.audit(
                [Self.input: [0], Self.orders: results], places: ["billing": [Self.input: place]])
            return [Self.sent(0, to: Self.input)] + made + [Self.commit(0, place), audit]
        }
        expectNothing(events([1], 1), processing: ["billing"])
        expect(.duplicate, [1, 2, 4], events([1, 2], 1), processing: ["billing"])
        expect(.lost, [4], events([], 1), processing: ["billing"])
        expect(.torn, [1, 4], events([1], 0), processing: ["billing"])
        expectNothing(events([], 0), processing: ["billing"])
    }

    @Test func `What is wrong is explained by the events that show it and no others`() throws {
        var history = ClientHistory()
        for event in [Self.sent(5), .answered(record: 5, .durable), Self.sent(6), Self.audit([Self.orders: [6]])] {
            history.append(event)
        }
        let violation = try #require(HistoryChecker.violations(in: history).first)
        #expect(
            violation.explanation(in: history) == """
                lost: record 5 was acknowledged and is not in orders-0
                  0: record 5 is sent to orders-0 by 0
                  1: record 5 is answered: durable
                  3: all is looked at: 1 records can be read
                """)
    }
}
