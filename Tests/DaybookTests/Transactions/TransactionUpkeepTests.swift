// The end of transactional ids that nobody uses any more: which are forgotten, what their producers are told, and that whoever comes
// next begins anew.

import DaybookModel
import DaybookTesting
import Testing

@testable import Daybook

@Suite struct TransactionUpkeepTests {
    private static let day = Duration.seconds(24 * 3600)

    private func configuration(_ clock: ManualClock, expiration: Duration? = .seconds(7 * 24 * 3600)) -> Configuration {
        var configuration = Configuration().with(clock: clock)
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.scrubInterval = nil
        configuration.housekeeping.transactionalIDExpiration = expiration
        return configuration
    }

    private func send(_ value: String, _ producer: TransactionalProducer) async throws {
        try await producer.transaction { try await $0.send(Record(key: "k", value: value), to: "orders", partition: 0) }
    }

    /// The ids that the internal topic knows, once everything handed over has been written.
    private func knownIDs(_ daybook: Daybook) async throws -> Set<String> {
        var ids: Set<String> = []
        try await daybook.flush()
        for topicPartition in try #require(daybook.existingInternalTopic(.transactionState)).partitions {
            let log = try daybook.partition(topicPartition)
            ids.formUnion(
                try await daybook.services.io.run { () throws(DaybookError) in try TransactionLog.read(log).values.keys
                })
        }
        return ids
    }

    @Test func `Ids that nobody has used for seven days are forgotten, and no others`() async throws {
        try await withDirectory { directory in
            let clock = ManualClock()
            var daybook = try await Daybook.open(directory, configuration: configuration(clock))
            try await daybook.createTopic("orders")
            for id in ["of another life", "used again"] {
                try await send(id, daybook.makeTransactionalProducer(id: id))
            }
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: configuration(clock))
            let idle = try await daybook.makeTransactionalProducer(id: "idle")
            try await send("idle", idle)
            let open = try await daybook.makeTransactionalProducer(id: "open")
            let transaction = try await open.begin()
            try await transaction.send(Record(key: "k", value: "open"), to: "orders", partition: 0)
            clock.advance(by: Self.day * 6)
            #expect(try await daybook.housekeep().findings.isEmpty)
            let used = try await daybook.makeTransactionalProducer(id: "used again")
            try await send("again", used)
            clock.advance(by: Self.day * 2)
            let findings = try await daybook.housekeep().findings
            #expect(!findings.isEmpty && findings.allSatisfy { $0.kind == .transactionalIDsExpired }, "\(findings)")
            #expect(try await eventually { try await knownIDs(daybook) == ["open", "used again"] })
            // Nothing is left to be forgotten, and what is at work goes on.
            let rest = try await daybook.housekeep().findings
            #expect(rest.allSatisfy { $0.kind != .transactionalIDsExpired && $0.kind != .failure }, "\(rest)")
            try await transaction.commit()
            try await send("last", used)
            await expect(code: .producerFenced) { _ = try await idle.begin() }
            try await send("anew", daybook.makeTransactionalProducer(id: "idle"))
            let all = ["of another life", "used again", "idle", "again", "open", "last", "anew"]
            #expect(try await Set(daybook.committed(0)) == Set(all))
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: configuration(clock))
            #expect(try await knownIDs(daybook) == ["idle", "open", "used again"])
            try await daybook.close()
        }
    }

    @Test func `Where it is so configured no id is ever forgotten`() async throws {
        let clock = ManualClock()
        try await withDaybook(configuration(clock, expiration: nil)) { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "idle")
            clock.advance(by: Self.day * 1000)
            #expect(try await daybook.housekeep().findings.isEmpty)
            try await send("at last", producer)
            #expect(try await knownIDs(daybook) == ["idle"])
        }
        var configuration = HousekeepingConfiguration()
        configuration.transactionalIDExpiration = .zero
        let refused = configuration
        #expect(throws: DaybookError.self) { try refused.validated() }
    }

    @Test func `An id that is forgotten lets nobody in, and one that is at work is not forgotten`() {
        var machine = TransactionStateMachine()
        let admission = machine.admit(freshID: ProducerID(rawValue: 7), timeout: 1000, givingUp: [], now: .none)
        var attempts = [machine.expire()]
        let incarnation = machine.registered(isWritten: true)
        let beginning = machine.begin(incarnation, freshID: nil, now: .none)
        attempts.append(machine.expire())
        let marks = machine.abort([])
        attempts.append(machine.expire())
        #expect(attempts == [false, false, true])
        #expect(beginning == .begun(number: 1, ProducerID(rawValue: 7), epoch: 0) && marks == nil)
        if case .write = admission {} else { Issue.record("nobody was let in: \(admission)") }
        let late = machine.begin(incarnation, freshID: nil, now: .none)
        let next = machine.admit(freshID: ProducerID(rawValue: 8), timeout: 1000, givingUp: [], now: .none)
        #expect(late == .expired && next == .expired && !machine.isBusy)
    }
}
