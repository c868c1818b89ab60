// Producer ids: each is given once, whatever happens to the process, the machine and the file that counts them.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook

@Suite struct ProducerIDTests {
    private func open(_ disk: SimulatedDisk) async throws -> Daybook {
        try await Daybook.open("/data", configuration: Configuration(ioThreads: 1, flushThreads: 1).with(disk: disk))
    }

    /// The id in the batches of a producer that has just been made.
    private func useProducer(_ daybook: Daybook) async throws -> Int64 {
        let receipt = try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders")
        let batches = try await daybook.read(receipt.topicPartition, from: try #require(receipt.offset)).batches
        return try #require(batches.first).producer.id.rawValue
    }

    @Test func `Each producer has an id of its own, and only one in a thousand costs a write`() async throws {
        let disk = SimulatedDisk()
        let daybook = try await open(disk)
        try await daybook.createTopic("orders")
        var ids: [Int64] = []
        for _ in 0..<3 { ids.append(try await useProducer(daybook)) }
        #expect(ids == [0, 1, 2])
        let before = disk.callsCount
        for _ in 0..<997 { ids.append(try await daybook.takeProducerID().rawValue) }
        #expect(disk.callsCount == before)
        ids.append(try await useProducer(daybook))
        #expect(disk.callsCount > before)
        #expect(ids == Array(0..<1001))
        try await daybook.close()
    }

    @Test func `A producer that writes nothing, or is not idempotent, takes no id`() async throws {
        let disk = SimulatedDisk()
        let daybook = try await open(disk)
        try await daybook.createTopic("orders")
        _ = try daybook.makeProducer()
        let plain = try daybook.makeProducer(ProducerConfiguration(isIdempotent: false))
        _ = try await plain.send(Record(key: nil, value: "x"), to: "orders")
        let batch = try #require(try await daybook.read(try partition(), from: 0).batches.first)
        #expect(batch.producer == .none)
        #expect(try await useProducer(daybook) == 0)
        try await daybook.close()
    }

    @Test func `Many tasks get many ids, each once`() async throws {
        try await withDaybook { daybook in
            let ids = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        var ids: [Int64] = []
                        for _ in 0..<500 { ids.append(try await daybook.takeProducerID().rawValue) }
                        return ids
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(ids.sorted() == Array(0..<8000), "no block is skipped while the process lives")
        }
    }

    @Test func `One producer used by many tasks at once keeps one id`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask { _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
                }
                try await group.waitForAll()
            }
            let batches = try await daybook.read(try partition(), from: 0).batches
            #expect(Set(batches.map(\.producer.id)).count == 1)
            var next: Int32 = 0
            for batch in batches {
                #expect(batch.producer.baseSequence == next)
                next += Int32(batch.recordsCount)
            }
            #expect(next == 50)
        }
    }

    @Test func `No id is given twice, whichever call of the reservation is the last one before a power cut`()
        async throws
    {
        for number in 0..<100 {
            let disk = SimulatedDisk(seed: UInt64(number))
            let before = try await open(disk)
            try await before.createTopic("orders")
            var given: [Int64] = []
            disk.crash(at: disk.callsCount + number)
            do {
                for _ in 0..<1500 { given.append(try await before.takeProducerID().rawValue) }
            } catch {
                #expect(error.code == .inputOutput)
            }
            let isOver = !disk.isDown
            disk.restart()
            let after = try await open(disk)
            let next = try await after.takeProducerID().rawValue
            #expect(next > given.max() ?? -1, "cut at call \(number)")
            try await after.close()
            if isOver { return #expect(number > 5) }
        }
        Issue.record("the reservation never ended")
    }

    @Test func `A disk that refuses the reservation refuses the record, and the next one tries again`() async throws {
        let disk = SimulatedDisk()
        let daybook = try await open(disk)
        try await daybook.createTopic("orders")
        try await daybook.takeProducerIDs(1000)
        disk.inject(Fault(.fail(.noSpace), [.write]) { $0.string.contains("state") })
        let producer = try daybook.makeProducer()
        let error = await #expect(throws: DaybookError.self) {
            try await producer.send(Record(key: nil, value: "x"), to: "orders")
        }
        #expect(error?.code == .diskFull)
        #expect(try await producer.send(Record(key: nil, value: "x"), to: "orders").offset == 0)
        try await daybook.close()
        let closed = await #expect(throws: DaybookError.self) { try await daybook.takeProducerIDs(2000) }
        #expect(closed?.code == .closed)
    }

    @Test func `Opening reserves the first thousand and a proper end gives back the rest; a killed process skips it`()
        async throws
    {
        let disk = SimulatedDisk()
        var daybook = try await open(disk)
        try await daybook.createTopic("orders")
        #expect(try await useProducer(daybook) == 0)
        try await daybook.close()
        daybook = try await open(disk)
        #expect(try await useProducer(daybook) == 1)
        disk.restartProcess()
        daybook = try await open(disk)
        #expect(try await useProducer(daybook) == 1001)
        try await daybook.close()
    }

    @Test func `A state says which ids are reserved, and one of before there were any says none`() throws {
        let state = DirectoryState(
            isClean: false, leaderEpoch: .zero, bootIdentifier: nil, nextProducerID: ProducerID(rawValue: 123_000))
        #expect(try DirectoryState(decoding: state.encoded())?.nextProducerID.rawValue == 123_000)
        for (line, expected) in [("next-producer -1", 0), ("next-producer 9223372036854775807", 0), ("", Int64(0))] {
            let text = ChecksummedText(kind: "daybook-state", version: 1, lines: ["shutdown clean", "epoch 3", line])
            #expect(try DirectoryState(decoding: text.encoded())?.nextProducerID.rawValue == expected)
        }
    }
}

extension Daybook {
    fileprivate func takeProducerIDs(_ count: Int) async throws(DaybookError) {
        for _ in 0..<count { _ = try await takeProducerID() }
    }
}
