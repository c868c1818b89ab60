// Verification of a sidecar: that its blocks are sound and bound to this segment, and that each says what the segment's
// bytes say up to the place that the block covers. Fed by `SegmentVerification` while it walks the segment.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// The checks of one sidecar.
struct SidecarVerification {
    private let segment: SegmentSubject
    private let partition: VerificationSubject
    private let name: String
    private let isPresent: Bool
    /// Sound blocks of this segment, in order of what they cover.
    private let summaries: [SidecarInspection.Summary]
    /// All index entries.
    let index: SegmentIndex
    private var nextSummary = 0
    private var nextEntry = 0
    private var producers: ProducerVerification
    /// What the blocks compared so far say of aborted transactions.
    private var aborted: [AbortedTransaction] = []
    private(set) var report = VerificationReport(directory: "")

    init(
        _ segment: SegmentSubject, _ partition: VerificationSubject, _ folder: FilePath, _ fileSystem: any FileSystem
    ) throws {
        self.segment = segment
        self.partition = partition
        producers = ProducerVerification(segment.producers, baseOffset: segment.baseOffset)
        let file = SegmentName.sidecar(segment.baseOffset)
        name = "\(partition.topicPartition)/\(file)"
        let bytes = try AtomicFile.read(folder.appending(file), in: fileSystem)
        isPresent = bytes != nil
        let inspection = SidecarInspection(bytes ?? [])
        var own: [SidecarInspection.Summary] = []
        for summary in inspection.summaries {
            if let stranger = Self.stranger(summary, segment, partition) {
                report.find(.sidecar, name, positions: summary.positions, stranger)
            } else if Int(summary.number) != own.count {
                report.find(
                    .sidecar, name, positions: summary.positions,
                    "a block has number \(summary.number) where number \(own.count) should be")
            } else {
                own.append(summary)
            }
        }
        summaries = own
        var index = SegmentIndex()
        for summary in own { index.append(entries: summary.entries, appendTimes: summary.appendTimes) }
        self.index = index
        for problem in inspection.problems {
            // A crash may cut the last block short.
            let isTail = problem.positions.upperBound.rawValue == bytes?.count && !partition.wasClosedCleanly
            report.report(isFinding: !isTail, .sidecar, name, positions: problem.positions, problem.reason)
        }
    }

    private static func stranger(
        _ summary: SidecarInspection.Summary, _ segment: SegmentSubject, _ partition: VerificationSubject
    ) -> String? {
        if let topicID = partition.topicID, summary.topicID != topicID { return "the block belongs to another topic" }
        if summary.partition != partition.topicPartition.partition {
            return "the block belongs to partition \(summary.partition)"
        }
        if summary.facts.baseOffset != segment.baseOffset {
            return "the block belongs to the segment that begins at offset \(summary.facts.baseOffset)"
        }
        return nil
    }

    /// Who wrote what, where the sidecar speaks of the whole segment.
    func knownEpochs(size: Position) -> [EpochStart] {
        guard let last = summaries.last, last.isSealed, last.facts.size == size else { return [] }
        return last.facts.epochStarts
    }

    /// Compares what speaks of the place behind `facts`, where a batch begins.
    mutating func check(_ facts: SegmentFacts, before header: BatchHeader, _ bytes: UnsafeRawBufferPointer) {
        compare(facts)
        while nextEntry < index.entries.count, index.entries[nextEntry].position <= facts.size {
            let entry = index.entries[nextEntry]
            nextEntry += 1
            let expected = IndexEntry(
                offset: header.baseOffset, position: facts.size,
                headerChecksum: IndexEntry.headerChecksum(of: bytes),
                maxTimestampBefore: facts.isEmpty ? Timestamp(milliseconds: .min) : facts.maxTimestamp)
            if entry != expected {
                report.find(
                    .sidecar, name, offsets: entry.offset..<entry.offset.advanced(by: 1),
                    "an index entry points to position \(entry.position), where another batch stands")
            }
        }
        producers.pass(header, bytes)
    }

    /// What stands at the next place tells no producer that wrote there once.
    mutating func doubtProducers() { producers.doubt() }

    /// The producers behind the segment; nil where nobody knows them.
    func producers(behind facts: SegmentFacts, isDamaged: Bool) -> ProducerStateTable? {
        isDamaged ? nil : producers.behind(facts)
    }

    /// Compares the blocks that cover exactly what `facts` does.
    private mutating func compare(_ facts: SegmentFacts) {
        while nextSummary < summaries.count, summaries[nextSummary].facts.size <= facts.size {
            let summary = summaries[nextSummary]
            nextSummary += 1
            aborted += summary.aborted
            var differences = Self.differences(summary.facts, facts)
            if differences.isEmpty {
                differences = producers.differences(from: summary.producers, aborted, behind: facts)
            }
            guard !differences.isEmpty else { continue }
            report.find(
                .sidecar, name, positions: summary.positions,
                "a block does not agree with the segment: \(differences.joined(separator: ", "))")
        }
    }

    private static func differences(_ said: SegmentFacts, _ found: SegmentFacts) -> [String] {
        guard said.size == found.size else { return ["it ends at position \(said.size), inside a batch"] }
        var differences: [String] = []
        func compare<T: Equatable>(_ name: String, _ said: T, _ found: T) {
            if said != found { differences.append("\(name) \(said) instead of \(found)") }
        }
        compare("next offset", said.nextOffset, found.nextOffset)
        compare("records", said.recordsCount, found.recordsCount)
        compare("batches", said.batchesCount, found.batchesCount)
        compare("hash", said.hash, found.hash)
        compare("first timestamp", said.firstTimestamp, found.firstTimestamp)
        compare("largest timestamp", said.maxTimestamp, found.maxTimestamp)
        if said.epochStarts != found.epochStarts { differences.append("other leader epochs") }
        if said.firstAppendTime > said.lastAppendTime { differences.append("append times that fall") }
        return differences
    }

    /// At the end of the segment, or of what could be read of it.
    mutating func finish(_ facts: SegmentFacts, isDamaged: Bool, fileSize: Position) {
        if !isDamaged {
            compare(facts)
            if let beyond = summaries.dropFirst(nextSummary).last { reportBeyond(beyond, facts) }
        }
        checkCover(fileSize)
    }

    /// The sidecar speaks of bytes that are not there.
    private mutating func reportBeyond(_ summary: SidecarInspection.Summary, _ facts: SegmentFacts) {
        // Not flushed, and nobody closed: a power cut may have taken the bytes and left the block.
        let isLoss = summary.isFlushed || partition.wasClosedCleanly || segment.following != nil
        report.report(
            isFinding: isLoss && !partition.hasLiveWriter, .missing,
            "\(partition.topicPartition)/\(SegmentName.log(segment.baseOffset))",
            offsets: facts.nextOffset..<max(facts.nextOffset, summary.facts.nextOffset),
            "the sidecar speaks of \(summary.facts.size) bytes, the segment has \(facts.size)")
    }

    /// A directory that was closed properly has a sidecar for every byte.
    private mutating func checkCover(_ fileSize: Position) {
        guard fileSize > .zero else { return }
        let isRequired = partition.wasClosedCleanly
        guard isPresent else {
            if isRequired || segment.following != nil {
                report.report(
                    isFinding: isRequired, .sidecar, name, "the sidecar is missing; the next open makes it anew")
            }
            return
        }
        // Damaged blocks and those of others have been reported.
        guard report.findings.isEmpty, isRequired else { return }
        let covered = summaries.last?.facts.size ?? .zero
        if covered < fileSize {
            report.find(.sidecar, name, "the sidecar covers \(covered) bytes of \(fileSize)")
        } else if segment.following != nil, summaries.last?.isSealed != true {
            report.find(.sidecar, name, "the sidecar does not say that the segment is complete")
        }
    }
}
