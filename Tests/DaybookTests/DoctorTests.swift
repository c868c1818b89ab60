// The examination of a machine and a directory: which facts are good, worth a note, a warning or an error, and that nothing
// but one temporary file is ever written. Clocks, machines and owners are scripted; no time of a real disk is judged.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@Suite("Doctor")
struct DoctorTests {
    /// A machine on which there is nothing to complain about.
    private static let healthy: @Sendable (inout Surroundings) -> Void = { machine in
        machine.kind = FileSystemKind(magic: 0xEF53)
        machine.space = FileSystemSpace(available: 100 << 30, total: 200 << 30)
        machine.files = (1_000_000, 2_000_000)
        machine.limits = ProcessLimits(openFiles: 65536)
        machine.holderLimits = nil
    }

    /// Examines with flushes that take `latency` each, by `clock`.
    private func examine(
        _ directory: String, clock: ManualClock = ManualClock(), fileSystem: FaultyFileSystem = FaultyFileSystem(),
        measuresFlushes: Bool = true, _ adjust: @escaping @Sendable (inout Surroundings) -> Void = { _ in },
        latency: @escaping @Sendable (Int) -> Duration = { _ in .milliseconds(1) }
    ) async throws -> DoctorReport {
        let count = Atomic(0)
        fileSystem.observe { call in
            guard call.kind == .flush, call.path.lastComponent?.string == "doctor.tmp" else { return }
            clock.advance(by: latency(count.wrappingAdd(1, ordering: .relaxed).oldValue))
        }
        return try await Daybook.examine(
            directory, fileSystem: fileSystem, clock: clock, measuresFlushes: measuresFlushes,
            adjust: { machine in
                Self.healthy(&machine)
                adjust(&machine)
            })
    }

    /// A directory with a topic of several segments, closed properly, and the clock that it was filled by.
    private func withShop(
        _ configuration: TopicConfiguration = TopicConfiguration(), records: Int = 100,
        _ body: (String, ManualClock) async throws -> Void
    ) async throws {
        var configuration = configuration
        configuration.segmentBytes = .kibibytes(2)
        let clock = ManualClock()
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory, configuration: Configuration().with(clock: clock))
            try await daybook.createTopic("orders", partitions: 2, configuration: configuration)
            let producer = try daybook.makeProducer()
            for number in 0..<records {
                _ = try await producer.send(
                    Record(key: "k\(number)", value: String(repeating: "v", count: 100)), to: "orders")
            }
            try await daybook.close()
            try setDates(of: directory, to: clock.now())
            try await body(directory, clock)
        }
    }

    /// Every file with its bytes.
    private func picture(_ directory: String) throws -> [String: Data?] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory)
        return Dictionary(
            uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: directory + "/" + $0)) })
    }

    @Test func `A healthy directory is good in every respect, and as it was before`() async throws {
        try await withShop { directory, clock in
            let before = try picture(directory)
            let report = try await examine(directory, clock: clock)
            #expect(report.severity == .good, "\(report.findings)")
            #expect(Set(report.findings.map(\.check)) == Set(DoctorReport.Check.allCases))
            #expect(report.topicsCount == 1 && report.partitionsCount == 2 && report.segmentsCount > 4)
            #expect(report.flushLatency?.median == .milliseconds(1) && report.writer == nil)
            #expect(try picture(directory) == before)
        }
    }

    @Test func `A folder that is none, or not Daybook's, is refused, and an empty one is not`() async throws {
        try await withDirectory { directory in
            let report = try await examine(directory)
            #expect(report.severity == .good && report.finding(.state)?.observation.contains("empty") == true)
            #expect(try picture(directory).isEmpty)
            for path in [directory + "/none", "/usr"] {
                let error = try await #require(throws: DaybookError.self) { _ = try await examine(path) }
                #expect(error.code == .directoryUnusable)
            }
        }
    }

    // MARK: flush latency

    private static let latencies: [(latency: Duration, severity: DoctorReport.Severity)] = [
        (.microseconds(5), .warning), (.microseconds(29), .warning), (.microseconds(30), .good),
        (.milliseconds(90), .good), (.milliseconds(101), .warning),
    ]

    @Test(arguments: latencies)
    func `A disk is too fast to be true, or slow, or neither`(
        latency: Duration, severity: DoctorReport.Severity
    ) async throws {
        try await withDirectory { directory in
            let report = try await examine(directory, latency: { _ in latency })
            let finding = try #require(report.finding(.flushLatency))
            #expect(finding.severity == severity, "\(finding)")
            #expect((finding.meaning == nil) == (severity == .good) && (finding.remedy == nil) == (severity == .good))
            #expect(report.flushLatency?.median == latency && report.flushLatency?.minimum == latency)
        }
    }

    @Test func `One slow flush of many is no slow disk, two are; and a very slow one is not tried for long`()
        async throws
    {
        try await withDirectory { directory in
            func report(slow: Int, each: Duration = .seconds(1)) async throws -> DoctorReport {
                // The first flush is that of the empty file.
                try await examine(directory, latency: { $0 > 0 && $0 <= slow ? each : .milliseconds(1) })
            }
            #expect(try await report(slow: 1).severity == .good)
            let two = try await report(slow: 2)
            #expect(two.severity == .warning && two.flushLatency?.p99 == .seconds(1) && two.flushLatency?.count == 128)
            let endless = try await report(slow: 1000, each: .seconds(3))
            #expect(endless.flushLatency?.count == 4 && endless.flushLatency?.median == .seconds(3))
        }
    }

    @Test(arguments: [FileCallKind.open, .truncate, .write, .flush, .close])
    func `A measurement that fails is an error, and its file is gone`(kind: FileCallKind) async throws {
        try await withDirectory { directory in
            for call in 0..<3 {
                let disk = FaultyFileSystem(faults: [
                    Fault(
                        .fail(.ioError, after: 100), [kind], calls: call..<1000,
                        on: { $0.string.hasSuffix("doctor.tmp") })
                ])
                let finding = try #require(try await examine(directory, fileSystem: disk).finding(.flushLatency))
                // Some calls are made only once.
                let isMade = call == 0 || kind == .write || kind == .flush
                #expect((finding.severity == .error) == isMade, "call \(call): \(finding)")
                #expect(try picture(directory).isEmpty)
            }
        }
    }

    @Test func `Interrupted calls are made again, and a file that cannot be removed is told of`() async throws {
        try await withDirectory { directory in
            let isOurs: @Sendable (FilePath) -> Bool = { $0.string.hasSuffix("doctor.tmp") }
            let interrupted = FaultyFileSystem(
                faults: [FileCallKind.open, .truncate, .write, .flush, .removeFile].map {
                    Fault(.fail(.interrupted), [$0], on: isOurs)
                })
            let repeated = try await examine(directory, fileSystem: interrupted)
            #expect(repeated.severity == .good)
            #expect(try picture(directory).isEmpty)
            let stuck = FaultyFileSystem(faults: [Fault(.fail(.permissionDenied), [.removeFile], on: isOurs)])
            #expect(try await examine(directory, fileSystem: stuck).finding(.flushLatency)?.severity == .error)
            // The next one takes it over.
            #expect(try await examine(directory).severity == .note)
            #expect(try picture(directory).isEmpty)
        }
    }

    @Test func `No call but those of the temporary file changes anything`() async throws {
        try await withShop { directory, clock in
            let disk = FaultyFileSystem()
            for measures in [true, false] {
                disk.clearTrace()
                _ = try await examine(directory, clock: clock, fileSystem: disk, measuresFlushes: measures)
                let changing = disk.trace.filter { FileCallKind.changing.contains($0.kind) }
                #expect(changing.isEmpty == !measures)
                #expect(changing.allSatisfy { $0.path.lastComponent?.string == "doctor.tmp" })
            }
        }
    }

    @Test func `A process that may write no files of that size measures less, or not at all`() async throws {
        try await withDirectory { directory in
            func count(limit: Int) async throws -> Int? {
                try await examine(directory) { $0.limits.fileSize = limit }.flushLatency?.count
            }
            let few = try await count(limit: 100 << 10)
            #expect(few == 25)
            #expect(try await count(limit: 4095) == nil)
            #expect(try await count(limit: 1 << 30) == 128)
        }
    }

    // MARK: the machine

    private static let kinds: [(magic: UInt32, severity: DoctorReport.Severity)] = [
        (0x6969, .warning), (0xFF53_4D42, .warning), (0x0102_1994, .warning), (0x0102_1997, .warning),
        (0x4D44, .warning), (0x794C_7630, .note), (0x6573_5546, .note), (0x1234, .note), (0x7371_7368, .error),
        (0x9123_683E, .good),
    ]

    @Test(arguments: kinds)
    func `Kinds of file systems`(magic: UInt32, severity: DoctorReport.Severity) async throws {
        try await withDirectory { directory in
            let report = try await examine(directory) { $0.kind = FileSystemKind(magic: magic) }
            #expect(report.severity == severity && report.finding(.fileSystem)?.severity == severity)
            #expect((report.finding(.fileSystem)?.meaning == nil) == (severity == .good))
        }
    }

    @Test func `Limits are compared with what there is, and those of the writer count`() async throws {
        try await withShop { directory, clock in
            func severity(
                _ check: DoctorReport.Check, _ limits: ProcessLimits, writer: ProcessLimits? = nil
            ) async throws -> DoctorReport.Severity? {
                try await examine(directory, clock: clock) { machine in
                    machine.limits = limits
                    machine.holderLimits = writer
                }.finding(check)?.severity
            }
            let few = try await severity(.openFiles, ProcessLimits(openFiles: 64))
            #expect(few == .warning)
            #expect(try await severity(.openFiles, ProcessLimits(openFiles: 256)) == .good)
            #expect(try await severity(.openFiles, ProcessLimits()) == .good)
            let generous = ProcessLimits(openFiles: 65536)
            #expect(try await severity(.openFiles, ProcessLimits(openFiles: 64), writer: generous) == .good)
            #expect(try await severity(.openFiles, generous, writer: ProcessLimits(openFiles: 64)) == .warning)
            // Segments are 2 KiB here.
            #expect(try await severity(.fileSize, ProcessLimits(fileSize: 2047)) == .warning)
            #expect(try await severity(.fileSize, ProcessLimits(fileSize: 2048)) == .good)
        }
    }

    /// MiB that are free, and how bad that is.
    private static let rooms: [(room: Int, severity: DoctorReport.Severity)] = [
        (63, .error), (64, .warning), (255, .warning), (256, .good),
    ]

    @Test(arguments: rooms)
    func `Room is compared with the reserve and with what segments need`(
        room: Int, severity: DoctorReport.Severity
    ) async throws {
        try await withDirectory { directory in
            let report = try await examine(directory) {
                $0.space = FileSystemSpace(available: room << 20, total: 1 << 40)
            }
            #expect(report.severity == severity && report.finding(.room)?.severity == severity)
        }
    }

    @Test func `With no room at all nothing is written`() async throws {
        try await withDirectory { directory in
            let disk = FaultyFileSystem()
            let report = try await examine(directory, fileSystem: disk) {
                $0.space = FileSystemSpace(available: 1 << 20, total: 1 << 40)
            }
            #expect(report.finding(.flushLatency)?.severity == .note && report.flushLatency == nil)
            #expect(!disk.trace.contains { $0.kind == .open && $0.path.string.hasSuffix("doctor.tmp") })
        }
    }

    @Test func `Few inodes are a warning`() async throws {
        try await withDirectory { directory in
            let few = try await examine(directory) { $0.files = (999, 100_000) }
            #expect(few.finding(.room)?.severity == .warning && few.severity == .warning)
            #expect(try await examine(directory) { $0.files = nil }.severity == .good)
        }
    }
}

/// Gives all segments the date of the test's clock: the system has given them its own.
func setDates(of directory: String, to time: Timestamp) throws {
    let date = Date(timeIntervalSince1970: Double(time.rawValue) / 1000)
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory) where name.hasSuffix(".log") {
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: directory + "/" + name)
    }
}

extension DoctorReport {
    /// The worst finding of a check.
    func finding(_ check: Check) -> Finding? { findings.first { $0.check == check } }
}
