// What compaction has to know of transactions and producers while it walks along the log: which batches were aborted, which
// marks have nothing left to mark, and which batch is the last one of a producer. The rules are those of Kafka's cleaner.

internal import DaybookModel
internal import DaybookRecords

/// The last thing that a producer is known by.
struct ProducerTail: Sendable, Hashable {
    /// Of its last batch; nil when its epoch has none yet, only a marker.
    let baseOffset: Offset?
    let epoch: Int16
}

extension ProducerStateTable {
    /// The tails of the producers that have been heard of within the time for which they are remembered. O(producers).
    func tails(at now: Timestamp, _ limits: ProducerLimits) -> [ProducerID: ProducerTail] {
        var tails: [ProducerID: ProducerTail] = [:]
        for state in sorted where state.lastTime.milliseconds(until: now) <= limits.expiration {
            tails[state.id] = ProducerTail(baseOffset: state.batches.last?.baseOffset, epoch: state.epoch)
        }
        return tails
    }
}

/// Follows the transactions of a log from its beginning, batch by batch. A value: a walk that is done twice begins each time with
/// the same one.
struct TransactionSweep {
    private let aborted: CommittedFilter
    private let tails: [ProducerID: ProducerTail]
    /// Producers of whose transaction a batch has been met, or that was open at the end of a segment, and not yet its end.
    private var begun: Set<ProducerID> = []
    /// Marks that were met without a batch of their transaction before them: their offsets.
    private(set) var idleMarkers: Set<Offset> = []

    /// `open`: whose transactions were open where the walk begins.
    init(_ aborted: CommittedFilter, _ tails: [ProducerID: ProducerTail], open: [ProducerID]) {
        self.aborted = aborted
        self.tails = tails
        begun = Set(open)
    }

    /// Comes to the end of a segment behind which these transactions are known to be open. Whoever finds out the producers of what
    /// follows from there must meet their ends, although no batch of them may be left.
    mutating func endSegment(open: [ProducerID]) { begun.formUnion(open) }

    /// Forgets which marks were met: for a new segment.
    mutating func beginSegment() { idleMarkers.removeAll() }

    /// Takes note of the next batch.
    mutating func pass(_ header: BatchHeader) {
        guard header.isTransactional else { return }
        if !header.isControl {
            begun.insert(header.producer.id)
        } else if begun.remove(header.producer.id) == nil {
            idleMarkers.insert(header.baseOffset)
        }
    }

    /// Whether a data batch belongs to a transaction that was aborted.
    func isAborted(_ header: BatchHeader) -> Bool { aborted.isAborted(header) }

    /// Whether the producer would be unknown without this batch, were the segments all that is left to tell of it.
    func isLast(_ header: BatchHeader) -> Bool {
        guard let tail = tails[header.producer.id] else { return false }
        if let base = tail.baseOffset { return base == header.baseOffset }
        return header.isControl && header.producer.epoch == tail.epoch
    }
}
