// Verification of what sidecars say of producers and of aborted transactions: follows the batches of one segment and compares
// at each block. Fed by `SidecarVerification`; the rules of the producers are in `ProducerStateTable`.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

/// The producers of one segment, from its beginning up to some batch.
struct ProducerVerification {
    private var table: ProducerStateTable
    /// What came before the segment is known.
    private let knowsBefore: Bool
    private let baseOffset: Offset
    /// The producers that have written in this segment.
    private var heard: Set<ProducerID> = []
    private var aborted: [AbortedTransaction] = []
    /// What has been met leaves open what else there was.
    private(set) var isDoubtful = false

    /// `before`: all producers where the segment begins; nil where nobody knows them.
    init(_ before: ProducerStateTable?, baseOffset: Offset) {
        table = before ?? ProducerStateTable()
        knowsBefore = before != nil
        self.baseOffset = baseOffset
    }

    /// Nobody is forgotten here, however long silent.
    private static let limits = ProducerLimits(maximum: .max, expiration: .max, floor: .max)

    /// Goes on over a batch; `bytes` is exactly the batch. When it was appended is not compared: batches do not tell.
    mutating func pass(_ header: BatchHeader, _ bytes: UnsafeRawBufferPointer) {
        let ended = table.absorb(bytes, header, appendTime: .none, Self.limits)
        if table[header.producer.id] != nil { heard.insert(header.producer.id) }
        if let transaction = ended.flatMap({ AbortedTransaction($0) }) { aborted.append(transaction) }
    }

    /// Goes on over something in whose place there were other batches.
    mutating func doubt() { isDoubtful = true }

    /// The producers behind the last batch, for the next segment; nil where some of them may be unknown.
    func behind(_ facts: SegmentFacts) -> ProducerStateTable? {
        knowsBefore && !isDoubtful && !Self.hasHoles(facts) ? table : nil
    }

    /// Compaction takes records, batches and whole transactions away, and leaves what was known of their producers.
    private static func hasHoles(_ facts: SegmentFacts) -> Bool {
        facts.recordsCount != facts.baseOffset.distance(to: facts.nextOffset)
    }

    /// How what is said of the place behind `facts` differs from what the batches say: the producers there, and the
    /// transactions aborted in the segment so far. O(producers of the segment + transactions).
    func differences(
        from said: ProducerStateTable, _ saidAborted: [AbortedTransaction], behind facts: SegmentFacts
    ) -> [String] {
        guard !isDoubtful else { return [] }
        let hasHoles = Self.hasHoles(facts)
        var differences: [String] = []
        for id in heard.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let found = table[id] else { continue }
            guard let state = said[id] else {
                // With more of them those may be forgotten that have long been silent.
                if said.count < ProducerLimits().floor { differences.append("producer \(id.rawValue) is missing") }
                continue
            }
            if let difference = difference(state, found, hasHoles: hasHoles) {
                differences.append("producer \(id.rawValue) has \(difference)")
            }
        }
        if knowsBefore, !hasHoles {
            for state in said.sorted where table[state.id] == nil {
                differences.append("producer \(state.id.rawValue) has written nothing")
            }
        }
        return differences + abortedDifferences(saidAborted, hasHoles: hasHoles)
    }

    private func difference(_ said: ProducerState, _ found: ProducerState, hasHoles: Bool) -> String? {
        let isBehind = found.batches.last.map { batch in
            said.batches.last.map { $0.baseOffset > batch.baseOffset } ?? true
        }
        // Its newest batches may be gone.
        if hasHoles, isBehind ?? true { return nil }
        if said.epoch != found.epoch { return "epoch \(said.epoch) instead of \(found.epoch)" }
        if let batch = found.batches.last {
            guard let last = said.batches.last, last.baseOffset == batch.baseOffset, last.lastDelta == batch.lastDelta,
                last.baseSequence == batch.baseSequence
            else {
                return "another last batch than the one at offset \(batch.baseOffset), sequence \(batch.baseSequence)"
            }
        }
        guard !hasHoles, said.transactionStart != found.transactionStart else { return nil }
        // It may have begun before the segment.
        if !knowsBefore, found.transactionStart != nil, let start = said.transactionStart, start < baseOffset {
            return nil
        }
        func text(_ start: Offset?) -> String { start.map { "a transaction open from \($0)" } ?? "no open transaction" }
        return "\(text(said.transactionStart)) instead of \(text(found.transactionStart))"
    }

    private func abortedDifferences(_ said: [AbortedTransaction], hasHoles: Bool) -> [String] {
        // The first offset may lie before the segment, or be gone.
        let isExact = knowsBefore && !hasHoles
        func isSame(_ a: AbortedTransaction, _ b: AbortedTransaction) -> Bool {
            isExact ? a == b : a.producer == b.producer && a.lastOffset == b.lastOffset
        }
        let forgotten = aborted.filter { one in !said.contains { isSame($0, one) } }
        let invented = isExact ? said.filter { one in !aborted.contains { isSame($0, one) } } : []
        return forgotten.map { "the transaction aborted at offset \($0.lastOffset) is missing" }
            + invented.map { "no transaction was aborted at offset \($0.lastOffset) that began at \($0.firstOffset)" }
    }
}
