// Opening for reading at the very moment at which a writer in between appends, rolls and flushes.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@Suite struct LiveReaderTests {
    @Test func `C43 a sidecar that speaks of more than the files held when they were listed is new, and not missing`()
        async throws
    {
        for number in 0..<3 {
            try await withDirectory { directory in
                let writer = try await Daybook.open(directory)
                var topic = TopicConfiguration()
                topic.segmentBytes = .kibibytes(1)
                try await writer.createTopic("orders", configuration: topic)
                try await send(15, to: writer)
                let disk = FaultyFileSystem()
                let turn = Turn(number)
                let done = DispatchSemaphore(value: 0)
                disk.observe { call in
                    guard call.kind == .open, call.path.string.hasSuffix(".sidecar"), turn.isThis() else { return }
                    Task {
                        try await send(20, to: writer)
                        done.signal()
                    }
                    done.wait()
                }
                let reader = try await Daybook.open(
                    directory, configuration: Configuration(access: .readOnly).with(fileSystem: disk))
                #expect(reader.recovery.findings.isEmpty, "\(reader.recovery.findings)")
                let content = try await reader.content(try partition())
                #expect(content.gaps.isEmpty && content.offsets.count >= 15)
                try await reader.close()
                try await writer.close()
            }
        }
    }

    private func send(_ count: Int, to daybook: Daybook) async throws {
        let producer = try daybook.makeProducer()
        let value = String(repeating: "x", count: 100)
        for _ in 0..<count { _ = try await producer.send(Record(key: nil, value: value), to: "orders") }
    }

    /// Says which of several calls it is.
    private final class Turn: Sendable {
        private let left: Atomic<Int>
        init(_ number: Int) { left = Atomic(number) }
        func isThis() -> Bool { left.wrappingSubtract(1, ordering: .relaxed).oldValue == 0 }
    }
}
