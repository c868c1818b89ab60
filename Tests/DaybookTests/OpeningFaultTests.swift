// Opening on a disk that refuses: what an open that fails half-way leaves behind, and what can be done on a full disk.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite struct OpeningFaultTests {
    /// A directory as a kill leaves it: a topic of two partitions, five records in the first one.
    private func leave(_ directory: String) async throws {
        let live = directory + "/live"
        let daybook = try await Daybook.open(live, configuration: Configuration().with(fileSystem: FaultyFileSystem()))
        try await daybook.createTopic("orders", partitions: 2)
        let producer = try daybook.makeProducer()
        for number in 0..<5 {
            _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 0)
        }
        try FileManager.default.copyItem(atPath: live, toPath: directory + "/left")
        try await daybook.close()
    }

    private func fresh(_ directory: String) throws -> String {
        let copy = directory + "/copy"
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.copyItem(atPath: directory + "/left", toPath: copy)
        return copy
    }

    @Test(arguments: [true, false])
    func `C33 an open that fails half-way leaves nothing that says the directory was closed properly`(
        isDeadFromThen: Bool
    ) async throws {
        try await withDirectory { directory in
            try await leave(directory)
            var (call, failures, isDone) = (0, 0, false)
            while !isDone {
                let copy = try fresh(directory)
                let disk = FaultyFileSystem(
                    faults: isDeadFromThen
                        ? Fault.crash(at: call) : [Fault(.fail(.ioError), calls: call..<call + 1)])
                do {
                    let opened = try await Daybook.open(copy, configuration: Configuration().with(fileSystem: disk))
                    // One call may fail and be done without; a dead disk ends every open but one that made no call on it.
                    isDone = isDeadFromThen || !disk.trace.contains { $0.outcome != .done }
                    disk.heal()
                    do { try await opened.close() } catch {}
                } catch {
                    failures += 1
                    let healthy = Configuration().with(fileSystem: FaultyFileSystem())
                    let next = try await Daybook.open(copy, configuration: healthy)
                    #expect(!next.recovery.wasClosedCleanly, "call \(call)")
                    #expect(next.recovery.leaderEpoch > .zero, "call \(call)")
                    try await next.flush()
                    #expect(try await next.content(try partition()).values == ["0", "1", "2", "3", "4"])
                    try await next.close()
                }
                call += isDeadFromThen ? 1 : 3
            }
            #expect(failures > 5, "\(failures) opens failed")
        }
    }

    @Test func `C32 on a full disk a directory can be read, and a writer loses nothing`() async throws {
        try await withDirectory { directory in
            try await leave(directory)
            let copy = try fresh(directory)
            let handle = try #require(FileHandle(forWritingAtPath: copy + "/orders-0/00000000000000000000.log"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 7, count: 100))
            try handle.close()
            let growing: Set<FileCallKind> = [.write, .createDirectory, .link, .rename]
            let full = FaultyFileSystem(faults: [Fault(.fail(.noSpace), growing, calls: 0..<Int.max)])
            let reader = try await Daybook.open(
                copy, configuration: Configuration(access: .readOnly).with(fileSystem: full))
            #expect(
                try await reader.content(try partition(), isolation: .pageCache).values == ["0", "1", "2", "3", "4"])
            try await reader.close()
            // A writer cannot keep a copy of what is torn off, so that it does not cut it off either.
            do {
                let writer = try await Daybook.open(copy, configuration: Configuration().with(fileSystem: full))
                do { try await writer.close() } catch {}
            } catch {
                #expect(error is DaybookError, "\(error)")
            }
            let healthy = try await Daybook.open(copy)
            try await healthy.flush()
            #expect(try await healthy.content(try partition()).values == ["0", "1", "2", "3", "4"])
            #expect(healthy.recovery.findings.map(\.kind) == [.tornTail])
            try await healthy.close()
        }
    }
}
