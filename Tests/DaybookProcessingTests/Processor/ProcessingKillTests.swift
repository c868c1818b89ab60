// The crash table once more, with kill −9 of a real process on a real disk: a child is killed at the worst moment, and the next
// process ends where an undisturbed one does. What a power cut adds is in `CrashTableTests`; that a second process cannot have the
// directory at the same time is the engine's business.

import Daybook
import DaybookModel
import DaybookTesting
import Foundation
import Synchronization
import Testing

@testable import DaybookProcessing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Crash table, with kill -9", .serialized)
struct ProcessingKillTests {
    /// When the child is killed, and by which class its effects are.
    enum Row: String, CaseIterable, Sendable {
        case notAcknowledged
        case intentProbeable, intentManual
        case effectTransactional, effectIdempotent, effectProbeable, effectManual
        case outcomeDurable
        case beforeSnapshot, afterSnapshot
        case redrive

        fileprivate var kind: String {
            switch self {
            case .intentProbeable, .effectProbeable: "probeable"
            case .intentManual, .effectManual, .outcomeDurable, .beforeSnapshot, .afterSnapshot: "manual"
            case .effectIdempotent: "idempotent"
            case .notAcknowledged, .effectTransactional, .redrive: "transactional"
            }
        }

        /// `snapshots`: parts of snapshots that there have been.
        fileprivate func isDue(_ moment: JournalMoment, snapshots: Int) -> Bool {
            func has(_ offset: Int64) -> Bool {
                moment.entries.contains {
                    switch $0 {
                    case .succeeded(_, let offsets): offsets.contains(Offset(offset))
                    case .changed(Place(0, Offset(offset)), .succeeded): true
                    default: false
                    }
                }
            }
            return switch self {
            case .notAcknowledged: false
            case .intentProbeable, .intentManual:
                moment.isDurable && moment.entries.contains(.changed(Place(0, 3), .attempting))
            case .effectTransactional, .effectIdempotent, .effectProbeable, .effectManual: !moment.isDurable && has(3)
            case .outcomeDurable: moment.isDurable && has(3)
            case .beforeSnapshot: moment.isSnapshot && !moment.isDurable && snapshots == 2
            case .afterSnapshot: moment.isSnapshot && moment.isDurable && snapshots == 2
            case .redrive: moment.isDurable && has(1)
            }
        }
    }

    private static let directoryVariable = "DAYBOOK_PROCESSING_KILL_DIRECTORY"
    private static let rowVariable = "DAYBOOK_PROCESSING_KILL_ROW"
    private static let count: Int64 = 8

    @Test(arguments: Row.allCases)
    func `A process that is killed at the worst moment leaves what the next one needs`(row: Row) async throws {
        let directory = try TemporaryDirectory()
        setenv(Self.directoryVariable, directory.path, 1)
        setenv(Self.rowVariable, row.rawValue, 1)
        await #expect(processExitsWith: .signal(SIGKILL)) { try await ProcessingKillTests.live() }
        let status = try await Self.work(directory.path, row, isDoomed: false)

        let effects = Self.lines(directory.path)
        let isRepeated = row == .notAcknowledged
        // An effect of which nobody can say whether it happened is left to people, and the events behind it wait.
        let isLeft = row == .intentManual || row == .effectManual
        let expected = (0..<Self.count).filter {
            !(row == .intentManual && $0 >= 3) && !(row == .effectManual && $0 > 3)
        }
        #expect(effects == expected.map { "/s|e\($0)" })
        #expect(status.counts.succeeded == (isLeft ? 3 : 8))
        #expect(status.counts.dead == (isLeft ? 1 : 0))
        #expect(status.counts.parked == (isLeft ? 4 : 0))
        #expect(status.counts.duplicates == (isRepeated ? 1 : 0))
        #expect(status.counts.unknown == (row.kind == "probeable" || isLeft ? 1 : 0))
        #expect(status.committed.values.first == Offset(Self.count + (isRepeated ? 1 : 0)))
        // Once more changes nothing.
        let again = try await Self.work(directory.path, row, isDoomed: false)
        #expect(again.counts == status.counts)
        #expect(Self.lines(directory.path) == effects)
    }

    /// The child.
    private static func live() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let directory = environment[directoryVariable],
            let row = environment[rowVariable].flatMap({ Row(rawValue: $0) })
        else { return }
        _ = try await work(directory, row, isDoomed: true)
    }

    /// One life of the service: what it publishes that is not there, and its group until that has done what it can.
    private static func work(_ directory: String, _ row: Row, isDoomed: Bool) async throws -> GroupStatus {
        let daybook = try await Daybook.open(directory + "/data")
        try await publish(daybook, row, isDoomed: isDoomed)
        var configuration = ProcessorConfiguration(group: "g", topics: ["orders"])
        configuration.snapshotInterval = 4
        let snapshots = Mutex(0)
        if isDoomed {
            configuration.onJournal = { moment in
                let count = snapshots.withLock { count in
                    if moment.isSnapshot, !moment.isDurable { count += 1 }
                    return count
                }
                if row.isDue(moment, snapshots: count) { kill(getpid(), SIGKILL) }
            }
        }
        let processor = try Processor(daybook, configuration, routes: [route(directory, row)])
        async let end: Void = processor.run()
        let result: Result<GroupStatus, any Error>
        do { result = .success(try await settle(processor, daybook, directory, row)) } catch {
            result = .failure(error)
        }
        processor.stop()
        try await end
        try await daybook.close()
        return try result.get()
    }

    private static func publish(_ daybook: Daybook, _ row: Row, isDoomed: Bool) async throws {
        if daybook.topics.isEmpty { try await daybook.createTopic("orders") }
        let partition = try #require(TopicPartition(folderName: "orders-0"))
        let records = try (0..<count).map {
            try Event(id: "e\($0)", source: "/s", type: "t", partitionKey: "k", body: [UInt8($0)]).record()
        }
        let end = try await daybook.offsets(partition).highWatermark
        if row == .notAcknowledged, isDoomed {
            _ = try await daybook.append([records[0]], to: partition)
            kill(getpid(), SIGKILL)
        }
        // A producer that was not told sends everything again.
        if end.rawValue < count { _ = try await daybook.append(records, to: partition) }
    }

    private static func settle(
        _ processor: Processor, _ daybook: Daybook, _ directory: String, _ row: Row
    ) async throws -> GroupStatus {
        let end = count + (row == .notAcknowledged ? 1 : 0)
        for _ in 0..<6000 {
            if let status = try? await processor.status(), status.openCount == 0,
                status.committed.values.first == Offset(end)
            {
                guard row == .redrive, status.counts.dead > 0 else { return status }
                _ = FileManager.default.createFile(atPath: directory + "/mended", contents: nil)
                try await processor.redrive(id: "r", by: "eva", note: "mended")
            }
            await withCheckedContinuation { continuation in
                daybook.schedule(after: .milliseconds(10)) { continuation.resume() }
            }
        }
        throw CancellationError()
    }

    // MARK: the outside world: a file with a line for each effect, which outlives the process

    private static func lines(_ directory: String) -> [String] {
        let text = (try? String(contentsOfFile: directory + "/effects", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private static func route(_ directory: String, _ row: Row) -> Route {
        let effect: EffectClass =
            switch row.kind {
            case "probeable":
                .probeable(settle: .milliseconds(20)) { _, context in
                    lines(directory).contains(context.effectKey) ? .found(reference: nil) : .absent
                }
            case "manual": .manual
            case "idempotent": .idempotent(window: .seconds(86_400))
            default: .transactional
            }
        let knowsKeys = row.kind == "idempotent" || row.kind == "transactional"
        return Route("**", to: Downstream("file", timeout: .seconds(3600)), effect: effect) { event, context in
            if row == .redrive, event.id == "e0", !FileManager.default.fileExists(atPath: directory + "/mended") {
                throw EffectFailure.permanent("422")
            }
            if knowsKeys, lines(directory).contains(context.effectKey) { return .alreadyDone() }
            let file = open(directory + "/effects", O_WRONLY | O_CREAT | O_APPEND, 0o644)
            _ = (context.effectKey + "\n").withCString { write(file, $0, strlen($0)) }
            close(file)
            return .done()
        }
    }
}
