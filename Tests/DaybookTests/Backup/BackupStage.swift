// A data directory, a folder for its snapshots, and a disk that fails on demand between them: what the tests of backup and
// restore share.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import Testing

/// One stage; everything in it goes away with it.
struct BackupStage {
    let folder: TemporaryDirectory
    let clock = ManualClock()
    var data: String { folder.path + "/data" }
    var destination: String { folder.path + "/backups" }
    var restored: String { folder.path + "/restored" }

    init() throws { folder = try TemporaryDirectory(prefix: "daybook-backup") }

    /// Small segments, so that a few records make several.
    static var topic: TopicConfiguration {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(1)
        return topic
    }

    /// Opens the data directory, with a topic `orders` of two partitions.
    func open(_ directory: String? = nil) async throws -> Daybook {
        let daybook = try await Daybook.open(directory ?? data)
        if daybook.topics.isEmpty { try await daybook.createTopic("orders", partitions: 2, configuration: Self.topic) }
        return daybook
    }

    /// Sends records of 100 bytes to both partitions, each in a batch of its own.
    func fill(_ daybook: Daybook, _ count: Int, from first: Int = 0) async throws {
        let producer = try daybook.makeProducer()
        for number in first..<first + count {
            let value = "\(number) " + String(repeating: "x", count: 94)
            _ = try await producer.send(Record(key: nil, value: value), to: "orders", partition: Int32(number % 2))
        }
    }

    /// A data directory with `count` records, closed.
    func prepare(_ count: Int) async throws {
        let daybook = try await open()
        try await fill(daybook, count)
        try await daybook.close()
    }

    @discardableResult
    func backup(
        _ options: BackupOptions = BackupOptions(), on disk: any FileSystem = FaultyFileSystem()
    ) async throws -> BackupReport {
        try await Daybook.backup(
            data, to: destination, options: options, in: Configuration().with(fileSystem: disk, clock: clock))
    }

    @discardableResult
    func restore(
        _ snapshot: String? = nil, at name: String? = nil, allowsDamage: Bool = false,
        on disk: any FileSystem = FaultyFileSystem()
    ) async throws -> RestoreReport {
        try await Daybook.restore(
            snapshot ?? destination, at: name, to: restored, allowsDamage: allowsDamage,
            in: Configuration().with(fileSystem: disk, clock: clock))
    }

    /// The values of a partition in a directory that is opened for reading.
    func values(_ directory: String, _ number: Int32) async throws -> [String] {
        let daybook = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
        let content = try await daybook.content(try partition(number))
        try await daybook.close()
        return content.values
    }

    /// The names in the folder of snapshots, without the lock.
    func snapshots() throws -> [String] {
        guard FileManager.default.fileExists(atPath: destination) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: destination).filter { $0 != "LOCK" }.sorted()
    }

    func segments(_ directory: String, _ number: Int = 0) throws -> [String] {
        let folder = "\(directory)/orders-\(number)"
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }.sorted()
            .map { folder + "/" + $0 }
    }

    /// Every file below `directory` with its bytes.
    func bytes(_ directory: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: directory + "/" + name, isDirectory: &isFolder)
            if !isFolder.boolValue { found[name] = try Data(contentsOf: URL(filePath: directory + "/" + name)) }
        }
        return found
    }

    /// Names, sizes and dates of everything below `directory`.
    func dates(_ directory: String) throws -> [String] {
        try (FileManager.default.subpathsOfDirectory(atPath: directory) + [""]).sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/" + name)
            return "\(name) \(attributes[.size] ?? "") \(attributes[.modificationDate] ?? "")"
        }
    }

    /// Changes a file's bytes under all its names.
    func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        body(&bytes)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    func links(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.referenceCount] as? Int)
    }

    /// Forgets how the directory was closed, as a crash would.
    func loseState(_ directory: String? = nil) throws {
        try FileManager.default.removeItem(atPath: (directory ?? data) + "/state")
    }
}

/// Counts from any thread: 0, 1, 2, …
final class CallCount: Sendable {
    private let value = Atomic<Int>(0)
    /// The count before this call, which is one more.
    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
    var isZero: Bool { value.load(ordering: .relaxed) == 0 }
}
