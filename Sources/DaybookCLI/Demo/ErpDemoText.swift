// How the result of `daybook demo erp` is shown: tables for people, one object for programs. The figures are those of the
// scenario. Nothing here decides or counts.

import Daybook
import DaybookProcessing
import DaybookScenario

/// What a run of the ERP scenario came to.
struct ErpDemoResult {
    let orders: Int
    let scenario: ErpScenario
    let outcome: ErpScenario.Outcome
    let log: ErpLogFigures
    /// The same events, carried by direct calls.
    let naive: NaiveRun
    /// Time that passed in the scenario.
    let virtual: Duration
    /// Time that it took.
    let seconds: Double

    private static let columns: [(name: String, value: @Sendable (GroupCounts) -> Int)] = [
        ("succeeded", { $0.succeeded }), ("adopted", { $0.adopted }), ("duplicates", { $0.duplicates }),
        ("dead", { $0.dead }), ("parked", { $0.parked }), ("waited", { $0.waited }), ("retried", { $0.retried }),
        ("unknown", { $0.unknown }),
    ]

    private var deliveries: Int { scenario.arrivals.count * ErpScenario.groups.count }

    // MARK: for people

    var text: String {
        let inventory = scenario.inventory.figures
        let accounting = scenario.accounting.figures
        let logistics = scenario.logistics.figures
        var text = "\(Numbers.grouped(orders)) orders, \(Numbers.grouped(scenario.arrivals.count)) events, "
        text += "\(Numbers.grouped(deliveries)) deliveries to \(ErpScenario.groups.count) groups: "
        text += "\(Numbers.fixed(virtual.seconds, 1)) s of virtual time in \(Numbers.fixed(seconds, 2)) s\n"
        text += "\(Numbers.grouped(Int(Double(deliveries) / seconds))) deliveries a second, "
        text += "at most \(Numbers.fixed(Double(ResidentMemory.most) / 1e6, 0)) MB of memory\n"
        if let before = outcome.before { text += "\nBefore the redrive\n" + table(before) }
        text += "\nAfter the tax ids were corrected and the dead letters redriven"
        if let redriven { text += ": \(Numbers.grouped(redriven)) events, in order" }
        text += "\n" + table(outcome.after)
        var systems = TextTable(columns: [.left("outside system"), .left("has"), .right("count"), .right("EUR")])
        systems.addRow(["erp-inventory", "orders open", Numbers.grouped(inventory.orders - inventory.cancelled)])
        systems.addRow(["", "orders cancelled", Numbers.grouped(inventory.cancelled)])
        systems.addRow(["", "units reserved", Numbers.grouped(inventory.reserved.values.reduce(0, +))])
        systems.addRow(
            ["accounting", "invoices", Numbers.grouped(accounting.invoices), money(accounting.invoicesAmount)])
        systems.addRow(
            ["", "debit notes", Numbers.grouped(accounting.debitNotes), money(accounting.debitNotesAmount)])
        systems.addRow(
            ["", "credit notes", Numbers.grouped(accounting.creditNotes), money(accounting.creditNotesAmount)])
        systems.addRow(["", "answers lost on the way", Numbers.grouped(accounting.lostAnswers)])
        systems.addRow(["logistics", "shipments", Numbers.grouped(logistics.shipments)])
        systems.addRow(["", "updates", Numbers.grouped(logistics.updates)])
        systems.addRow(["", "voids", Numbers.grouped(logistics.voids)])
        systems.addRow(["", "calls that failed while it was down", Numbers.grouped(logistics.failedCalls)])
        text += "\n" + systems.render()
        text += "\nDocuments made twice: \(repeated). Documents out of order: \(outOfOrder).\n"
        text +=
            "Direct calls with plain retries would have issued \(Numbers.grouped(naive.doubledInvoices)) invoices twice and "
        text +=
            "lost \(Numbers.grouped(naive.lostAmendments)) amendments and \(Numbers.grouped(naive.rejected)) orders: "
        text += "see --naive.\n"
        return text
    }

    /// Dead letters and what was parked behind them; nil where an earlier run has redriven them.
    private var redriven: Int? {
        outcome.before.map { $0.values.reduce(0) { $0 + $1.counts.dead + $1.counts.parked } }
    }

    private var repeated: Int {
        scenario.inventory.figures.repeated + scenario.accounting.figures.repeated + scenario.logistics.figures.repeated
    }

    private var outOfOrder: Int {
        scenario.inventory.figures.outOfOrder + scenario.accounting.figures.outOfOrder
            + scenario.logistics.figures.outOfOrder
    }

    private func table(_ statuses: [String: GroupStatus]) -> String {
        var table = TextTable(columns: [.left("group")] + Self.columns.map { .right($0.name) })
        for group in ErpScenario.groups {
            guard let counts = statuses[group]?.counts else { continue }
            table.addRow([group] + Self.columns.map { Numbers.grouped($0.value(counts)) })
        }
        return table.render()
    }

    private func money(_ cents: Int) -> String { Numbers.fixed(Double(cents) / 100, 2) }

    // MARK: for programs

    var json: JSONValue {
        let inventory = scenario.inventory.figures
        let accounting = scenario.accounting.figures
        let logistics = scenario.logistics.figures
        let reserved = inventory.reserved.sorted { $0.key < $1.key }
        return [
            "orders": .integer(orders), "events": .integer(scenario.arrivals.count), "deliveries": .integer(deliveries),
            "log": [
                "records": .integer(log.records), "event_ids": .integer(log.eventIDs),
                "revisions": .integer(log.revisions), "order_lines": .integer(log.orderLines),
                "units": .integer(log.units),
                "types": .object(log.types.sorted { $0.key < $1.key }.map { (key: $0.key, value: .integer($0.value)) }),
            ],
            "before_redrive": outcome.before.map { groups($0) } ?? .null, "after_redrive": groups(outcome.after),
            "redriven": redriven.map { .integer($0) } ?? .null,
            "inventory": [
                "orders": .integer(inventory.orders), "cancelled": .integer(inventory.cancelled),
                "reserved_units": .integer(inventory.reserved.values.reduce(0, +)),
                "reserved": .object(reserved.map { (key: $0.key, value: .integer($0.value)) }),
            ],
            "accounting": [
                "invoices": .integer(accounting.invoices), "invoices_minor": .integer(accounting.invoicesAmount),
                "debit_notes": .integer(accounting.debitNotes),
                "debit_notes_minor": .integer(accounting.debitNotesAmount),
                "credit_notes": .integer(accounting.creditNotes),
                "credit_notes_minor": .integer(accounting.creditNotesAmount), "net_minor": .integer(accounting.net),
                "answers_lost": .integer(accounting.lostAnswers),
            ],
            "logistics": [
                "shipments": .integer(logistics.shipments), "updates": .integer(logistics.updates),
                "voids": .integer(logistics.voids), "failed_calls": .integer(logistics.failedCalls),
            ],
            "made_twice": .integer(repeated), "out_of_order": .integer(outOfOrder),
            "naive": naive.json(orders: orders), "most_memory_bytes": .integer(ResidentMemory.most),
            "virtual_seconds": .number(virtual.seconds, places: 3), "seconds": .number(seconds, places: 3),
        ]
    }

    private func groups(_ statuses: [String: GroupStatus]) -> JSONValue {
        .object(
            ErpScenario.groups.compactMap { group in
                guard let counts = statuses[group]?.counts else { return nil }
                return (
                    key: group,
                    value: .object(Self.columns.map { (key: $0.name, value: .integer($0.value(counts))) })
                )
            })
    }
}

extension NaiveRun {
    func text(orders: Int) -> String {
        var table = TextTable(columns: [.left("direct calls, three retries two seconds apart"), .right("")])
        table.addRow(["orders", Numbers.grouped(orders)])
        table.addRow(["invoices", Numbers.grouped(invoices)])
        table.addRow(["of them issued again for the same order", Numbers.grouped(doubledInvoices)])
        table.addRow(["orders that accounting rejected, and nobody knows of", Numbers.grouped(rejected)])
        table.addRow(["amendments of orders not there yet, given up", Numbers.grouped(lostAmendments)])
        return table.render()
    }

    func json(orders: Int) -> JSONValue {
        [
            "orders": .integer(orders), "invoices": .integer(invoices), "invoices_minor": .integer(invoicesAmount),
            "invoices_issued_again": .integer(doubledInvoices), "rejected": .integer(rejected),
            "amendments_lost": .integer(lostAmendments), "calls": .integer(calls),
        ]
    }
}
