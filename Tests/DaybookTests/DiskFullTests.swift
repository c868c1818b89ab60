// A disk that fills up: appends are refused before the last bytes are gone, everything else goes on, and appends resume by
// themselves. A disk that refuses all the same loses nothing that was acknowledged.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Disk full")
struct DiskFullTests {
    private func record(_ size: Int = 1000) -> Record { Record(key: "k", value: String(repeating: "x", count: size)) }

    @Test func `Appends stop at the reserve and resume by themselves, while all else goes on`() async throws {
        let clock = ManualClock()
        let disk = GatedFileSystem()
        var configuration = Configuration().with(fileSystem: disk, clock: clock)
        configuration.reservedSpace = .mebibytes(1)
        disk.gate.setAvailable((1 << 20) + 5000)
        try await withDaybook(configuration) { daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer()
            _ = try await producer.send(record(), to: "orders")
            disk.gate.setAvailable((1 << 20) + 500)
            var error: DaybookError?
            for _ in 0..<10 where error == nil {
                do { _ = try await producer.send(record(), to: "orders") } catch let thrown as DaybookError {
                    error = thrown
                }
            }
            #expect(error?.code == .diskFull)
            #expect(error?.message.contains("\((1 << 20) + 500) bytes left") == true)
            // The small ones that still fit are let in; reads, deletions and new topics go on.
            let kept = try await daybook.offsets(orders).highWatermark
            #expect(try await daybook.content(orders).records.count == Int(kept.rawValue))
            #expect(try await daybook.deleteRecords(orders, before: 1) == 1)
            try await daybook.createTopic("another")
            try await daybook.deleteTopic("another")
            // Trying again and again asks the disk only so often.
            let looks = disk.gate.looks
            for _ in 0..<50 { _ = try? await producer.send(record(), to: "orders") }
            #expect(disk.gate.looks == looks)
            disk.gate.setAvailable(1 << 30)
            clock.advance(by: .milliseconds(100))
            let receipt = try await producer.send(record(), to: "orders")
            #expect(receipt.offset == kept)
        }
    }

    @Test func `The exact reserve is kept, and with plenty of room nobody looks`() async throws {
        let disk = GatedFileSystem()
        var configuration = Configuration().with(fileSystem: disk, clock: ManualClock())
        configuration.reservedSpace = .kibibytes(100)
        disk.gate.setAvailable(1 << 40)
        try await withDaybook(configuration) { daybook in
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            for _ in 0..<500 { _ = try await producer.send(record(10_000), to: "orders") }
            #expect(disk.gate.looks <= 2)
        }
        configuration.reservedSpace = .bytes(0)
        disk.gate.setAvailable(0)
        try await withDaybook(configuration) { daybook in
            _ = try await daybook.makeProducer().send(record(), to: "orders")
        }
        configuration.reservedSpace = .bytes(-1)
        #expect(throws: DaybookError.self) { try configuration.validated() }
    }

    @Test(arguments: [Errno.noSpace, .diskQuotaExceeded, .fileTooLarge])
    func `C26 C34 a write that the disk refuses half way is taken back, and a reader never sees it`(
        errno: Errno
    ) async throws {
        let disk = FaultyFileSystem()
        try await withDaybook(Configuration().with(fileSystem: disk)) { daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            var count = 0
            for round in 0..<30 {
                _ = try await producer.send(record(), to: "orders")
                count += 1
                disk.inject(Fault(.short(1 + round * 7), [.write]) { $0.extension == "log" })
                disk.inject(Fault(.fail(errno, after: round * 3), [.write], calls: 1..<2) { $0.extension == "log" })
                let error = await #expect(throws: DaybookError.self) {
                    try await producer.send(record(), to: "orders")
                }
                #expect(error?.code == .diskFull)
                disk.heal()
                #expect(try await daybook.content(orders, isolation: .pageCache).records.count == count)
            }
            try await daybook.flush()
            #expect(try await daybook.content(orders).offsets == Array(0..<Int64(count)))
        }
    }

    @Test func `C32 a directory on a full disk opens for reading, and says what it lacks for writing`() async throws {
        try await withDirectory { directory in
            do {
                let daybook = try await Daybook.open(directory)
                try await daybook.createTopic("orders")
                _ = try await daybook.makeProducer().send(record(), to: "orders")
                try await daybook.close()
            }
            // A torn tail, which has to be copied before it may be cut.
            let path = URL(filePath: directory).appending(path: "orders-0/00000000000000000000.log")
            let handle = try FileHandle(forWritingTo: path)
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 7, count: 1 << 20))
            try handle.close()
            let before = try Data(contentsOf: path)
            let disk = FaultyFileSystem()
            let isNew = { @Sendable (path: FilePath) in path.string.contains("quarantine") || path.extension == "new" }
            disk.inject(Fault(.fail(.noSpace), [.write, .createDirectory], calls: 0..<Int.max, on: isNew))
            let error = await #expect(throws: DaybookError.self) {
                try await Daybook.open(directory, configuration: Configuration().with(fileSystem: disk))
            }
            #expect(error?.code == .diskFull)
            #expect(error?.message.contains("free some space") == true)
            #expect(error?.message.contains("needs about 1280KiB") == true, "\(error?.message ?? "")")
            #expect(try Data(contentsOf: path) == before)
            let reader = try await Daybook.open(
                directory, configuration: Configuration(access: .readOnly).with(fileSystem: disk))
            #expect(try await reader.content(try partition()).records.count == 1)
            try await reader.close()
            let writer = try await Daybook.open(directory)
            #expect(writer.recovery.findings.map(\.kind) == [.tornTail])
            try await writer.close()
        }
    }

    /// Whether this process may mount file systems, which takes more than being root in some containers.
    private static let canMount: Bool = {
        guard let folder = try? TemporaryDirectory(prefix: "db-mount"), system("mount", folder.path) else {
            return false
        }
        return system("umount", folder.path)
    }()

    /// Mounts a tmpfs of four mebibytes on a folder, or unmounts it; returns whether that was allowed.
    private static func system(_ command: String, _ folder: String) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/" + command)
        process.arguments = command == "mount" ? ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder] : [folder]
        process.standardError = Pipe()
        do { try process.run() } catch { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    @Test(
        .enabled(if: canMount, "needs the right to mount a tmpfs"),
        arguments: [ByteCount.bytes(0), .kibibytes(512)])
    func `A real file system that is full refuses appends and takes them again after a deletion`(
        reserve: ByteCount
    ) async throws {
        let folder = try TemporaryDirectory(prefix: "db-tmpfs")
        try #require(Self.system("mount", folder.path))
        defer { _ = Self.system("umount", folder.path) }
        let directory = folder.path + "/data"
        let file = folder.path + "/ballast"
        try Data(repeating: 1, count: 1 << 20).write(to: URL(filePath: file))
        var configuration = Configuration()
        configuration.reservedSpace = reserve
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(256)
        var daybook = try await Daybook.open(directory, configuration: configuration)
        try await daybook.createTopic("orders", configuration: topic)
        try await daybook.createTopic("ballast", configuration: topic)
        let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        for _ in 0..<100 { _ = try await producer.send(record(8000), to: "ballast") }
        var sent: Int64 = 0
        var failure: DaybookError?
        while failure == nil, sent < 1000 {
            do {
                _ = try await producer.send(record(8000), to: "orders")
                sent += 1
            } catch let error as DaybookError {
                failure = error
            }
        }
        #expect(failure?.code == .diskFull)
        if reserve.rawValue > 0 {
            let left = try PosixFileSystem().space(at: FilePath(directory)).available
            #expect(left > reserve.rawValue - (64 << 10))
        }
        #expect(try await daybook.content(try partition(), isolation: .pageCache).records.count == Int(sent))
        if reserve.rawValue > 0 {
            // A deletion writes small files before it removes large ones: that is what the reserve is for.
            try await daybook.deleteTopic("ballast")
        } else {
            try FileManager.default.removeItem(atPath: file)
        }
        let resumed = await eventually {
            do { _ = try await producer.send(record(8000), to: "orders") } catch { return false }
            return true
        }
        #expect(resumed)
        try await daybook.close()
        daybook = try await Daybook.open(directory, configuration: configuration)
        #expect(daybook.recovery.findings.isEmpty)
        #expect(try await daybook.content(try partition()).offsets == Array(0...sent))
        try await daybook.close()
    }

    @Test
    func `Opening for writing sets the signal of the file size limit aside, but not a handler of the program's own`()
        async throws
    {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_DFL)
            let directory = try TemporaryDirectory()
            try await Daybook.open(directory.path).close()
            Self.strike()
        }
        await #expect(processExitsWith: .signal(SIGXFSZ)) {
            signal(SIGXFSZ, SIG_DFL)
            let directory = try TemporaryDirectory()
            try await Daybook.open(directory.path, configuration: Configuration(access: .readOnly)).close()
            Self.strike()
        }
        await #expect(processExitsWith: .exitCode(7)) {
            signal(SIGXFSZ) { _ in _exit(7) }
            let directory = try TemporaryDirectory()
            try await Daybook.open(directory.path).close()
            Self.strike()
        }
    }

    /// Sends the signal to this thread, which may be one of those that put signals off.
    private static func strike() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGXFSZ)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(SIGXFSZ)
    }
}
