// What an examination reads of a data directory: names, sizes, ages, small files. Cheap, also where there is much: no
// segment is read. Nothing is judged here; that is for `Examination`.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// The files of one partition.
struct PartitionFacts {
    /// A segment as its folder shows it.
    struct SegmentFile {
        let size: Int
        let modified: Timestamp
    }

    let topicPartition: TopicPartition
    /// In the order of offsets; the last one is active.
    var segments: [SegmentFile] = []
    /// Of all files.
    var bytes = 0
    /// The time of the last append, as far as files tell; `.none` where there was none.
    var newestAppend = Timestamp.none
    var lastScrub: ScrubResult?
    /// Names of files that an interrupted replacement or compaction has left, relative to the data directory.
    var leftovers: [String] = []

    var sealed: ArraySlice<SegmentFile> { segments.dropLast() }
}

/// One copy of bytes taken out of service.
struct QuarantinedFile {
    let name: String
    let size: Int
    let modified: Timestamp
    /// Whether its manifest speaks of corruption, and not of a torn tail.
    let isCorruption: Bool
}

/// Everything about a directory that is judged.
struct DirectoryFacts {
    var names: Set<String> = []
    /// Nil where the file is missing or damaged.
    var state: DirectoryState?
    var topics: [Topic] = []
    var partitions: [PartitionFacts] = []
    var quarantined: [QuarantinedFile] = []
    /// What verification says of the small files; nil for an empty directory.
    var verification: VerificationReport?

    /// Whether there is nothing of a data directory yet.
    var isNew: Bool { verification == nil }
    /// The largest segment that any topic may have; the default's where there is none.
    var segmentBytes: Int {
        (topics.isEmpty ? [TopicConfiguration()] : topics.map(\.configuration)).map(\.segmentBytes.rawValue).max() ?? 0
    }

    /// Reads them. Files may come and go meanwhile where a writer is at work; then this begins anew.
    static func gather(_ layout: DirectoryLayout, in fileSystem: any FileSystem) throws -> DirectoryFacts {
        for _ in 0..<3 {
            do {
                return try DirectoryFacts(layout, fileSystem)
            } catch {
                guard let error = error as? FileError, error.errno == .noSuchFileOrDirectory else { throw error }
            }
        }
        return try DirectoryFacts(layout, fileSystem)
    }

    init() {}

    private init(_ layout: DirectoryLayout, _ fileSystem: any FileSystem) throws {
        names = Set(try fileSystem.entries(of: layout.root))
        // A lock file alone is what an open leaves that got no further.
        if names.isSubset(of: ["LOCK", Examination.temporaryName]) { return }
        verification = try DirectoryVerification(layout: layout, fileSystem: fileSystem).run().0
        state = try AtomicFile.read(layout.state, in: fileSystem).flatMap { try DirectoryState(decoding: $0) }
        topics = try TopicRegistry.load(layout, in: fileSystem).registry.sorted.filter { !$0.isDeleting }
        for topic in topics {
            for topicPartition in topic.partitions {
                partitions.append(try Self.partition(topicPartition, topic.id, layout, fileSystem))
            }
        }
        quarantined = try Self.quarantined(layout, fileSystem)
    }

    private static func partition(
        _ topicPartition: TopicPartition, _ topicID: UInt64, _ layout: DirectoryLayout, _ fileSystem: any FileSystem
    ) throws(FileError) -> PartitionFacts {
        var facts = PartitionFacts(topicPartition: topicPartition)
        let folder = layout.partition(topicPartition)
        guard try fileSystem.exists(folder) else { return facts }
        let names = try fileSystem.entries(of: folder).sorted()
        for name in names {
            let status = try fileSystem.status(of: folder.appending(name))
            facts.bytes += status.size
            if SegmentName.baseOffset(ofLog: name) != nil {
                facts.segments.append(PartitionFacts.SegmentFile(size: status.size, modified: status.modified))
                if status.size > 0 { facts.newestAppend = max(facts.newestAppend, status.modified) }
            } else if name.hasSuffix(".new") || name.hasSuffix(SegmentName.cleanedSuffix) {
                facts.leftovers.append("\(topicPartition)/\(name)")
            }
        }
        // The last sidecar knows the clock of its appends; a file's date may be that of a copy.
        if let last = names.last(where: { $0.hasSuffix(SegmentName.sidecarSuffix) }),
            let bytes = try AtomicFile.read(folder.appending(last), in: fileSystem),
            let time = SidecarInspection(bytes).summaries.last?.facts.lastAppendTime
        {
            facts.newestAppend = max(facts.newestAppend, time)
        }
        facts.lastScrub = try PartitionCheckpoint.read(in: folder, topicID: topicID, fileSystem)?.lastScrub
        return facts
    }

    private static func quarantined(
        _ layout: DirectoryLayout, _ fileSystem: any FileSystem
    ) throws(FileError) -> [QuarantinedFile] {
        let folder = Quarantine(dataDirectory: layout.root, fileSystem: fileSystem).directory
        guard try fileSystem.exists(folder) else { return [] }
        var files: [QuarantinedFile] = []
        for name in try fileSystem.entries(of: folder).sorted() where !name.hasSuffix(".manifest") {
            let status = try fileSystem.status(of: folder.appending(name))
            let manifest = folder.appending((name.hasSuffix(".bytes") ? String(name.dropLast(6)) : name) + ".manifest")
            let text = String(decoding: try AtomicFile.read(manifest, in: fileSystem) ?? [], as: UTF8.self)
            files.append(
                QuarantinedFile(
                    name: name, size: status.size, modified: status.modified,
                    isCorruption: text.split(separator: "\n").contains { $0.hasPrefix("reason corruption") }))
        }
        return files
    }
}
