// What the scenario's outside systems have in common: documents by a reference of ours, that none is made twice, and that those
// of an order come in its order.

internal import DaybookProcessing
internal import Synchronization

/// A document in an outside system.
package struct Document: Hashable, Sendable {
    /// `created`, `amended` or `cancelled`: the type of the event that made it.
    package var kind: String
    package var order: String
    package var rev: Int
    /// Cents.
    package var amount: Int
}

/// Documents of a system, by the order they are about.
struct DocumentBook: Sendable {
    private struct Revision: Hashable {
        let order: String
        let number: Int
    }
    private(set) var documents: [Document] = []
    /// What there is a document of: a later one says nothing about those before it.
    private var made: Set<Revision> = []
    /// The highest of each order.
    private var revisions: [String: Int] = [:]
    /// Documents that were made a second time.
    private(set) var repeated = 0
    /// Documents that came before the one before them.
    private(set) var outOfOrder = 0

    mutating func add(_ document: Document) {
        let last = revisions[document.order] ?? 0
        if document.rev <= last { repeated += 1 }
        if document.rev > last + 1 { outOfOrder += 1 }
        revisions[document.order] = max(last, document.rev)
        made.insert(Revision(order: document.order, number: document.rev))
        documents.append(document)
    }

    func contains(_ order: String, rev: Int) -> Bool { made.contains(Revision(order: order, number: rev)) }

    func count(_ kind: String) -> Int { documents.count { $0.kind == kind } }

    func amount(_ kind: String) -> Int { documents.reduce(0) { $0 + ($1.kind == kind ? $1.amount : 0) } }
}

extension Event {
    /// `created` of `crm.order.created.v1`.
    var orderKind: String { String(type.split(separator: ".").dropLast().last ?? "") }
}
