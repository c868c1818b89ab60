// Deletion of records while its topic goes away: whoever is at work on the folder is waited for, and nobody begins afterwards.

import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite struct DeletionRaceTests {
    /// Stops the first call that it is told to stop, until it is let go.
    private final class Barrier: Sendable {
        private let reached = DispatchSemaphore(value: 0)
        private let released = DispatchSemaphore(value: 0)
        private let isUsed = Atomic(false)
        let calls = Mutex<[String]>([])

        func stop() {
            guard !isUsed.exchange(true, ordering: .relaxed) else { return }
            reached.signal()
            released.wait()
        }

        func waitUntilReached() async {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    self.reached.wait()
                    continuation.resume()
                }
            }
        }

        func release() { released.signal() }
        func note(_ call: String) { calls.withLock { $0.append(call) } }
    }

    @Test func `C42 a topic's folder goes when the deletion of records in it has ended`() async throws {
        let disk = FaultyFileSystem()
        try await withDaybook(Configuration().with(fileSystem: disk)) { daybook in
            let producer = try daybook.makeProducer()
            for number in 0..<10 { _ = try await producer.send(Record(key: "k", value: "\(number)"), to: "orders") }
            let orders = try daybook.partition(partition())
            let barrier = Barrier()
            disk.observe { call in
                if call.kind == .rename, call.path.string.hasSuffix("orders-0/checkpoint.new") {
                    barrier.stop()
                    barrier.note("checkpoint")
                }
                if call.kind == .removeDirectory { barrier.note("folder") }
            }
            let deletion = Task { try await daybook.deleteRecords(partition(), before: 5) }
            await barrier.waitUntilReached()
            let removal = Task { try await daybook.deleteTopic("orders") }
            #expect(await eventually { orders.isClosing })
            barrier.release()
            #expect(try await deletion.value == 5, "what had begun ends as ever")
            try await removal.value
            #expect(barrier.calls.withLock { $0 } == ["checkpoint", "folder"])
            // Afterwards nobody begins, and a topic of the same name inherits nothing.
            #expect(throws: DaybookError.self) { try orders.deleteRecordsBlocking(before: 7) }
            try await daybook.createTopic("orders")
            orders.rememberDamage()
            #expect(try await daybook.offsets(try partition()).logStartOffset == 0)
            #expect(try await daybook.housekeep().findings.isEmpty)
            disk.observe(nil)
        }
    }

    @Test func `C42 retention, deletion and compaction beside topics that come and go leave nothing behind`()
        async throws
    {
        try await withDaybook { daybook in
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(1)
            try topic.set("cleanup.policy", to: "compact,delete")
            try topic.set("retention.bytes", to: "3000")
            for round in 0..<20 {
                try await daybook.createTopic("passing", configuration: topic)
                let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
                for number in 0..<60 {
                    _ = try await producer.send(
                        Record(key: "\(number % 3)", value: String(repeating: "x", count: 100)), to: "passing")
                }
                try await daybook.flush()
                async let pass = daybook.housekeep()
                async let deleted: Offset? = try? daybook.deleteRecords(partition(of: "passing"), before: 30)
                async let gone: Void = daybook.deleteTopic("passing")
                let (report, offset) = (try await pass, await deleted)
                try await gone
                let failures = report.findings.filter { $0.kind == .failure }
                #expect(failures.isEmpty, "round \(round), deleted before \(String(describing: offset)): \(failures)")
            }
        }
    }
}
