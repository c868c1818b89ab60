// Logistics: does everything that it is told, as often as it is told, but can be asked by the customer's reference. For 45
// seconds it answers nobody.

package import DaybookProcessing
internal import Synchronization

/// Makes shipments, changes and voids them.
package final class Logistics: Sendable {
    private struct State {
        var book = DocumentBook()
        var failedCalls = 0
    }
    private let state = Mutex(State())
    private let clock: ScenarioClock
    private let outage: Range<Duration>

    /// `outage`: when it answers 503, from the scenario's beginning.
    package init(_ clock: ScenarioClock, outage: Range<Duration>) {
        self.clock = clock
        self.outage = outage
    }

    /// A request without a key: told twice, it does it twice.
    func ship(_ event: Event) async throws -> HandlerResult {
        let body = try event.decoded(as: ErpBody.self)
        await clock.pause(.milliseconds(15))
        try answer()
        state.withLock {
            $0.book.add(Document(kind: event.orderKind, order: body.orderId, rev: body.rev, amount: body.amount))
        }
        return .done(reference: "\(body.orderId)/\(body.rev)")
    }

    /// Asks by the customer's reference.
    func find(_ event: Event) async throws -> ProbeResult {
        let body = try event.decoded(as: ErpBody.self)
        await clock.pause(.milliseconds(6))
        try answer()
        let isThere = state.withLock { $0.book.contains(body.orderId, rev: body.rev) }
        return isThere ? .found(reference: "\(body.orderId)/\(body.rev)") : .absent
    }

    private func answer() throws {
        guard outage.contains(clock.elapsed) else { return }
        state.withLock { $0.failedCalls += 1 }
        throw EffectFailure.retry("503: service unavailable")
    }

    package static let concurrency = 4

    package var route: Route {
        Route(
            "crm.order.*.v1", to: Downstream("logistics", concurrency: Self.concurrency),
            effect: .probeable(settle: .seconds(2)) { event, _ in try await self.find(event) }
        ) { event, _ in try await self.ship(event) }
    }

    /// What has been shipped.
    package struct Figures: Hashable, Sendable {
        package var shipments: Int
        package var updates: Int
        package var voids: Int
        package var failedCalls: Int
        package var repeated: Int
        package var outOfOrder: Int
    }

    package var figures: Figures {
        state.withLock { state in
            Figures(
                shipments: state.book.count("created"), updates: state.book.count("amended"),
                voids: state.book.count("cancelled"), failedCalls: state.failedCalls, repeated: state.book.repeated,
                outOfOrder: state.book.outOfOrder)
        }
    }
}
