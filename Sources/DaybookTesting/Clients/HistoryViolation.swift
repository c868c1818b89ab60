// What is wrong with a history: which kind of promise was broken, by what, and the few events that show it.
// Found by `HistoryChecker`.

/// A promise that a history shows to be broken.
package struct HistoryViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kinds of broken promises.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// What was acknowledged, or shown to somebody, is not there, or was passed over.
        case lost
        /// Something is there, or was handed out, more than once.
        case duplicate
        /// Two things have changed places.
        case reordered
        /// Something is there that nobody has sent, or that was refused, or that had been found to be absent.
        case phantom
        /// A record of a transaction that was aborted, or not yet to be committed, was shown.
        case abortedRead = "aborted read"
        /// A part of a transaction is there and another part is not.
        case torn
    }

    package let kind: Kind
    /// What is wrong, in one sentence.
    package let sentence: String
    /// The numbers of the events that show it, in order; no others are needed.
    package let evidence: [Int]

    init(_ kind: Kind, _ sentence: String, _ evidence: [Int?]) {
        self.kind = kind
        self.sentence = sentence
        self.evidence = Set(evidence.compactMap { $0 }).sorted()
    }

    package var description: String { "\(kind.rawValue): \(sentence)" }

    /// The sentence and the events of `history` that show it, one line each.
    package func explanation(in history: ClientHistory) -> String {
        ([description] + history.lines(evidence).map { "  \($0)" }).joined(separator: "\n")
    }
}
