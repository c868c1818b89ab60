// What the CRM has told, counted: the figures of the scenario's log, before any group has seen it. What becomes of the events is
// counted by the groups and by the systems behind them.

internal import DaybookProcessing

/// The figures of the events that were published.
package struct ErpLogFigures: Hashable, Sendable {
    package private(set) var records = 0
    package private(set) var eventIDs = 0
    /// Distinct pairs of order and revision: what has to be done.
    package private(set) var revisions = 0
    /// Records by type: `crm.order.created.v1`.
    package private(set) var types: [String: Int] = [:]
    /// Lines of the orders, each order counted once.
    package private(set) var orderLines = 0
    /// Units that were ordered, each order counted once, without what was amended.
    package private(set) var units = 0

    /// Counts. O(arrivals). Throws what the codec of bodies throws.
    package init(_ arrivals: [ErpOrders.Arrival]) throws {
        struct Revision: Hashable {
            var order: String
            var rev: Int
        }
        var ids: Set<String> = []
        var seen: Set<Revision> = []
        for arrival in arrivals {
            records += 1
            types[arrival.event.type, default: 0] += 1
            ids.insert(arrival.event.id)
            let body = try arrival.event.decoded(as: ErpBody.self)
            guard seen.insert(Revision(order: body.orderId, rev: body.rev)).inserted, body.rev == 1 else { continue }
            orderLines += body.lines.count
            units += body.lines.reduce(0) { $0 + $1.qty }
        }
        eventIDs = ids.count
        revisions = seen.count
    }
}
