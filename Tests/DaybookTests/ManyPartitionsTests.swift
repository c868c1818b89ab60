// Ten thousand partitions in one process, with few descriptors.

import Daybook
import Foundation
import Testing

@Suite struct ManyPartitionsTests {
    @Test func `C30 C31 C74 ten thousand partitions work with sixty descriptors`() async throws {
        try await withDirectory { directory in
            let configuration = Configuration(openFilesLimit: 60)
            var daybook = try await Daybook.open(directory, configuration: configuration)
            try await daybook.createTopic("orders", partitions: 10_000)
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            for round in 0..<2 {
                for number in Int32(0)..<10_000 where number % 7 == 0 || round == 0 && number % 5 == 0 {
                    try await producer.enqueue(
                        Record(key: nil, value: "\(round)-\(number)"), to: "orders", partition: number)
                }
                try await producer.flush()
                #expect(openDescriptors(below: directory) < 200)
            }
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: configuration)
            #expect(daybook.recovery.wasClosedCleanly)
            #expect(daybook.recovery.partitionsCount == 10_000)
            for number in stride(from: Int32(0), to: 10_000, by: 35) {
                #expect(try await daybook.content(try partition(number)).values == ["0-\(number)", "1-\(number)"])
            }
            #expect(openDescriptors(below: directory) < 200)
            try await daybook.close()
        }
    }

    /// Of this directory only: other tests of the process have files of their own.
    private func openDescriptors(below directory: String) -> Int {
        let folder = "/proc/self/fd"
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return numbers.count { number in
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(number)")
            return path?.hasPrefix(directory) ?? false
        }
    }
}
