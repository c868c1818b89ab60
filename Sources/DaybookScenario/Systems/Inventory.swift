// The ERP's inventory: a database in which an inbox row stands beside each effect, so that an effect key has its effect once.
// What it is told, and when, is in `ErpScenario`.

package import DaybookProcessing
internal import Synchronization

/// Reserves stock for orders.
package final class Inventory: Sendable {
    private struct State {
        var inbox: Set<String> = []
        var book = DocumentBook()
        var orders: [String: [ErpLine]] = [:]
        var cancelled: Set<String> = []
    }
    private let state = Mutex(State())
    private let clock: ScenarioClock

    package init(_ clock: ScenarioClock) { self.clock = clock }

    /// One transaction: inbox row and reservation, or neither.
    func apply(_ event: Event, _ context: EventContext) async throws -> HandlerResult {
        let body = try event.decoded(as: ErpBody.self)
        await clock.pause(.milliseconds(4))
        return state.withLock { state in
            guard state.inbox.insert(context.effectKey).inserted else { return .alreadyDone() }
            state.book.add(Document(kind: event.orderKind, order: body.orderId, rev: body.rev, amount: body.amount))
            state.orders[body.orderId, default: []] += body.lines
            if event.orderKind == "cancelled" { state.cancelled.insert(body.orderId) }
            return .done()
        }
    }

    package var route: Route {
        Route("crm.order.*.v1", to: Downstream("erp-inventory"), effect: .transactional) { event, context in
            try await self.apply(event, context)
        }
    }

    /// What is reserved: figures of the result.
    package struct Figures: Hashable, Sendable {
        package var orders: Int
        package var cancelled: Int
        /// Units reserved for open orders, by stock keeping unit.
        package var reserved: [String: Int]
        package var repeated: Int
        package var outOfOrder: Int
    }

    package var figures: Figures {
        state.withLock { state in
            var reserved: [String: Int] = [:]
            for (order, lines) in state.orders where !state.cancelled.contains(order) {
                for line in lines { reserved[line.sku, default: 0] += line.qty }
            }
            return Figures(
                orders: state.orders.count, cancelled: state.cancelled.count, reserved: reserved,
                repeated: state.book.repeated, outOfOrder: state.book.outOfOrder)
        }
    }
}
