// Verification of one partition: which files its folder holds, how its segments follow each other, and whether all that
// was once durable is there. A segment's bytes are the business of `SegmentVerification`.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// The checks of one partition. Blocks.
struct PartitionVerification {
    private let subject: VerificationSubject
    private let folder: FilePath
    /// The folder's name, for findings.
    private let name: String
    private let pool: DescriptorPool
    private let progress: VerificationProgress
    private var report: VerificationReport

    init(
        _ subject: VerificationSubject, layout: DirectoryLayout, pool: DescriptorPool, progress: VerificationProgress
    ) {
        self.subject = subject
        folder = layout.partition(subject.topicPartition)
        name = subject.topicPartition.description
        self.pool = pool
        self.progress = progress
        report = VerificationReport(directory: layout.root.string)
    }

    /// Checks. When a file goes away meanwhile, because a writer deletes or compacts records, it begins anew.
    mutating func run() throws -> VerificationReport {
        let empty = report
        for _ in 0..<10 {
            do {
                return try runOnce()
            } catch let error as FileError where error.errno == .noSuchFileOrDirectory {
                report = empty
            }
        }
        return try runOnce()
    }

    private mutating func runOnce() throws -> VerificationReport {
        guard try pool.fileSystem.exists(folder) else {
            let promised = Offset.zero..<(subject.watermark?.highWatermark ?? .zero)
            report.find(.missing, name, offsets: promised, "the partition's folder is missing")
            return report
        }
        let names = try pool.fileSystem.entries(of: folder)
        let checkpoint = try readCheckpoint(names)
        let logStart = max(subject.watermark?.logStartOffset ?? .zero, checkpoint?.logStartOffset ?? .zero)
        let bases = noteReplaced(
            names.compactMap { SegmentName.baseOffset(ofLog: $0) }.sorted(), names, checkpoint?.swap, logStart)
        report.segmentsCount = bases.count
        var expected = logStart
        var epoch: LeaderEpoch?
        var producers = Self.producers(before: bases.first, checkpoint)
        for (index, base) in bases.enumerated() {
            let following = index + 1 < bases.count ? bases[index + 1] : nil
            // The first segment may begin with records that have been deleted.
            checkChain(base, after: index == 0 ? min(base, expected) : expected)
            var segment = SegmentVerification(
                SegmentSubject(
                    baseOffset: base, following: following, previousEpoch: epoch,
                    durableBelow: subject.wasClosedCleanly ? .max : subject.watermark?.highWatermark ?? .zero,
                    producers: producers),
                partition: subject, folder: folder, pool: pool, progress: progress)
            let result = try segment.run()
            report.add(result.report)
            expected = max(expected, result.nextOffset)
            epoch = result.lastEpoch ?? epoch
            producers = result.nextOffset == following ? result.producers : nil
        }
        checkEnd(expected, last: bases.last.map { SegmentName.log($0) })
        try checkOthers(names, Set(bases))
        return report
    }

    /// The producers where the first segment begins; nil where nothing tells.
    private static func producers(before first: Offset?, _ checkpoint: PartitionCheckpoint?) -> ProducerStateTable? {
        if first == .zero { return ProducerStateTable() }
        guard let known = checkpoint?.producers, known.offset == first else { return nil }
        return known.table
    }

    private mutating func readCheckpoint(_ names: [String]) throws -> PartitionCheckpoint? {
        let file = PartitionCheckpoint.fileName
        guard names.contains(file), let bytes = try PartitionCheckpoint.readBytes(in: folder, pool.fileSystem)
        else { return nil }
        // Without the registry nobody knows the topic's id, and whose checkpoint it is.
        guard let topicID = subject.topicID else { return nil }
        let checkpoint = PartitionCheckpoint(decoding: bytes, topicID: topicID)
        if checkpoint == nil {
            report.find(
                .checkpoint, "\(name)/\(file)", positions: .zero..<Position(bytes.count),
                "the checkpoint is damaged or another topic's; records deleted in the middle of a segment are readable again"
            )
        } else if !PartitionCheckpoint.isWhole(bytes, topicID: topicID) {
            report.find(
                .checkpoint, "\(name)/\(file)", positions: .zero..<Position(bytes.count),
                "one of the two copies in the checkpoint is damaged; the other one is whole")
        }
        return checkpoint
    }

    /// The segments that count: without those that lie wholly below the log start, and without those that a compacted one
    /// replaces whose swap has begun.
    private mutating func noteReplaced(
        _ bases: [Offset], _ names: [String], _ swap: SegmentSwap?, _ logStart: Offset
    ) -> [Offset] {
        var counting = bases
        if let swap, !names.contains(SegmentName.log(swap.baseOffset) + SegmentName.cleanedSuffix) {
            for base in swap.replaced where counting.contains(base) {
                counting.removeAll { $0 == base }
                report.note("\(name)/\(SegmentName.log(base))", "replaced by compaction; the next writer removes it")
            }
        }
        while counting.count > 1, counting[1] <= logStart {
            report.note(
                "\(name)/\(SegmentName.log(counting.removeFirst()))", "its records are deleted; retention removes it")
        }
        return counting
    }

    private mutating func checkChain(_ base: Offset, after expected: Offset) {
        let file = "\(name)/\(SegmentName.log(base))"
        if base > expected {
            report.find(.missing, file, offsets: expected..<base, "no segment before this one holds these offsets")
        } else if base < expected {
            report.find(.overlap, file, offsets: base..<expected, "the segment before this one holds these offsets too")
        }
    }

    /// Compares the end of the log with what was promised.
    private mutating func checkEnd(_ logEnd: Offset, last: String?) {
        let file = last.map { "\(name)/\($0)" } ?? name
        guard let watermark = subject.watermark else {
            if subject.wasClosedCleanly, subject.topicID != nil, logEnd > .zero {
                report.find(.watermark, "watermarks", "there is no entry for \(name)")
            }
            return
        }
        if watermark.highWatermark > logEnd {
            report.find(
                .missing, file, offsets: logEnd..<watermark.highWatermark,
                "these offsets were once durable and are in no file")
        } else if subject.wasClosedCleanly, watermark.highWatermark < logEnd {
            report.find(
                .watermark, "watermarks", offsets: watermark.highWatermark..<logEnd,
                "the entry of \(name) is behind the log, although the directory was closed properly")
        } else if watermark.highWatermark < logEnd {
            let count = watermark.highWatermark.distance(to: logEnd)
            report.note(file, "\(count) records at the end are written and not yet known to be durable")
        }
    }

    private mutating func checkOthers(_ names: [String], _ bases: Set<Offset>) throws {
        for file in names.sorted() where SegmentName.baseOffset(ofLog: file) == nil {
            if file == PartitionCheckpoint.fileName { continue }
            if file.hasSuffix(SegmentName.cleanedSuffix) || file == PartitionCheckpoint.fileName + ".new" {
                report.note(
                    "\(name)/\(file)", "left by maintenance that was interrupted; used or replaced by the next one")
                continue
            }
            let log =
                file.hasSuffix(SegmentName.sidecarSuffix)
                ? SegmentName.baseOffset(ofLog: file.dropLast(SegmentName.sidecarSuffix.count) + SegmentName.logSuffix)
                : nil
            guard let log else {
                report.note("\(name)/\(file)", "Daybook does not know this file")
                continue
            }
            guard !bases.contains(log), !names.contains(SegmentName.log(log)) else { continue }
            let bytes = try AtomicFile.read(folder.appending(file), in: pool.fileSystem) ?? []
            let facts = SidecarInspection(bytes).summaries.last?.facts
            report.find(
                .missing, "\(name)/\(SegmentName.log(log))", offsets: log..<max(log, facts?.nextOffset ?? log),
                "the segment is missing, its sidecar is there")
        }
    }
}
