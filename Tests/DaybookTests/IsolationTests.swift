// What readers of committed records get: each committed record, no aborted one, nothing of an open transaction; in one
// process, beside a live writer, while they wait, and after everything that could be derived is lost.

@testable import Daybook
import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

/// A producer that writes transactions straight into a partition.
struct TransactionSender {
    let partition: Partition
    let id: ProducerID
    var sequence: Int32 = 0

    init(_ id: Int64, _ partition: Partition) {
        self.partition = partition
        // Far from those that the engine gives to its own producers.
        self.id = ProducerID(rawValue: 1000 + id)
    }

    /// Appends one batch with these values.
    mutating func send(_ values: String...) throws {
        let producer = ProducerIdentity(id: id, epoch: 0, baseSequence: sequence)
        var builder = RecordBatchBuilder(
            targetSize: 1 << 20, options: .init(compression: .none, producer: producer, isTransactional: true))
        for value in values {
            builder.append(Record(key: "k", value: value), timestamp: Timestamp(milliseconds: 7))
        }
        sequence += Int32(values.count)
        let batch = try builder.seal(using: Compressor())
        _ = try partition.withLog { log throws(StorageError) in
            try log.append(batch, now: Timestamp(milliseconds: 1000))
        }
    }

    func end(_ kind: ControlRecord.Kind) throws {
        let ended = try partition.withLog { log throws(StorageError) in
            try log.endTransaction(
                producer: id, epoch: 0, kind: kind, coordinatorEpoch: 0, now: Timestamp(milliseconds: 1000))
        }
        #expect(ended != nil, "there was a transaction to end")
    }
}

extension Gap {
    fileprivate init(_ base: Int64, _ next: Int64, _ cause: Cause) {
        self.init(baseOffset: Offset(base), nextOffset: Offset(next), cause: cause)
    }
}

@Suite struct IsolationTests {
    /// Two transactions that overlap, the first one aborted, with a plain record between.
    private func fill(_ daybook: Daybook) async throws {
        let orders = try daybook.partition(partition())
        var (first, second) = (TransactionSender(1, orders), TransactionSender(2, orders))
        try first.send("aborted", "aborted")
        try second.send("one")
        _ = try await daybook.makeProducer().send(Record(key: "k", value: "plain"), to: "orders")
        try first.send("aborted")
        try second.send("two")
        try first.end(.abort)
        try second.end(.commit)
        try first.send("three")
        try first.end(.commit)
        try await daybook.flush()
    }

    @Test(arguments: [1, 200, 1 << 20])
    func `committed records are read once, the rest are gaps that say why`(size: Int) async throws {
        try await withDaybook { daybook in
            try await fill(daybook)
            let committed = try await daybook.content(try partition(), maxBytes: .bytes(size))
            #expect(committed.values == ["one", "plain", "two", "three"])
            #expect(committed.offsets == [2, 3, 5, 8])
            if size > 1000 {
                #expect(
                    committed.gaps == [
                        Gap(0, 2, .aborted), Gap(4, 5, .aborted), Gap(6, 8, .control), Gap(9, 10, .control),
                    ])
            }
            var covered = committed.offsets
            for gap in committed.gaps { covered += Array(gap.baseOffset.rawValue..<gap.nextOffset.rawValue) }
            #expect(covered.sorted() == Array(0..<10))
            // From the middle of an aborted batch.
            let middle = try await daybook.read(try partition(), from: 1)
            #expect(middle.gaps.first == Gap(1, 2, .aborted))
            var reader = try daybook.makeReader(try partition())
            #expect(try reader.read().batches.flatMap { try $0.records() }.count == 4)
            // Whoever does not look at transactions gets everything.
            let durable = try await daybook.content(try partition(), isolation: .durable, maxBytes: .bytes(size))
            #expect(durable.offsets == Array(0..<10) && durable.gaps.isEmpty)
        }
    }

    @Test func `readers stop at the first record of an open transaction`() async throws {
        try await withDaybook { daybook in
            try await fill(daybook)
            let orders = try daybook.partition(partition())
            var open = TransactionSender(3, orders)
            try open.send("open")
            _ = try await daybook.makeProducer().send(Record(key: "k", value: "behind"), to: "orders")
            let offsets = try await daybook.offsets(try partition())
            #expect(offsets.lastStableOffset == 10 && offsets.highWatermark == 12)
            #expect(try await daybook.content(try partition()).values.count == 4)
            #expect(try await daybook.content(try partition(), isolation: .durable).values.count == 12)
            // Whoever stands further on than that waits; behind what is durable there is nothing to wait for.
            #expect(try await daybook.read(try partition(), from: 12).isEmpty)
            await #expect(throws: DaybookError.self) { try await daybook.read(try partition(), from: 13) }
            try open.end(.commit)
            #expect(try await daybook.content(try partition(), from: 10).values.isEmpty, "the mark is not durable yet")
            try await daybook.flush()
            #expect(try await daybook.content(try partition(), from: 10).values == ["open", "behind"])
        }
    }

    @Test(arguments: [false, true])
    func `a power cut takes an end that was not durable, and the kill of a process does not`(isKilled: Bool)
        async throws
    {
        let disk = SimulatedDisk()
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(3600)
        try await daybook.createTopic("orders", configuration: topic)
        try await fill(daybook)
        var open = TransactionSender(3, try daybook.partition(partition()))
        try open.send("open")
        try await daybook.flush()
        try open.end(.commit)
        if isKilled { disk.restartProcess() } else { disk.restart(.nothing) }
        // Who changes nothing finds the transaction open: not even after a kill is its end known to be durable.
        let reader = try await Daybook.open("/data", configuration: Configuration(access: .readOnly).with(disk: disk))
        #expect(try await reader.offsets(try partition()).lastStableOffset <= 10)
        try await reader.close()
        let again = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await again.flush()
        let content = try await again.content(try partition())
        #expect(content.values == ["one", "plain", "two", "three"] + (isKilled ? ["open"] : []))
        try await again.close()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
    }

    @Test func `a reader beside a live writer knows which transactions are open and which were aborted`() async throws {
        try await withDirectory { directory in
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(1)
            let writer = try await Daybook.open(directory)
            try await writer.createTopic("orders", configuration: topic)
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            try await fill(writer)
            var open = TransactionSender(3, try writer.partition(partition()))
            try open.send("open")
            try await writer.flush()
            let settled = try await eventually {
                try await reader.offsets(try partition()).highWatermark == 11
            }
            #expect(settled)
            #expect(try await reader.offsets(try partition()).lastStableOffset <= 10)
            let content = try await reader.content(try partition())
            #expect(content.values == ["one", "plain", "two", "three"])
            #expect(content.gaps.map(\.cause) == [.aborted, .aborted, .control, .control])
            try open.end(.abort)
            try await writer.flush()
            let ended = try await eventually {
                try await reader.read(try partition(), from: 10).nextOffset == 12
            }
            #expect(ended)
            let end = try await reader.read(try partition(), from: 10)
            #expect(end.gaps == [Gap(10, 11, .aborted), Gap(11, 12, .control)] && end.batches.isEmpty)
            try await reader.close()
            try await writer.close()
        }
    }

    @Test(arguments: [false, true])
    func `what was aborted in a later segment is known after a restart, with and without sidecars`(isLost: Bool)
        async throws
    {
        try await withDirectory { directory in
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(1)
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", configuration: topic)
            let orders = try daybook.partition(partition())
            var (first, second) = (TransactionSender(1, orders), TransactionSender(2, orders))
            var expected: [String] = []
            for round in 0..<60 {
                try first.send("aborted \(round)")
                try second.send("\(round)")
                if round % 7 == 6 { try first.end(.abort) }
                if round % 5 == 4 { try second.end(.commit) }
                expected.append("\(round)")
            }
            try first.end(.abort)
            try await daybook.close()
            let folder = directory + "/orders-0"
            let files = PosixFileSystem()
            let names = try files.entries(of: FilePath(folder))
            #expect(names.count { $0.hasSuffix(".log") } > 5)
            if isLost {
                for name in names where name.hasSuffix(".sidecar") {
                    try files.removeFile(FilePath(folder + "/" + name))
                }
            }
            let again = try await Daybook.open(directory)
            let content = try await again.content(try partition(), maxBytes: .bytes(250))
            #expect(content.values == expected)
            try await again.close()
        }
    }

    @Test func `who waits for committed records is called by the flush of the mark, or when what is open is deleted`()
        throws
    {
        let counts = try onLoop { daybook, loop in
            let orders = try daybook.partition(partition())
            let calls = Mutex(0)
            func wait(behind offset: Offset) {
                orders.whenReadable(behind: offset, isolation: .committed) { _ in calls.withLock { $0 += 1 } }
            }
            var counts: [Int] = []
            func step() async {
                await loop.settle()
                counts.append(calls.withLock { $0 })
            }
            var sender = TransactionSender(1, orders)
            wait(behind: 0)
            try sender.send("one")
            try await daybook.flush()
            await step()
            try sender.end(.commit)
            await step()
            try await daybook.flush()
            await step()
            wait(behind: 2)
            try sender.send("two")
            _ = try await daybook.makeProducer().send(Record(key: "k", value: "plain"), to: "orders")
            await step()
            _ = try await daybook.deleteRecords(try partition(), before: 3)
            await step()
            return counts
        }
        #expect(counts == [0, 0, 1, 1, 2])
    }
}
