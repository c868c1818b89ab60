// One partition's folder in a data directory of a test's own: how to open its log, and how to look at and spoil its files.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage

/// A stage for one log. Copies share the folder.
struct LogStage {
    let folder: TemporaryDirectory
    let identity: LogIdentity
    let directory: FilePath
    let quarantine: FilePath
    private let paths: Paths
    var configuration = LogConfiguration(
        segmentBytes: .bytes(600), segmentMilliseconds: .max, maximumBatchBytes: .kibibytes(64),
        indexIntervalBytes: .bytes(200))
    var clock = ManualClock(Timestamp(milliseconds: 1_000_000))
    var poolLimit = 16

    init(topicID: UInt64 = 0xD0, partition: Int32 = 0, in folder: TemporaryDirectory? = nil) throws {
        self.folder = try folder ?? TemporaryDirectory(prefix: "db")
        identity = LogIdentity(
            topicPartition: TopicPartition(topic: try TopicName("orders"), partition: partition), topicID: topicID)
        directory = self.folder.filePath.appending(identity.topicPartition.description)
        quarantine = self.folder.filePath.appending("quarantine")
        paths = Paths(self.folder.filePath)
        try PosixFileSystem().createDirectory(directory)
    }

    /// How the log was left, and what is known about it.
    struct Before {
        var recoveryPoint = Offset.zero
        var logStartOffset = Offset.zero
        var wasClosedCleanly = false
        var isSameBoot = false
        var mayHaveLostPower = false
        var epoch = LeaderEpoch.zero
        var isReadOnly = false

        /// As after a power cut, with everything below the offset known to be durable.
        static func durable(_ offset: Offset) -> Before { Before(recoveryPoint: offset) }
        /// As after a power cut, with nothing known.
        static let unknown = Before()
        static let clean = Before(wasClosedCleanly: true)
        /// As after the process was killed.
        static let killed = Before(isSameBoot: true)
    }

    typealias Opened = (log: PartitionLog, report: PartitionRecovery)

    func open(
        _ before: Before = .unknown, on disk: any FileSystem = FaultyFileSystem(), epoch: Int32? = nil
    ) throws(FileError) -> Opened {
        let opened = try LogRecovery(
            identity: identity, directory: directory, configuration: configuration,
            pool: DescriptorPool(fileSystem: disk, limit: poolLimit),
            quarantine: Quarantine(dataDirectory: folder.filePath, fileSystem: disk), leaderEpoch: before.epoch,
            knownRecoveryPoint: before.recoveryPoint, logStartOffset: before.logStartOffset,
            wasClosedCleanly: before.wasClosedCleanly, isSameBoot: before.isSameBoot,
            mayHaveLostPower: before.mayHaveLostPower, now: clock.now(), isReadOnly: before.isReadOnly
        ).run()
        if let epoch { opened.log.leaderEpoch = LeaderEpoch(rawValue: epoch) }
        return opened
    }

    // MARK: files

    func log(_ base: Int64) -> FilePath { path("\(directoryName)/\(SegmentName.log(Offset(base)))") }
    func sidecar(_ base: Int64) -> FilePath { path("\(directoryName)/\(SegmentName.sidecar(Offset(base)))") }

    /// A file of the data directory by its path below it.
    func path(_ name: String) -> FilePath { paths[name] }
    private var directoryName: String { "\(identity.topicPartition)" }
    private var folders: [(name: String, path: FilePath)] { [(directoryName, directory), ("quarantine", quarantine)] }

    /// Every file of the partition and of the quarantine, by its path below the data directory.
    func snapshot() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for folder in folders where try PosixFileSystem().exists(folder.path) {
            for name in try Disk.names(folder.path) {
                files["\(folder.name)/\(name)"] = try Disk.read(path("\(folder.name)/\(name)"))
            }
        }
        return files
    }

    /// Makes these files what they were, and removes all others.
    func restore(_ files: [String: [UInt8]]) throws {
        for folder in folders where try PosixFileSystem().exists(folder.path) {
            var isEmpty = true
            for name in try Disk.names(folder.path) {
                if files["\(folder.name)/\(name)"] == nil {
                    try Disk.remove(path("\(folder.name)/\(name)"))
                } else {
                    isEmpty = false
                }
            }
            if isEmpty { try PosixFileSystem().removeDirectory(folder.path) }
        }
        for folder in folders where files.keys.contains(where: { $0.hasPrefix(folder.name + "/") }) {
            if try !PosixFileSystem().exists(folder.path) { try PosixFileSystem().createDirectory(folder.path) }
        }
        for (name, bytes) in files { try Disk.write(bytes, to: path(name)) }
    }

    func removeSidecars() throws {
        for name in try Disk.names(directory) where name.hasSuffix(SegmentName.sidecarSuffix) {
            try Disk.remove(path("\(directoryName)/\(name)"))
        }
    }

    /// The copies in quarantine whose manifest is there, by name.
    func quarantined() throws -> [(bytes: [UInt8], manifest: String)] {
        guard try PosixFileSystem().exists(quarantine) else { return [] }
        return try Disk.names(quarantine).filter { $0.hasSuffix(".manifest") }.map { name in
            let manifest = try Disk.read(path("quarantine/\(name)"))
            let bytes = try Disk.read(path("quarantine/\(name.dropLast(9)).bytes"))
            return (bytes, String(decoding: manifest, as: UTF8.self))
        }
    }
}

/// Paths that were made once: making one takes longer in a debug build than reading the file.
private final class Paths {
    private let root: FilePath
    private var known: [String: FilePath] = [:]

    init(_ root: FilePath) { self.root = root }

    subscript(name: String) -> FilePath {
        if let path = known[name] { return path }
        let path = root.appending(name)
        known[name] = path
        return path
    }
}

/// Whole files, past the log.
enum Disk {
    static func names(_ directory: FilePath) throws -> [String] {
        try PosixFileSystem().entries(of: directory).sorted()
    }

    static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try PosixFileSystem().open(path, .read)
        var bytes = [UInt8](repeating: 0, count: try file.status().size)
        _ = try bytes.withUnsafeMutableBytes { try file.readFully(into: $0, at: .zero) }
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try PosixFileSystem().open(path, .create)
        try file.truncate(to: 0)
        try bytes.withUnsafeBytes { try file.writeFully($0, at: .zero) }
        try file.close()
    }

    static func append(_ bytes: [UInt8], to path: FilePath) throws { try write(try read(path) + bytes, to: path) }
    static func truncate(_ path: FilePath, to size: Int) throws {
        try PosixFileSystem().open(path, .create).truncate(to: size)
    }
    static func remove(_ path: FilePath) throws { try PosixFileSystem().removeFile(path) }
}
