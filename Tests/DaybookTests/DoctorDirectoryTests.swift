// What the examination says of a directory: its lock, owners, state, clock, and what the years have left in it.
// The machine's side is in `DoctorTests`.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite("Doctor on a directory")
struct DoctorDirectoryTests {
    private func examine(
        _ directory: String, clock: ManualClock? = nil,
        _ adjust: @escaping @Sendable (inout Surroundings) -> Void = { _ in },
        ownership: @escaping @Sendable (FilePath) throws(FileError) -> FileOwnership? = FileOwnership.of
    ) async throws -> DoctorReport {
        try await Daybook.examine(
            directory, fileSystem: FaultyFileSystem(), clock: clock ?? ManualClock(), measuresFlushes: false,
            adjust: { machine in
                machine.kind = FileSystemKind(magic: 0xEF53)
                machine.space = FileSystemSpace(available: 100 << 30, total: 200 << 30)
                machine.files = nil
                machine.limits = ProcessLimits()
                machine.holderLimits = nil
                adjust(&machine)
            }, ownership: ownership)
    }

    /// A directory with a topic, closed properly.
    private func withShop(
        _ change: (inout TopicConfiguration) -> Void = { _ in }, records: Int = 50,
        _ body: (String, ManualClock) async throws -> Void
    ) async throws {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        change(&topic)
        let clock = ManualClock()
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory, configuration: Configuration().with(clock: clock))
            try await daybook.createTopic("orders", partitions: 1, configuration: topic)
            let producer = try daybook.makeProducer()
            for number in 0..<records {
                _ = try await producer.send(
                    Record(key: "\(number)", value: String(repeating: "v", count: 100)), to: "orders")
            }
            try await daybook.close()
            try setDates(of: directory, to: clock.now())
            try await body(directory, clock)
        }
    }

    private func segments(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory + "/orders-0").filter { $0.hasSuffix(".log") }
            .sorted().map { directory + "/orders-0/" + $0 }
    }

    private func flip(_ path: String, at position: Int) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[position] ^= 0x10
        try bytes.write(to: URL(filePath: path))
    }

    // MARK: lock

    @Test func `C39 a lock is free, a process's, or somebody's who cannot be seen`() async throws {
        try await withShop { directory, _ in
            #expect(try await examine(directory).writer == nil)
            let lock = try PosixFileSystem().lock(FilePath(directory).appending("LOCK"))
            defer { lock.release() }
            let known = try await examine(directory) { $0.lockHolder = { LockHolder(process: 4711, name: "shop") } }
            #expect(
                known.writer?.process == 4711 && known.writer?.name == "shop" && known.finding(.lock)?.severity == .good
            )
            let foreign = try await examine(directory) { $0.lockHolder = { nil } }
            #expect(foreign.finding(.lock)?.severity == .warning && foreign.writer != nil)
            let mute = try await examine(directory) { machine in
                machine.lockHolder = { nil }
                machine.listsLocks = false
            }
            #expect(mute.finding(.lock)?.severity == .good && mute.writer != nil && mute.writer?.process == nil)
        }
    }

    @Test func `C39 a lock file that is missing or no file is told of, and none is made`() async throws {
        try await withShop { directory, _ in
            let path = directory + "/LOCK"
            try FileManager.default.removeItem(atPath: path)
            #expect(try await examine(directory).finding(.lock)?.severity == .warning)
            #expect(!FileManager.default.fileExists(atPath: path))
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(try await examine(directory).finding(.lock)?.severity == .error)
        }
    }

    @Test func `A live writer is seen, and goes on`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer()
            _ = try await producer.send(Record(key: "a", value: "1"), to: "orders")
            let report = try await Daybook.examine(
                daybook.directory, fileSystem: PosixFileSystem(), clock: ManualClock())
            let own = LockHolder.isListed() ? SystemIdentity.processIdentifier : nil
            #expect(report.writer != nil && report.writer?.process == own)
            #expect(report.finding(.state)?.severity == .good && report.finding(.leftovers)?.severity == .good)
            _ = try await producer.send(Record(key: "a", value: "2"), to: "orders")
            #expect(try await daybook.content(try partition()).values == ["1", "2"])
        }
    }

    // MARK: access

    @Test func `Files of another user, and files that cannot be written`() async throws {
        try await withShop { directory, _ in
            func access(
                _ change: @escaping @Sendable (String, inout FileOwnership) -> Void, user: UInt32 = 7
            ) async throws -> [DoctorReport.Finding] {
                try await examine(
                    directory, { $0.user = user },
                    ownership: { path throws(FileError) in
                        guard var found = try FileOwnership.of(path) else { return nil }
                        (found.owner, found.isWritable) = (7, true)
                        change(path.lastComponent?.string ?? "", &found)
                        return found
                    }
                ).findings.filter { $0.check == .access }
            }
            #expect(try await access({ _, _ in }).map(\.severity) == [.good])
            #expect(try await access({ _, _ in }, user: 0).map(\.severity) == [.note])
            let foreign = try await access { name, found in if name.hasSuffix(".sidecar") { found.owner = 0 } }
            #expect(foreign.map(\.severity) == [.warning] && foreign[0].observation.contains("orders-0/0000"))
            let refused = try await access { name, found in if name == "state" { found.isWritable = false } }
            #expect(refused.map(\.severity) == [.error] && refused[0].observation.contains("state"))
            let root = FilePath(directory).lastComponent?.string
            let closed = try await access { name, found in if name == root { found.isWritable = false } }
            #expect(closed.map(\.severity) == [.error] && closed[0].remedy?.contains("chown") == true)
        }
    }

    @Test func `A directory that cannot be read is a finding, not a failure`() async throws {
        try await withShop { directory, clock in
            let disk = FaultyFileSystem(faults: [
                Fault(.fail(.permissionDenied), [.open], calls: 0..<1000, on: { $0.string.hasSuffix("/topics") })
            ])
            let report = try await Daybook.examine(directory, fileSystem: disk, clock: clock)
            #expect(report.severity == .error && report.finding(.access)?.severity == .error)
        }
    }

    // MARK: state

    @Test func `Damaged small files, other formats and a killed writer`() async throws {
        try await withShop { directory, clock in
            #expect(try await examine(directory).finding(.state)?.severity == .good)
            let state = directory + "/state"
            let whole = try Data(contentsOf: URL(filePath: state))
            for name in ["state", "topics", "topics.copy"] {
                let path = URL(filePath: directory + "/" + name)
                let content = try Data(contentsOf: path)
                try flip(path.path(), at: 30)
                let finding = try await examine(directory).finding(.state)
                #expect(finding?.severity == .warning && finding?.observation.hasPrefix(name + ":") == true)
                try content.write(to: path)
            }
            let running = try await Daybook.open(directory, configuration: Configuration().with(clock: clock))
            let left = try Data(contentsOf: URL(filePath: state))
            try await running.close()
            try left.write(to: URL(filePath: state))
            #expect(try await examine(directory).finding(.state)?.severity == .note)
            try whole.write(to: URL(filePath: state))
            #expect(try await examine(directory).severity <= .note)
        }
    }

    // MARK: clock

    /// How far the clock is ahead of the last append, in seconds, and how bad that is.
    private static let shifts: [(seconds: Int, severity: DoctorReport.Severity)] = [
        (-3600, .warning), (-4, .good), (3600, .good), (89 * 86400, .good), (91 * 86400, .note),
        (-60 * 365 * 86400, .warning),
    ]

    @Test(arguments: shifts)
    func `C49 a clock behind the log, or far ahead of it`(shift: Int, severity: DoctorReport.Severity) async throws {
        // One segment: nothing to be scrubbed, however late it is.
        try await withShop({ $0.segmentBytes = .mebibytes(1) }) { directory, clock in
            clock.set(to: clock.now().advanced(byMilliseconds: Int64(shift) * 1000))
            let report = try await examine(directory, clock: clock)
            #expect(report.finding(.clock)?.severity == severity && report.severity == severity, "\(report.findings)")
        }
    }

    // MARK: what the years leave

    @Test func `Groups that hold back without a limit are told of where anything is deleted`() async throws {
        func severity(_ change: (inout RetentionConfiguration) -> Void) async throws -> DoctorReport.Severity? {
            var found: DoctorReport.Severity?
            try await withShop({ change(&$0.retention) }) {
                found = try await examine($0, clock: $1).finding(.retention)?.severity
            }
            return found
        }
        #expect(try await severity { $0.guardGroups = ["erp"] } == .good)
        #expect(try await severity { ($0.guardGroups, $0.age) = (["erp"], .seconds(60)) } == .warning)
        #expect(
            try await severity { ($0.guardGroups, $0.age, $0.guardBytes) = (["erp"], .seconds(60), .mebibytes(1)) }
                == .good)
    }

    @Test func `Closed segments that nobody looks at, and damage that a scrub has found`() async throws {
        try await withShop { directory, clock in
            #expect(try await examine(directory, clock: clock).finding(.scrub)?.severity == .good)
            clock.advance(by: .seconds(15 * 86400))
            #expect(try await examine(directory, clock: clock).finding(.scrub)?.severity == .warning)
            let begun = clock.now()
            func scrub() async throws {
                let daybook = try await Daybook.open(directory, configuration: Configuration().with(clock: clock))
                _ = try await daybook.scrub()
                try await daybook.close()
                try setDates(of: directory, to: begun)
            }
            try await scrub()
            #expect(try await examine(directory, clock: clock).finding(.scrub)?.severity == .good)
            clock.advance(by: .seconds(29 * 86400))
            #expect(try await examine(directory, clock: clock).finding(.scrub)?.severity == .warning)
            try flip(try segments(directory)[0], at: 100)
            try await scrub()
            let report = try await examine(directory, clock: clock)
            #expect(report.finding(.scrub)?.severity == .error)
            let quarantine = try #require(report.finding(.quarantine))
            #expect(quarantine.severity == .warning && quarantine.observation.hasPrefix("1 file with"))
        }
    }

    @Test func `A torn tail in quarantine is a note`() async throws {
        try await withShop { directory, clock in
            let last = try #require(try segments(directory).last)
            let handle = try FileHandle(forWritingTo: URL(filePath: last))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("half a batch".utf8))
            try handle.close()
            try FileManager.default.removeItem(atPath: directory + "/state")
            try await Daybook.open(directory, configuration: Configuration().with(clock: clock)).close()
            let finding = try #require(try await examine(directory, clock: clock).finding(.quarantine))
            #expect(finding.severity == .note && finding.observation.contains("12 bytes"))
        }
    }

    @Test func `Strangers and what replacements have left`() async throws {
        try await withShop { directory, clock in
            func leave(_ name: String) throws { try Data("x".utf8).write(to: URL(filePath: directory + "/" + name)) }
            func leftovers() async throws -> [DoctorReport.Severity] {
                try await examine(directory, clock: clock).findings.filter { $0.check == .leftovers }.map(\.severity)
            }
            #expect(try await leftovers() == [.good])
            try leave("notes.txt")
            #expect(try await leftovers() == [.note])
            try leave("orders-0/00000000000000000000.log.cleaned")
            try leave("orders-0/checkpoint.new")
            #expect(try await leftovers() == [.note, .note])
            try FileManager.default.createDirectory(atPath: directory + "/gone-3", withIntermediateDirectories: false)
            #expect(try await leftovers() == [.warning, .note, .note])
        }
    }
}
