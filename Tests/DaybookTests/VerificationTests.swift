// Verification beside a writer at work: what comes and goes meanwhile is no failure. What it finds in damaged directories is
// tested through the command line.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite("Verification")
struct VerificationTests {
    @Test func `A segment that goes away between two looks is no failure`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", partitions: 1)
            _ = try await daybook.makeProducer().send(Record(key: "a", value: "1"), to: "orders")
            try await daybook.close()
            let disk = FaultyFileSystem(faults: [
                Fault(.fail(.noSuchFileOrDirectory), [.status], on: { $0.string.hasSuffix(".log") })
            ])
            let report = try await Daybook.verify(directory, fileSystem: disk)
            #expect(report.isClean && report.recordsCount == 1)
            #expect(disk.trace.contains { $0.outcome == .failed(.noSuchFileOrDirectory) }, "nothing went away")
        }
    }
}
