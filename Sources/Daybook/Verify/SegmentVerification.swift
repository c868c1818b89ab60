// Verification of one segment: every batch, every record, and on the way each sidecar block against what has been read
// up to the place that it covers. One pass, in memory of one stride.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// One segment to check, and what its neighbours say about it.
struct SegmentSubject {
    let baseOffset: Offset
    /// Where the next segment begins; nil for the last one.
    let following: Offset?
    /// Of the batch before this segment.
    let previousEpoch: LeaderEpoch?
    /// Invalid bytes at offsets below this are corruption, at and above it the torn end of a log.
    let durableBelow: Offset
    /// Where the segment begins; nil where nobody knows them.
    let producers: ProducerStateTable?
}

/// The checks of one segment. Blocks.
struct SegmentVerification {
    private let segment: SegmentSubject
    private let partition: VerificationSubject
    private let folder: FilePath
    private let pool: DescriptorPool
    private let progress: VerificationProgress
    private let name: String
    private var report: VerificationReport
    private var facts: SegmentFacts
    private var isDamaged = false
    private let decoder = RecordDecoder()

    struct Result {
        let report: VerificationReport
        let nextOffset: Offset
        let lastEpoch: LeaderEpoch?
        /// Behind the segment; nil where nobody knows them.
        let producers: ProducerStateTable?
    }

    init(
        _ segment: SegmentSubject, partition: VerificationSubject, folder: FilePath, pool: DescriptorPool,
        progress: VerificationProgress
    ) {
        self.segment = segment
        self.partition = partition
        self.folder = folder
        self.pool = pool
        self.progress = progress
        name = "\(partition.topicPartition)/\(SegmentName.log(segment.baseOffset))"
        facts = SegmentFacts(baseOffset: segment.baseOffset)
        report = VerificationReport(directory: "")
    }

    mutating func run() throws -> Result {
        // The sidecar first: a live writer sums up only what the segment holds already.
        var sidecar = try SidecarVerification(segment, partition, folder, pool.fileSystem)
        let file = pool.file(at: folder.appending(SegmentName.log(segment.baseOffset)), .read)
        let end = Position(try file.status().size)
        report.bytes = .bytes(end.rawValue)
        try walk(file, to: end, &sidecar)
        try file.close()
        sidecar.finish(facts, isDamaged: isDamaged, fileSize: end)
        report.add(sidecar.report)
        let isWhole = !isDamaged && facts.size == end
        report.segments[name] = SegmentSum(size: end.rawValue, hash: isWhole ? facts.hash : nil)
        return Result(
            report: report, nextOffset: facts.nextOffset, lastEpoch: facts.lastEpoch,
            producers: sidecar.producers(behind: facts, isDamaged: isDamaged))
    }

    private mutating func walk(
        _ file: PooledFile, to end: Position, _ sidecar: inout SidecarVerification
    ) throws(FileError) {
        var walker = BatchWalker(
            file, to: end, expecting: segment.baseOffset, epoch: segment.previousEpoch,
            knownEpochs: sidecar.knownEpochs(size: end))
        var told = Position.zero
        while true {
            switch try walker.next() {
            case .end:
                progress.add(told.distance(to: end))
                return
            case .batch(let header, let bytes, let position):
                if !isDamaged { sidecar.check(facts, before: header, bytes) }
                if check(header, bytes, at: position) { sidecar.doubtProducers() }
                facts.absorb(header, hash: facts.hash(with: bytes, header), appendTime: .none)
                if told.distance(to: walker.position) >= 1 << 20 {
                    progress.add(told.distance(to: walker.position))
                    told = walker.position
                }
            case .invalid(let reason, let position):
                guard let found = try stepOver(reason, walker.expectedOffset, position, file, end, sidecar.index) else {
                    progress.add(told.distance(to: end))
                    return
                }
                walker.seek(to: found.position, expecting: found.offset)
            }
        }
    }

    /// What the chain does not check: that the records decode, and that the epoch is one that has been. Returns whether the
    /// batch stands for others that are lost.
    private mutating func check(_ header: BatchHeader, _ bytes: UnsafeRawBufferPointer, at position: Position) -> Bool {
        report.batchesCount += 1
        report.recordsCount += Int64(header.recordsCount)
        let positions = position..<position.advanced(by: header.batchSize)
        let offsets = header.baseOffset..<header.nextOffset
        if let marker = LossMarker(in: bytes, header, decoder: decoder) {
            report.note(
                name,
                "offsets \(offsets.lowerBound)..<\(offsets.upperBound) lost, bytes in "
                    + (marker.copy.isEmpty ? "no file" : marker.copy))
            return true
        }
        report.transactions.note(header, bytes, in: name)
        do {
            try decoder.forEachRecord(in: bytes, header) { _ in }
        } catch {
            report.find(.undecodable, name, positions: positions, offsets: offsets, "\(error)")
        }
        if let known = partition.leaderEpoch, header.leaderEpoch > known {
            report.find(
                .corruption, name, positions: positions, offsets: offsets,
                "leader epoch \(header.leaderEpoch) is above the directory's, which is \(known)")
        }
        return false
    }

    /// Reports invalid bytes; returns where valid ones go on, or nil when there are none.
    private mutating func stepOver(
        _ reason: InvalidBatch, _ expected: Offset, _ position: Position, _ file: PooledFile, _ end: Position,
        _ index: SegmentIndex
    ) throws(FileError) -> (position: Position, offset: Offset)? {
        isDamaged = true
        let isTail = segment.following == nil && expected >= segment.durableBelow
        if isTail {
            let count = position.distance(to: end)
            report.report(
                isFinding: !partition.hasLiveWriter, .tornTail, name, positions: position..<end,
                partition.hasLiveWriter
                    ? "\(count) bytes at the end are being written: \(reason)"
                    : "\(count) bytes at the end are no whole batch: \(reason)")
            return nil
        }
        let limit = segment.following ?? max(expected, min(segment.durableBelow, Offset(.max - 1)))
        let search = Resynchronisation(file: file, end: end, offsets: expected..<max(expected, limit), index: index)
        let found = try search.next(behind: position)
        let behind = found?.position ?? end
        // What is promised behind the damage is lost with it, when nothing follows.
        let promised = segment.following ?? partition.watermark?.highWatermark ?? expected
        let next = found?.header.baseOffset ?? max(expected, promised)
        report.find(
            .corruption, name, positions: position..<behind, offsets: expected..<max(expected, next), "\(reason)")
        // Sums behind damage are compared with nothing: only the offset counts from here on.
        facts.stepOver(bytes: UnsafeRawBufferPointer(start: nil, count: 0), to: max(expected, next))
        return found.map { ($0.position, $0.header.baseOffset) }
    }
}
