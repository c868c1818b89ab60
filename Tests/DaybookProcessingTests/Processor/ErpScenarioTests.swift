// The ERP scenario with the exact counts of its closed form, before and after the redrive; and a small one with a power cut at
// every append of every journal, which ends the same each time.

import Daybook
import DaybookScenario
import DaybookTesting
import Testing

@testable import DaybookProcessing

@Suite("ERP scenario")
struct ErpScenarioTests {
    private static func scenario(
        _ orders: some Sequence<Int>, _ stage: ProcessingStage,
        outage: Range<Duration> = .seconds(30)..<Duration.seconds(75),
        configure: @escaping @Sendable (inout ProcessorConfiguration) -> Void = { _ in }
    ) throws -> ErpScenario {
        let loop = stage.loop
        return try ErpScenario(
            orders: orders, clock: ScenarioClock(now: { loop.clock.elapsed() }, wait: { await loop.pass($0) }),
            outage: outage, configure: configure)
    }

    @Test func `the generator makes the events of the reference model`() throws {
        let events = try ErpOrders.arrivals(1...1000).map(\.event)
        #expect(events.count == 1205)
        #expect(Set(events.map(\.id)).count == 1150)
        #expect(Set(events.map { "\($0.subject ?? "")|\($0.sequence ?? 0)" }).count == 1140)
        let types = Dictionary(grouping: events, by: \.type).mapValues(\.count)
        #expect(
            types == ["crm.order.created.v1": 1065, "crm.order.amended.v1": 100, "crm.order.cancelled.v1": 40])
        let lines = (1...1000).flatMap { ErpOrders.lines($0) }
        #expect(lines.count == 2000)
        #expect(lines.reduce(0) { $0 + $1.qty } == 6000)
        #expect(ErpOrders.lines(1).map { $0.qty * $0.unitPriceMinor }.reduce(0, +) == 5238)
    }

    @Test func `a thousand orders end with exactly the counts and figures of the closed form`() throws {
        let stage = ProcessingStage()
        let scenario = try Self.scenario(1...1000, stage)
        let outcome = try stage.loop.run {
            let daybook = try await stage.open()
            let outcome = try await scenario.run(daybook)
            try await daybook.close()
            return outcome
        }
        let before = try #require(outcome.before)
        for group in ErpScenario.groups {
            let counts = try #require(before[group]).counts
            let isAccounting = group == "accounting"
            #expect(counts.succeeded == (isAccounting ? 1132 : 1140), "\(group)")
            #expect(counts.duplicates == 65, "\(group)")
            #expect(counts.dead == (isAccounting ? 4 : 0), "\(group)")
            #expect(counts.parked == (isAccounting ? 4 : 0), "\(group)")
            #expect(counts.waited == 20, "\(group)")
            #expect(counts.otherwiseSkipped == 0, "\(group)")
        }
        #expect(before["accounting"]?.counts.unknown == 25)
        #expect(before["accounting"]?.counts.adopted == 25)
        #expect(outcome.hasRedriven)
        #expect(outcome.after.values.reduce(0) { $0 + $1.counts.succeeded } == 3420)
        #expect(outcome.after.values.allSatisfy { $0.counts.dead == 0 && $0.counts.parked == 0 })

        let inventory = scenario.inventory.figures
        #expect(inventory.orders == 1000)
        #expect(inventory.cancelled == 40)
        #expect(inventory.reserved.values.reduce(0, +) == 5947)
        #expect(inventory.reserved.count == 50)
        #expect(inventory.reserved["SKU-00"] == 77)
        #expect(inventory.reserved["SKU-07"] == 99)
        let accounting = scenario.accounting.figures
        #expect(accounting.invoices == 1000)
        #expect(accounting.invoicesAmount == 8_485_028)
        #expect(accounting.debitNotes == 100)
        #expect(accounting.debitNotesAmount == 124_000)
        #expect(accounting.creditNotes == 40)
        #expect(accounting.creditNotesAmount == 165_892)
        #expect(accounting.net == 8_443_136)
        #expect(accounting.lostAnswers == 25)
        #expect(scenario.accounting.invoice(1) == 5238)
        #expect(scenario.accounting.invoice(2) == 18950)
        let logistics = scenario.logistics.figures
        #expect(logistics.shipments == 1000)
        #expect(logistics.updates == 100)
        #expect(logistics.voids == 40)
        #expect(logistics.failedCalls > 5)
        #expect(logistics.failedCalls <= 5 + (Logistics.concurrency - 1) + 9)
        #expect([inventory.repeated, accounting.repeated, logistics.repeated] == [0, 0, 0])
        #expect([inventory.outOfOrder, accounting.outOfOrder, logistics.outOfOrder] == [0, 0, 0])
    }

    /// One of each kind: resent, lost answer, early amendment, told twice, cancelled, invalid with an amendment behind it.
    private static let few = [7, 11, 30, 33, 50, 60, 75, 120]

    @Test(arguments: [Crash.Moment.before, .after])
    func `a power cut at any append of any journal changes nothing of the end`(moment: Crash.Moment) throws {
        var appends = Int.max
        var at = -1
        var end: String?
        while at < appends {
            let stage = ProcessingStage(seed: UInt64(at + 2))
            let place = at
            let crash = Crash(stage.disk) { number, journal in
                number == place && journal.isDurable == (moment == .after)
            }
            let scenario = try Self.scenario(Self.few, stage, outage: .seconds(1)..<Duration.seconds(1)) {
                crash.install(&$0)
                $0.snapshotInterval = 7
            }
            let outcome = try stage.livingThrough(crash, cut: .drawn) { try await scenario.run($0) }
            if at < 0 { appends = crash.appendsCount }
            let counts = outcome.after.mapValues(\.counts).sorted { $0.key < $1.key }.map {
                "\($0.key): \($0.value.succeeded) \($0.value.duplicates) \($0.value.dead) \($0.value.parked)"
            }
            let logistics = scenario.logistics.figures
            let now =
                "\(counts) \(scenario.accounting.figures.net) \(scenario.inventory.figures.reserved.values.reduce(0, +)) "
                + "\(logistics.shipments) \(logistics.updates) \(logistics.voids)"
            #expect(now == end ?? now, "power cut \(moment) append \(at)")
            end = end ?? now
            #expect(
                scenario.inventory.figures.repeated + scenario.accounting.figures.repeated + logistics.repeated == 0)
            #expect(
                scenario.inventory.figures.outOfOrder + scenario.accounting.figures.outOfOrder + logistics.outOfOrder
                    == 0)
            at += 1
        }
        #expect(appends > 20)
    }
}
