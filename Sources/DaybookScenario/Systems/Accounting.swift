// Accounting: knows idempotency keys for 24 hours, rejects tax ids that it cannot verify, and sometimes its answer is lost.
// What it is told, and when, is in `ErpScenario`.

package import DaybookProcessing
internal import Synchronization

/// Issues invoices, debit notes and credit notes.
package final class Accounting: Sendable {
    private struct State {
        var answers: [String: String] = [:]
        var book = DocumentBook()
        var balances: [String: Int] = [:]
        var acceptsEveryTaxID = false
        var lostAnswers = 0
    }
    private let state = Mutex(State())
    private let clock: ScenarioClock

    package init(_ clock: ScenarioClock) { self.clock = clock }

    /// Somebody corrects the tax ids in the master data.
    package func correctTaxIDs() { state.withLock { $0.acceptsEveryTaxID = true } }

    /// A request with an idempotency key.
    func post(_ event: Event, _ context: EventContext) async throws -> HandlerResult {
        let body = try event.decoded(as: ErpBody.self)
        await clock.pause(.milliseconds(12))
        return try state.withLock { state in
            if let reference = state.answers[context.effectKey] { return .alreadyDone(reference: reference) }
            let order = ErpOrders.number(body.orderId)
            if ErpOrders.isInvalid(order), !state.acceptsEveryTaxID, event.orderKind == "created" {
                throw EffectFailure.permanent("422: the tax id \(body.taxId) is not valid")
            }
            let amount = event.orderKind == "cancelled" ? state.balances[body.orderId] ?? 0 : body.amount
            state.book.add(Document(kind: event.orderKind, order: body.orderId, rev: body.rev, amount: amount))
            state.balances[body.orderId, default: 0] += amount
            let reference = "\(event.orderKind)-\(body.orderId)"
            state.answers[context.effectKey] = reference
            if ErpOrders.isAnswerLost(order), event.orderKind == "created" {
                state.lostAnswers += 1
                throw EffectFailure.unknown("the connection was reset before the answer came")
            }
            return .done(reference: reference)
        }
    }

    package var route: Route {
        Route(
            "crm.order.*.v1", to: Downstream("accounting"), effect: .idempotent(window: .seconds(24 * 3600))
        ) { event, context in
            try await self.post(event, context)
        }
    }

    /// What has been issued. Amounts in cents.
    package struct Figures: Hashable, Sendable {
        package var invoices: Int
        package var invoicesAmount: Int
        package var debitNotes: Int
        package var debitNotesAmount: Int
        package var creditNotes: Int
        package var creditNotesAmount: Int
        package var lostAnswers: Int
        package var repeated: Int
        package var outOfOrder: Int

        package var net: Int { invoicesAmount + debitNotesAmount - creditNotesAmount }
    }

    package var figures: Figures {
        state.withLock { state in
            let book = state.book
            return Figures(
                invoices: book.count("created"), invoicesAmount: book.amount("created"),
                debitNotes: book.count("amended"), debitNotesAmount: book.amount("amended"),
                creditNotes: book.count("cancelled"), creditNotesAmount: book.amount("cancelled"),
                lostAnswers: state.lostAnswers, repeated: book.repeated, outOfOrder: book.outOfOrder)
        }
    }

    /// The amount of an order's invoice; nil where there is none.
    package func invoice(_ order: Int) -> Int? {
        state.withLock { $0.book.documents.first { $0.kind == "created" && $0.order == ErpOrders.name(order) }?.amount }
    }
}
