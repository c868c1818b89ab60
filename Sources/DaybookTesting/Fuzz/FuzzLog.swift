// One partition's folder for one run: its files put there, its log opened, read to the end and verified.
// Used by the targets whose bytes lie in such a folder. It lies in memory: a run is fast, and leaves nothing behind.

internal import Daybook
internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// A data directory with one partition.
struct FuzzLog {
    static let identity = LogIdentity(
        topicPartition: TopicPartition(folderName: "fuzz-0")!, topicID: 0xD0)
    private static let now = Timestamp(milliseconds: 1_767_225_600_000)
    private static let configuration = LogConfiguration(
        segmentBytes: .bytes(700), segmentMilliseconds: .max, maximumBatchBytes: .kibibytes(64),
        indexIntervalBytes: .bytes(200))

    private static let dataDirectory: FilePath = "/data"
    private static let directory = dataDirectory.appending(identity.topicPartition.description)

    private let fileSystem: any FileSystem = SimulatedDisk()
    private var directory: FilePath { Self.directory }

    /// `files`: the partition's, by name.
    init(_ files: [String: [UInt8]]) throws {
        try fileSystem.createDirectory(Self.dataDirectory)
        try fileSystem.createDirectory(directory)
        for (name, bytes) in files { try write(bytes, name) }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        let file = try fileSystem.open(directory.appending(name), .create)
        try bytes.withUnsafeBytes { try file.writeFully($0, at: .zero) }
        try file.close()
    }

    /// The partition's files as they are now.
    func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try fileSystem.entries(of: directory) {
            files[name] = try AtomicFile.read(directory.appending(name), in: fileSystem)
        }
        return files
    }

    /// What is known before the log is opened.
    struct Before {
        var recoveryPoint = Offset.zero
        var wasClosedCleanly = false
        var isReadOnly = false
    }

    func open(_ before: Before) throws -> PartitionLog {
        try LogRecovery(
            identity: Self.identity, directory: directory, configuration: Self.configuration,
            pool: DescriptorPool(fileSystem: fileSystem, limit: 16),
            quarantine: Quarantine(dataDirectory: Self.dataDirectory, fileSystem: fileSystem), leaderEpoch: .zero,
            knownRecoveryPoint: before.recoveryPoint, wasClosedCleanly: before.wasClosedCleanly, now: Self.now,
            isReadOnly: before.isReadOnly
        ).run().log
    }

    /// Appends a batch of one record and flushes; returns its bytes.
    func append(to log: PartitionLog) throws -> [UInt8] {
        let epoch = log.epochStarts.map(\.epoch).max() ?? .zero
        log.leaderEpoch = max(epoch, .zero)
        let batch = try BatchFuzzing.encoded([Record(key: "later", value: "appended after recovery")])
        _ = try log.append(batch, now: Self.now)
        try log.flush()
        try promise(log.recoveryPoint == log.logEndOffset, "a flush has left something unflushed")
        return batch.withBytes { Array($0) }
    }

    /// Verifies the partition as `daybook verify` does, in a directory that nobody closed.
    func verify() throws -> VerificationReport {
        try Daybook.verify(partition: Self.identity, in: Self.dataDirectory, fileSystem)
    }

    // MARK: reading

    /// What a log gives to a reader.
    struct Content: Equatable {
        var batches: [Offset: [UInt8]] = [:]
        var gaps: [Range<Offset>] = []
        var end = Offset.zero
    }

    /// Everything from the beginning of the log to its end. Each step must go forward.
    static func read(_ log: PartitionLog) throws -> Content {
        var content = Content(end: log.logEndOffset)
        var next = log.logStartOffset
        while next < log.logEndOffset {
            switch try log.read(from: next, limit: log.logEndOffset) {
            case .end: throw FuzzFinding("reading ends at \(next), before the log does at \(log.logEndOffset)")
            case .gap(let gap):
                try promise(gap.baseOffset == next && gap.nextOffset > next, "a gap at \(next) leads nowhere")
                content.gaps.append(gap.baseOffset..<gap.nextOffset)
                next = gap.nextOffset
            case .batches(let batches, let following):
                try promise(
                    batches.first.map { $0.baseOffset <= next && $0.nextOffset > next } ?? false && following > next,
                    "a read at \(next) brings other batches")
                for batch in batches {
                    content.batches[batch.baseOffset] = batch.withBytes { Array($0) }
                    do { try batch.forEach { _ in } } catch is RecordBatchError {}
                }
                next = following
            }
        }
        return content
    }

    // MARK: a log that is sound

    /// Two segments of three and two batches with their sidecars, and what reading them gives.
    static let sample = Result { try makeSample() }

    private static func makeSample() throws -> (files: [String: [UInt8]], content: Content) {
        let stage = try FuzzLog([:])
        let log = try stage.open(Before())
        for number in 0..<5 {
            let records = (0..<3).map {
                Record(key: "key \($0)", value: String(repeating: "value \(number) ", count: 5))
            }
            _ = try log.append(try BatchFuzzing.encoded(records), now: now)
            try log.flush()
        }
        try log.close()
        var files = try stage.files()
        // What was durable is left for the inputs to say.
        files[PartitionCheckpoint.fileName] = nil
        let content = try read(try stage.open(Before(wasClosedCleanly: true)))
        try promise(
            files.count == 4 && content.batches.count == 5,
            "the sample has \(files.map { "\($0): \($1.count)" }.sorted()) and \(content.batches.count) batches")
        return (files, content)
    }
}
