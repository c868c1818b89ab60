// The file that a mended segment is written to: batches copied byte for byte, and markers where some are lost.
// Which is which has been planned; what becomes of the file is decided by `PartitionRepair`.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import SystemPackage

/// A segment on its way to disk, under its temporary name.
struct RepairedSegment {
    private let file: any File
    private let indexInterval: ByteCount
    private let estimatedTime: Timestamp
    private let knownTimes: SegmentIndex
    private let lastKnownOffset: Offset?
    private var epoch: LeaderEpoch
    private(set) var facts: SegmentFacts
    private(set) var index = SegmentIndex()
    /// Behind what has been written.
    private(set) var producers: ProducerStateTable
    private let knowsTransactions: Bool

    /// `transactions`: what is known of the producers, and of the transactions that the segment has aborted.
    init(
        file: any File, _ rewrite: SegmentRewrite, knownTimes: [AppendTimeChange], _ transactions: RepairedTransactions,
        indexInterval: ByteCount
    ) {
        self.file = file
        knowsTransactions = transactions.aborted != nil
        producers = transactions.producers
        self.indexInterval = indexInterval
        estimatedTime = rewrite.appendTime
        var known = SegmentIndex()
        known.append(entries: [], appendTimes: knownTimes)
        self.knownTimes = known
        lastKnownOffset = knownTimes.last?.offset
        epoch = rewrite.previousEpoch
        facts = SegmentFacts(baseOffset: rewrite.baseOffset)
        for transaction in transactions.aborted ?? [] { note(transaction) }
    }

    private mutating func note(_ transaction: AbortedTransaction) {
        index.note(transaction)
        facts.absorbAbortion()
    }

    /// Copies whole, valid batches.
    mutating func copy(_ range: Range<Position>, of source: PooledFile) throws(FileError) {
        var walker = BatchWalker(
            source, from: range.lowerBound, to: range.upperBound, expecting: facts.nextOffset, judgesEpochs: false)
        while true {
            switch try walker.next() {
            case .end: return
            case .batch(let header, let bytes, _): try append(bytes, header)
            case .invalid:
                // Sound when it was planned: the disk is failing under our hands.
                throw FileError(.read, source.path, .ioError)
            }
        }
    }

    /// Marks offsets as lost.
    mutating func mark(_ offsets: Range<Offset>, _ marker: LossMarker) throws(FileError) {
        for batch in marker.batches(covering: offsets, leaderEpoch: epoch) {
            try batch.withBytes { bytes throws(FileError) in try append(bytes, batch.header) }
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer, _ header: BatchHeader) throws(FileError) {
        try file.writeFully(bytes, at: facts.size)
        let isKnown = lastKnownOffset.map { $0 >= header.baseOffset } ?? false
        let estimate = header.timestampType == .append ? header.maxTimestamp : estimatedTime
        let time = max(isKnown ? knownTimes.appendTime(of: header.baseOffset) : estimate, facts.lastAppendTime)
        index.note(bytes, header, behind: facts, appendTime: time, interval: indexInterval)
        facts.absorb(header, hash: facts.hash(with: bytes, header), appendTime: time)
        epoch = header.leaderEpoch
        if knowsTransactions { return }
        let ended = producers.absorb(bytes, header, appendTime: time, ProducerLimits())
        if let aborted = ended.flatMap({ AbortedTransaction($0) }) { note(aborted) }
    }
}

/// What is known of the producers of a segment that is being mended.
struct RepairedTransactions {
    /// Behind the segment, where `aborted` is known; otherwise before it.
    var producers: ProducerStateTable
    /// The transactions that the segment has aborted; nil where the batches have to tell.
    var aborted: [AbortedTransaction]?
}
