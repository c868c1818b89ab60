// Committed offsets as they are read back from the internal topic: transactions that committed, aborted or hang, records of
// others, damage; and readers beside a live writer.

@testable import Daybook
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Foundation
import Testing

@Suite("Reading committed offsets")
struct OffsetLoadingTests {
    private static let producer = ProducerIdentity(id: ProducerID(rawValue: 9), epoch: 0, baseSequence: 0)

    /// A daybook with one partition of the internal topic, and batches appended to that partition as others would.
    private func withOffsetsTopic(
        _ directory: String, _ body: (Daybook, TopicPartition) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.internalTopicPartitions = 1
        // A pass of the engine's own would compact before the test does where the machine is slow.
        configuration.housekeeping.isAutomatic = false
        let daybook = try await Daybook.open(directory, configuration: configuration)
        if daybook.topics.isEmpty {
            try await daybook.createTopic("orders", partitions: 4)
            for number in Int32(0)..<4 { try await fill(daybook, 100, "orders", number) }
        }
        try await body(daybook, try partition(0, of: "__consumer_offsets"))
        try await daybook.close()
    }

    private func offsets(_ daybook: Daybook, _ group: String = "g") async throws -> [Int32: Int64] {
        let found = try await daybook.committedOffsets(group: group)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.key.partition, $0.value.offset.rawValue) })
    }

    @Test(arguments: [ControlRecord.Kind.commit, .abort])
    func `Commits of a transaction count when it does, as of their own place`(_ kind: ControlRecord.Kind) async throws {
        try await withDirectory { directory in
            let expected: [Int32: Int64] = kind == .commit ? [0: 10, 1: 21, 2: 3] : [0: 1, 1: 21, 2: 3]
            try await withOffsetsTopic(directory) { daybook, log in
                let committer = try await daybook.offsetCommitter(group: "g")
                #expect(committer.topicPartition == log)
                try await committer.commit([
                    partition(0): OffsetCommit(1), partition(1): OffsetCommit(1), partition(2): OffsetCommit(3),
                ])
                let commit = try committer.prepare(
                    [partition(0): OffsetCommit(10), partition(1): OffsetCommit(20), partition(3): OffsetCommit(30)],
                    producer: Self.producer)
                #expect(commit.recordsCount == 3)
                try await append(commit, committer)
                #expect(try await offsets(daybook) == [0: 1, 1: 1, 2: 3], "pending")
                // Later than the transaction's own, earlier than its end.
                try await committer.commit([partition(1): OffsetCommit(21)])
                try await daybook.deleteOffsets(group: "g", of: [partition(3)])
                try await appendMarker(kind, daybook, log)
                daybook.endTransaction(kind, of: Self.producer.id, in: log)
                #expect(try await offsets(daybook) == expected)
            }
            try await withOffsetsTopic(directory) { daybook, _ in
                let found = try await offsets(daybook)
                #expect(found == expected)
            }
        }
    }

    @Test func `Commits of a transaction that has not ended are shown to nobody, and the next opening forgets them`()
        async throws
    {
        try await withDirectory { directory in
            try await withOffsetsTopic(directory) { daybook, log in
                let committer = try await daybook.offsetCommitter(group: "g")
                try await committer.commit([partition(0): OffsetCommit(1)])
                try await append(
                    try committer.prepare([partition(0): OffsetCommit(50)], producer: Self.producer), committer)
                try await daybook.flushAndPublish()
                let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
                #expect(try await offsets(reader) == [0: 1])
                try await appendMarker(.commit, daybook, log)
                try await daybook.flushAndPublish()
                // It has ended since the reader met its records.
                #expect(try await offsets(reader) == [0: 50])
                try await reader.close()
                let other = ProducerIdentity(id: ProducerID(rawValue: 10), epoch: 0, baseSequence: 0)
                try await append(try committer.prepare([partition(0): OffsetCommit(60)], producer: other), committer)
            }
            try await withOffsetsTopic(directory) { daybook, _ in
                let found = try await offsets(daybook)
                #expect(found == [0: 50])
            }
        }
    }

    @Test func `A commit of a transaction is checked like any other, and refused whole`() async throws {
        try await withDirectory { directory in
            try await withOffsetsTopic(directory) { daybook, _ in
                let committer = try await daybook.offsetCommitter(group: "g")
                let error = #expect(throws: DaybookError.self) {
                    try committer.prepare(
                        [partition(0): OffsetCommit(1), partition(1): OffsetCommit(101)], producer: Self.producer)
                }
                #expect(error?.code == .divergedHistory)
            }
        }
    }

    @Test func `Records that are none of ours are left out, and the others count`() async throws {
        try await withDirectory { directory in
            try await withOffsetsTopic(directory) { daybook, log in
                let committer = try await daybook.offsetCommitter(group: "g")
                try await committer.commit([partition(0): OffsetCommit(1)])
                let key = OffsetCommitKey(group: "g", topicPartition: try partition(1)).encoded()
                let value = OffsetCommitValue(
                    offset: 5, leaderEpoch: nil, metadata: "by another hand", commitTime: Timestamp(milliseconds: 7)
                ).encoded()
                var builder = RecordBatchBuilder(targetSize: 1 << 20)
                let records: [([UInt8]?, [UInt8]?)] = [
                    ([], [1]), (nil, [1]), ([0, 1, 0, 200], [1]), (key, Array(value.dropLast())), (key + [0], value),
                    ([0, 77, 1, 2, 3], [1]), (key, value), (key.dropLast() + [2], [0, 99]),
                ]
                for (key, value) in records { builder.append(Record(key: key, value: value), timestamp: .none) }
                try await append(builder.seal(using: .init()), daybook, log)
            }
            try await withOffsetsTopic(directory) { daybook, _ in
                #expect(try await offsets(daybook) == [0: 1, 1: 5])
                let found = try await daybook.committedOffsets(group: "g")[partition(1)]
                #expect(found?.metadata == "by another hand" && found?.leaderEpoch == nil)
                #expect(daybook.committedOffsets.unreadableRecordsCount == 6, "an unknown kind of record is no fault")
            }
        }
    }

    @Test func `Damage in the internal topic takes the commits in it, and no others`() async throws {
        try await withDirectory { directory in
            let log = directory + "/__consumer_offsets-0/00000000000000000000.log"
            var sizes: [Int] = []
            try await withOffsetsTopic(directory) { daybook, _ in
                for offset in Int64(1)...5 {
                    try await daybook.commit(group: "g\(offset)", offsets: [partition(0): OffsetCommit(Offset(offset))])
                    sizes.append(try Data(contentsOf: URL(filePath: log)).count)
                }
            }
            var bytes = try Data(contentsOf: URL(filePath: log))
            bytes[sizes[1] + 70] ^= 0xff
            try bytes.write(to: URL(filePath: log))
            try await withOffsetsTopic(directory) { daybook, _ in
                for offset in Int64(1)...5 {
                    let found = try await offsets(daybook, "g\(offset)")
                    #expect(found == (offset == 3 ? [:] : [0: offset]))
                }
                try await daybook.commit(group: "g3", offsets: [partition(0): OffsetCommit(3)])
            }
            try await withOffsetsTopic(directory) { daybook, _ in
                let found = try await offsets(daybook, "g3")
                #expect(found == [0: 3])
            }
        }
    }

    @Test func `Compaction keeps what is committed, also of transactions, and forgets what was before`() async throws {
        try await withDirectory { directory in
            var before: [String: [Int32: Int64]] = [:]
            try await withOffsetsTopic(directory) { daybook, log in
                _ = try await daybook.offsetCommitter(group: "g")
                try await daybook.alterTopic("__consumer_offsets", settings: [("segment.bytes", "4096")])
                for round in Int64(1)...60 {
                    let group = "g\(round % 3)"
                    try await daybook.commit(
                        group: group,
                        offsets: [partition(0): OffsetCommit(Offset(round)), partition(1): OffsetCommit(Offset(round))])
                    if round == 50 { try await daybook.deleteGroup("g1") }
                }
                let size = try await daybook.offsets(log).size
                #expect(try await daybook.compact("__consumer_offsets").isEmpty == false)
                #expect(try await daybook.offsets(log).size < size)
                for group in ["g0", "g1", "g2"] { before[group] = try await offsets(daybook, group) }
            }
            #expect(before["g0"] == [0: 60, 1: 60])
            try await withOffsetsTopic(directory) { daybook, _ in
                for (group, expected) in before {
                    let found = try await offsets(daybook, group)
                    #expect(found == expected)
                }
            }
        }
    }

    @Test func `A reader beside a live writer sees what is committed, from the first commit ever on`() async throws {
        try await withDirectory { directory in
            try await withOffsetsTopic(directory) { daybook, log in
                let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
                #expect(try await offsets(reader).isEmpty)
                #expect(daybook.existingInternalTopic(.consumerOffsets) == nil)
                for round in Int64(1)...5 {
                    try await daybook.commit(group: "g", offsets: [partition(0): OffsetCommit(Offset(round))])
                    // The writer tells others within some milliseconds what is durable.
                    #expect(try await eventually { try await offsets(reader) == [0: round] })
                }
                #expect(reader.topics(includingInternal: true).map(\.isInternal) == [true, false])
                try await daybook.deleteOffsets(group: "g", of: [partition(0)])
                #expect(try await eventually { try await offsets(reader).isEmpty })
                for attempt in [
                    { try await reader.commit(group: "g", offsets: [partition(0): OffsetCommit(1)]) },
                    { try await reader.deleteGroup("g") },
                ] as [() async throws -> Void] {
                    let error = await #expect(throws: DaybookError.self) { try await attempt() }
                    #expect(error?.code == .readOnly)
                }
                try await reader.close()
            }
        }
    }

    @Test func `A reader follows over compaction, and begins anew after a long pause`() async throws {
        try await withDirectory { directory in
            try await withOffsetsTopic(directory) { daybook, log in
                let clock = ManualClock()
                let reader = try await Daybook.open(
                    directory, configuration: Configuration(access: .readOnly).with(clock: clock))
                _ = try await daybook.offsetCommitter(group: "g")
                try await daybook.alterTopic(
                    "__consumer_offsets", settings: [("segment.bytes", "1024"), ("delete.retention.ms", "0")])
                try await daybook.commit(group: "g", offsets: [partition(0): OffsetCommit(1)])
                try await daybook.commit(group: "h", offsets: [partition(0): OffsetCommit(1)])
                #expect(try await eventually { try await offsets(reader, "h") == [0: 1] })
                // Both the commit and its deletion are compacted away while the reader does not look.
                try await daybook.deleteGroup("g")
                for round in Int64(1)...60 {
                    try await daybook.commit(group: "h", offsets: [partition(0): OffsetCommit(Offset(round))])
                    if round % 20 == 0 { _ = try await daybook.compact("__consumer_offsets") }
                }
                #expect(try await eventually { try await offsets(reader, "h") == [0: 60] })
                clock.advance(by: .seconds(2 * 3600))
                #expect(try await offsets(reader, "g").isEmpty)
                #expect(try await offsets(reader, "h") == [0: 60])
                try await reader.close()
            }
        }
    }

    // MARK: -

    private func append(_ commit: TransactionalCommit, _ committer: OffsetCommitter) async throws {
        let error: DaybookError? = await withCheckedContinuation { continuation in
            committer.append(commit) { continuation.resume(returning: $0) }
        }
        if let error { throw error }
    }

    private func appendMarker(_ kind: ControlRecord.Kind, _ daybook: Daybook, _ log: TopicPartition) async throws {
        let log = try daybook.partition(log)
        let end = try log.withLog { log throws(StorageError) in
            try log.endTransaction(
                producer: Self.producer.id, epoch: Self.producer.epoch, kind: kind, coordinatorEpoch: 0,
                now: log.lastAppendTime)
        }
        #expect(end != nil)
        try await log.flush()
    }

    private func append(_ batch: EncodedBatch, _ daybook: Daybook, _ log: TopicPartition) async throws {
        let log = try daybook.partition(log)
        let result = await withCheckedContinuation { continuation in
            log.submit(AppendRequest(batch: batch, durability: .durable) { continuation.resume(returning: $0) })
        }
        _ = try result.get()
    }
}
