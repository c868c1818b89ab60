// What the same events come to without any of this: each event is carried to the systems at once, one after the other, with
// three retries two seconds apart, without keys and without waiting for what came before.

internal import DaybookProcessing

/// The result of direct calls with plain retries.
package struct NaiveRun: Hashable, Sendable {
    package private(set) var invoices = 0
    /// Invoices beyond the first of an order.
    package private(set) var doubledInvoices = 0
    package private(set) var invoicesAmount = 0
    /// Orders that accounting rejected; nobody knows of them afterwards.
    package private(set) var rejected = 0
    /// Amendments of orders that were not there yet, given up after three retries.
    package private(set) var lostAmendments = 0
    package private(set) var calls = 0

    private var orders: Set<String> = []
    private var answered: Set<String> = []

    private static let retries = 3

    /// Carries the events of `arrivals` in their order. While one is retried those behind it wait, as in a plain loop.
    package init(_ arrivals: [ErpOrders.Arrival]) throws {
        for arrival in arrivals {
            let body = try arrival.event.decoded(as: ErpBody.self)
            var isDone = false
            for _ in 0...Self.retries where !isDone { isDone = carry(body, arrival.event.orderKind) }
            if !isDone { lostAmendments += 1 }
        }
    }

    /// One call; false where a plain client tries again.
    private mutating func carry(_ body: ErpBody, _ kind: String) -> Bool {
        calls += 1
        switch kind {
        case "created":
            let order = ErpOrders.number(body.orderId)
            if ErpOrders.isInvalid(order) {
                rejected += 1
                return true
            }
            invoices += 1
            invoicesAmount += body.amount
            if !orders.insert(body.orderId).inserted { doubledInvoices += 1 }
            // The first answer is lost on the way.
            return !ErpOrders.isAnswerLost(order) || !answered.insert(body.orderId).inserted
        case "amended":
            // What accounting rejected is known to the other systems all the same.
            return orders.contains(body.orderId) || ErpOrders.isInvalid(ErpOrders.number(body.orderId))
        default: return true
        }
    }
}
