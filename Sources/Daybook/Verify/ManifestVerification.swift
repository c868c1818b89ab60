// Verification of a snapshot against its manifest: the same files, of the same bytes, and no others. That the bytes are
// a sound log is checked as in every data directory; this tells what became of them since the backup.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// The comparison of a snapshot with its manifest; nothing to do in a data directory that has none. Blocks.
struct ManifestVerification {
    private let layout: DirectoryLayout
    private let fileSystem: any FileSystem
    /// What the checks of the log have read already.
    private let segments: [String: SegmentSum]
    private var report: VerificationReport

    init(layout: DirectoryLayout, fileSystem: any FileSystem, segments: [String: SegmentSum]) {
        self.layout = layout
        self.fileSystem = fileSystem
        self.segments = segments
        report = VerificationReport(directory: layout.root.string)
    }

    consuming func run() throws -> VerificationReport {
        guard let bytes = try AtomicFile.read(layout.manifest, limit: 1 << 30, in: fileSystem) else { return report }
        guard let manifest = try BackupManifest(decoding: bytes) else {
            report.find(
                .manifest, "manifest", positions: .zero..<Position(bytes.count),
                "the snapshot's manifest is damaged: nobody can tell whether the snapshot is whole")
            return report
        }
        report.note(
            "manifest",
            "a snapshot of \(manifest.source), leader epoch \(manifest.leaderEpoch), "
                + "\(manifest.time.rawValue) ms since 1970")
        for loss in manifest.losses {
            report.note("manifest", "lost before the backup was made: \(loss)")
        }
        for file in manifest.files {
            let bytes = try AtomicFile.read(layout.root.appending(file.name), in: fileSystem)
            let sum = bytes.map { bytes in
                SegmentSum(size: bytes.count, hash: bytes.withUnsafeBytes { CRC32C.checksum($0) })
            }
            compare(file.name, sum, size: file.size, hash: file.hash)
        }
        var known: Set<String> = []
        for partition in manifest.partitions {
            for segment in partition.segments {
                let name = "\(partition.topicPartition)/\(SegmentName.log(segment.baseOffset))"
                known.insert(name)
                let offsets = segment.baseOffset..<segment.nextOffset
                compare(name, try sum(of: name), size: segment.size, hash: segment.hash, offsets: offsets)
            }
        }
        for name in try segmentNames() where !known.contains(name) {
            report.find(.manifest, name, "the manifest does not know this segment")
        }
        return report
    }

    /// The file as the log's checks saw it; read again where they could not make a sum of it.
    private func sum(of name: String) throws -> SegmentSum? {
        if let sum = segments[name], sum.hash != nil { return sum }
        let path = layout.root.appending(FilePath(name).components)
        guard try fileSystem.exists(path) else { return nil }
        let transfer = SegmentTransfer(
            fileSystem: fileSystem, limit: RateLimit(nil, clock: SystemTime()), stop: StopFlag(),
            progress: VerificationProgress(total: 0) { _, _ in })
        let passed = try transfer.hash(path)
        return SegmentSum(size: passed.size, hash: passed.hash)
    }

    private mutating func compare(
        _ name: String, _ found: SegmentSum?, size: Int, hash: UInt32, offsets: Range<Offset>? = nil
    ) {
        guard let found else {
            return report.find(.manifest, name, offsets: offsets, "the manifest knows this file, and it is missing")
        }
        if found.size != size {
            report.find(
                .manifest, name, offsets: offsets, "the file has \(found.size) bytes, the manifest says \(size)")
        } else if found.hash != hash {
            report.find(.manifest, name, offsets: offsets, "the file's bytes are not those that the manifest knows")
        }
    }

    /// All files of segments in the snapshot.
    private func segmentNames() throws(FileError) -> [String] {
        var names: [String] = []
        for folder in try fileSystem.entries(of: layout.root).sorted() where TopicPartition(folderName: folder) != nil {
            for name in try fileSystem.entries(of: layout.root.appending(folder)).sorted()
            where SegmentName.baseOffset(ofLog: name) != nil {
                names.append("\(folder)/\(name)")
            }
        }
        return names
    }
}
