// Kill −9 of a process that appends, at seeded random moments: what it had been told is durable, or in the page cache,
// is there afterwards, in order, and nothing that was never sent. (That a power cut loses nothing is another matter, and
// needs a simulated disk.)

import Daybook
import DaybookTesting
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite(.serialized) struct KillTests {
    private static let child = DoomedProcess("KILL_TEST")
    private static let partitions = 3

    @Test(arguments: [UInt64(1), 2, 3])
    func `What was acknowledged survives kill -9 at any moment, over many lives`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        try await withDirectory { directory in
            for life in 0..<6 {
                let delay = UInt32.random(in: 1_000...250_000, using: &generator)
                Self.child.prepare(directory, microseconds: delay)
                await #expect(processExitsWith: .signal(SIGKILL)) { try await KillTests.live() }
                // Every other time the next life itself has to recover.
                if life % 2 == 0 { continue }
                try await check(directory, "seed \(seed), life \(life), \(delay) µs")
            }
        }
    }

    /// The child: opens the directory, appends numbered records, notes each acknowledgement in a file, and is killed by a
    /// timer of its own at a moment that has nothing to do with what it does.
    private static func live() async throws {
        guard let directory = child.begin() else { return }
        var topic = TopicConfiguration(compression: .lz4())
        topic.segmentBytes = .kibibytes(64)
        let daybook = try await Daybook.open(directory + "/data")
        if daybook.topics.isEmpty {
            try await daybook.createTopic("orders", partitions: partitions, configuration: topic)
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<partitions {
                let durability: Durability = number == 0 ? .osCache : .durable
                group.addTask { await appendForEver(daybook, Int32(number), durability, directory) }
            }
        }
    }

    private static func appendForEver(
        _ daybook: Daybook, _ number: Int32, _ durability: Durability, _ directory: String
    ) async {
        do {
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: durability))
            let orders = TopicPartition(topic: try TopicName("orders"), partition: number)
            // The log says where the last life ended.
            var next = try await daybook.offsets(orders).logEndOffset.rawValue
            while true {
                let value = "\(number)/\(next)/" + String(repeating: "x", count: Int(next * 37 % 900))
                let receipt = try await producer.send(Record(key: nil, value: value), to: "orders", partition: number)
                guard receipt.offset == Offset(next) else { return }
                next += 1
                child.tell("\(number) \(next)", in: directory)
            }
        } catch {
            // A parent that finds no SIGKILL reports it.
        }
    }

    private func check(_ directory: String, _ comment: Comment) async throws {
        var acknowledged: [Int32: Int64] = [:]
        for line in Self.child.lines(in: directory) {
            let words = line.split(separator: " ")
            // The last line may be half written.
            guard words.count == 2, let number = Int32(words[0]), let next = Int64(words[1]) else { continue }
            acknowledged[number] = max(acknowledged[number] ?? 0, next)
        }
        guard FileManager.default.fileExists(atPath: directory + "/data/LOCK") else { return }
        let daybook = try await Daybook.open(directory + "/data")
        try await daybook.flush()
        #expect(daybook.recovery.findings.allSatisfy { $0.kind != .corruption && $0.kind != .missing }, comment)
        if daybook.topics.isEmpty {
            #expect(acknowledged.isEmpty, comment)
        } else {
            for number in Int32(0)..<Int32(Self.partitions) {
                let content = try await daybook.content(try partition(number))
                #expect(content.gaps.isEmpty, comment)
                #expect(content.records.count >= acknowledged[number] ?? 0, comment)
                for (index, value) in content.values.enumerated() where !value.hasPrefix("\(number)/\(index)/") {
                    Issue.record("partition \(number) offset \(index) holds \(value.prefix(40)); \(comment)")
                    break
                }
            }
        }
        try await daybook.close()
    }
}
