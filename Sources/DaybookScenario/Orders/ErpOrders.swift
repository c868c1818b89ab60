// The orders of the ERP scenario and the events that tell of them: rules instead of random numbers, so that every count can be
// known before. What the systems behind make of the events is in `Accounting`, `Inventory` and `Logistics`.

package import DaybookProcessing

/// A line of an order. Money is in cents.
package struct ErpLine: Codable, Hashable, Sendable {
    package var sku: String
    package var qty: Int
    package var unitPriceMinor: Int
}

/// The body of an event of the scenario.
package struct ErpBody: Codable, Hashable, Sendable {
    package var orderId: String
    package var rev: Int
    package var customerId: String
    package var currency: String
    package var taxId: String
    /// What is ordered; for an amendment what is ordered more; none for a cancellation.
    package var lines: [ErpLine]
    /// Milliseconds since the scenario began.
    package var placedAt: Int

    package var amount: Int { lines.reduce(0) { $0 + $1.qty * $1.unitPriceMinor } }
}

/// What happens to each order, by its number from 1.
package enum ErpOrders {
    /// An event and when it arrives.
    package struct Arrival: Sendable {
        /// Since the scenario began.
        package var time: Duration
        package var event: Event
    }

    /// One piece more of the first line.
    package static func isAmended(_ order: Int) -> Bool { order % 10 == 0 }
    /// After everything else that is told of it.
    package static func isCancelled(_ order: Int) -> Bool { order % 25 == 0 }
    /// The same event again, five seconds later.
    package static func isResent(_ order: Int) -> Bool { order % 20 == 7 || order % 200 == 60 }
    /// The same order and revision again under a new event id.
    package static func isToldTwice(_ order: Int) -> Bool { order % 100 == 33 }
    /// The amendment arrives before the order.
    package static func isEarly(_ order: Int) -> Bool { order % 50 == 30 }
    /// Accounting rejects the order for its tax id.
    package static func isInvalid(_ order: Int) -> Bool { order % 250 == 120 }
    /// Accounting's answer to the order is lost.
    package static func isAnswerLost(_ order: Int) -> Bool { order % 40 == 11 }

    /// The name of an order.
    package static func name(_ order: Int) -> String {
        let digits = String(order)
        return "SO-" + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }

    /// The number of an order by its name; 0 for another text.
    package static func number(_ name: String) -> Int { Int(name.dropFirst(3)) ?? 0 }

    /// What is ordered.
    package static func lines(_ order: Int) -> [ErpLine] {
        (0..<(1 + order % 3)).map { line in
            let sku = (7 * order + 13 * line) % 50
            return ErpLine(sku: skuName(sku), qty: 1 + (order + line) % 5, unitPriceMinor: 500 + 37 * sku)
        }
    }

    private static func skuName(_ number: Int) -> String { number < 10 ? "SKU-0\(number)" : "SKU-\(number)" }

    /// The events of these orders as they arrive. Throws what the codec of bodies throws.
    package static func arrivals(_ orders: some Sequence<Int>) throws -> [Arrival] {
        var arrivals: [(time: Int, order: Int, rev: Int, event: Event)] = []
        for order in orders {
            let time = order * 10
            func add(_ units: Int, _ type: String, _ rev: Int, id: String, lines: [ErpLine]) throws {
                arrivals.append((units, order, rev, try event(order, type, rev, id: id, lines)))
            }
            try add(time, "created", 1, id: "c\(order)", lines: lines(order))
            if isAmended(order) {
                var more = lines(order)[0]
                more.qty = 1
                try add(isEarly(order) ? time - 3 : time + 5, "amended", 2, id: "a\(order)", lines: [more])
            }
            if isCancelled(order) {
                try add(time + 8, "cancelled", isAmended(order) ? 3 : 2, id: "x\(order)", lines: [])
            }
            if isResent(order) { try add(time + 500, "created", 1, id: "c\(order)", lines: lines(order)) }
            if isToldTwice(order) { try add(time + 1, "created", 1, id: "c\(order)-again", lines: lines(order)) }
        }
        arrivals.sort { ($0.time, $0.order, $0.rev) < ($1.time, $1.order, $1.rev) }
        return arrivals.map { Arrival(time: .milliseconds(10 * $0.time), event: $0.event) }
    }

    private static func event(_ order: Int, _ type: String, _ rev: Int, id: String, _ lines: [ErpLine]) throws -> Event
    {
        let name = name(order)
        let body = ErpBody(
            orderId: name, rev: rev, customerId: "C-\(order % 97)", currency: "EUR",
            taxId: isInvalid(order) ? "DE0" : "DE\(100_000_000 + order)", lines: lines, placedAt: order * 100)
        var event = try Event(
            id: id, source: "/crm/eu1", type: "crm.order.\(type).v1", partitionKey: name, sequence: Int64(rev),
            encoding: body)
        event.subject = name
        event.correlationID = name
        event.schema = "https://schemas.example/crm/order/\(type)/1"
        return event
    }
}
