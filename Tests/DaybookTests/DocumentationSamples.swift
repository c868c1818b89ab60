// The Swift code of README and of the article "Getting started", compiled and run by `DocumentationTests`, which also
// compares it with the documents: what stands between "// sample DOCUMENT" and "// end" must stand there, in this order.

import Daybook

/// A row of something that is imported.
struct ExportRow {
    let order: String
    let json: String
    let time: Timestamp
}

/// What a program keeps that has its own place for how far it has come.
struct Checkpoint: Equatable {
    var nextOffset: Offset
    var epoch: LeaderEpoch
}

// sample README
func sendAndReadBack(in directory: String) async throws {
    let daybook = try await Daybook.open(directory)  // creates, locks, recovers; `daybook.recovery` is what it found
    try await daybook.createTopic("orders", partitions: 8, configuration: TopicConfiguration(compression: .zstd()))
    let producer = try daybook.makeProducer()
    let receipt = try await producer.send(Record(key: "SO-1", value: #"{"total":12}"#), to: "orders")
    print(receipt.topicPartition, receipt.offset ?? .zero, receipt.durability)  // durable: it survives a power cut
    for batch in try await daybook.read(receipt.topicPartition, from: .zero).batches {
        try batch.forEach { record in  // views into what was read: no copy, no allocation per record
            if let value = record.value { print(record.offset, record.timestamp, String(decoding: value)) }
        }
    }
    try await daybook.close()
}
// end

// sample GettingStarted
func takeOrders(in directory: String) async throws -> [String] {
    let daybook = try await Daybook.open(directory)
    if daybook.topics.isEmpty { try await daybook.createTopic("orders", partitions: 8) }

    let producer = try daybook.makeProducer()
    for number in 1...3 {
        let order = Record(key: "SO-\(number)", value: #"{"total":12}"#)
        _ = try await producer.send(order, to: "orders")  // durable when it returns
    }

    let consumer = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
    var picked: [String] = []
    for try await batch in consumer.batches {  // waits without looking, and uses no CPU meanwhile
        picked += try batch.records().map { String(decoding: $0.key ?? [], as: UTF8.self) }
        try await consumer.commit(through: batch)  // next time the group goes on behind it
        if picked.count == 3 { break }
    }
    await consumer.close()
    try await daybook.close()
    return picked
}
// end

/// What the samples of the article need around them.
enum Samples {
    static func open(_ directory: String) async throws -> Daybook {
        // sample GettingStarted
        let daybook = try await Daybook.open(directory)
        for finding in daybook.recovery.findings {
            print(finding.topicPartition, finding.kind, finding.description)
        }
        // end
        return daybook
    }

    static func makeTopic(_ daybook: Daybook) async throws {
        // sample GettingStarted
        if !daybook.topics.contains(where: { $0.name.description == "orders" }) {
            var configuration = TopicConfiguration(compression: .zstd(level: 3))
            configuration.segmentBytes = .mebibytes(64)
            try await daybook.createTopic("orders", partitions: 8, configuration: configuration)
        }
        try await daybook.alterTopic("orders", settings: [("flush.ms", "50")])
        // end
    }

    static func send(_ daybook: Daybook) async throws -> Receipt {
        // sample GettingStarted
        let producer = try daybook.makeProducer()
        let record = Record(key: "SO-1", value: #"{"total":12}"#, headers: [RecordHeader("source", "shop")])
        let receipt = try await producer.send(record, to: "orders")
        // end
        try await producer.close()
        return receipt
    }

    static func ingest(_ export: [ExportRow], _ daybook: Daybook) async throws -> Int {
        // sample GettingStarted
        let producer = try daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(20)))
        for row in export {
            try await producer.enqueue(Record(key: row.order, value: row.json), to: "orders")
        }
        let summary = try await producer.close()
        print("\(summary.recordsCount) records are durable, in \(summary.batchesCount) batches")
        // end
        return summary.recordsCount
    }

    static func readAll(_ partition: TopicPartition, of daybook: Daybook) async throws -> [String] {
        var values: [String] = []
        // sample GettingStarted
        var next = try await daybook.offsets(partition).logStartOffset
        while true {
            let result = try await daybook.read(partition, from: next)
            if result.isEmpty { break }
            for element in result.elements {
                switch element {
                case .gap(let gap):
                    print("\(partition): \(gap)")
                case .batch(let batch):
                    try batch.forEach { record in
                        guard record.offset >= next, let value = record.value else { return }
                        values.append(String(decoding: value))
                    }
                }
            }
            next = result.nextOffset
        }
        // end
        return values
    }

    static func goOn(
        from checkpoint: Checkpoint, _ partition: TopicPartition, of daybook: Daybook
    ) async throws -> Checkpoint {
        var checkpoint = checkpoint
        // sample GettingStarted
        try daybook.validate(partition, nextOffset: checkpoint.nextOffset, epoch: checkpoint.epoch)
        let result = try await daybook.read(partition, from: checkpoint.nextOffset)
        // … do something with the records, then keep where to go on:
        checkpoint.nextOffset = result.nextOffset
        checkpoint.epoch = result.batches.last?.leaderEpoch ?? checkpoint.epoch
        // end
        return checkpoint
    }

    static func count(since time: Timestamp, _ partition: TopicPartition, of daybook: Daybook) async throws -> Int64 {
        // sample GettingStarted
        let limit = try await daybook.offsets(partition).highWatermark
        let first = try await daybook.offset(partition, appendedAtOrAfter: time) ?? limit
        print("\(first.distance(to: limit)) records have arrived since")
        // end
        return first.distance(to: limit)
    }

    static func attach(_ directory: String) async throws -> Int {
        // sample GettingStarted
        let attached = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
        print(attached.topics.map(\.name))
        // end
        return attached.topics.count
    }

    static func load(_ export: [ExportRow], into partition: TopicPartition, of daybook: Daybook) throws {
        // sample GettingStarted
        var writer = try daybook.makeWriter(partition, compression: .lz4(), durability: .osCache)
        for row in export {
            var (key, value) = (row.order, row.json)
            try key.withUTF8 { key in
                try value.withUTF8 { value in
                    try writer.append(
                        key: UnsafeRawBufferPointer(key), value: UnsafeRawBufferPointer(value), timestamp: row.time)
                }
            }
        }
        try writer.flush()

        var reader = try daybook.makeReader(partition, isolation: .pageCache)
        var bytes = 0
        while case let result = try reader.read(), !result.isEmpty {
            for batch in result.batches { try reader.forEach(in: batch) { bytes += $0.payloadCount } }
        }
        // end
        print(bytes)
    }

    static func appendOrExplain(_ record: Record, _ producer: Producer) async throws {
        // sample GettingStarted
        do {
            _ = try await producer.send(record, to: "orders")
        } catch let error as DaybookError where error.code == .partitionFailed {
            print("The disk failed; nothing more is promised until the directory is opened again: \(error)")
        }
        // end
    }

    static func rehearse(_ directory: String) async throws -> Int {
        // sample OperatingALiveService
        let administration = try await Administration.open(directory)
        let deletions = try await administration.perform(
            DeleteRecords(topic: "orders", partition: 0, before: .offset(1000), isRehearsal: true))
        for deletion in deletions {
            print(deletion.topicPartition, deletion.oldLogStartOffset, deletion.logStartOffset)
        }
        try await administration.close()
        // end
        return deletions.count
    }

    static func handleRedrive(_ daybook: Daybook) {
        // sample OperatingALiveService
        daybook.control.handle("redrive") { request in
            let id: String = try request.arguments.field("id")
            for number in 1...3 {
                try Task.checkCancellation()
                request.report(["redriven": .integer(Int64(number))])
            }
            return ["id": .string(id), "redriven": 3]
        }
        // end
    }

    static func commit(_ partition: TopicPartition, of daybook: Daybook) async throws -> CommittedOffset? {
        // sample OperatingOffsets
        try await daybook.commit(
            group: "warehouse", offsets: [partition: OffsetCommit(42, metadata: "picked until 17:59")])
        let place = try await daybook.committedOffsets(group: "warehouse")[partition]
        // end
        return place
    }

    static func goOn(from place: CommittedOffset, in partition: TopicPartition, of daybook: Daybook) async throws {
        // sample OperatingOffsets
        do {
            try daybook.validate(partition, place)
        } catch let error as DaybookError where error.code == .divergedHistory {
            print(error)
            try await daybook.resetOffsets(group: "warehouse", to: .current)
        }
        // end
    }

    static func showProgress(_ daybook: Daybook) async throws {
        // sample OperatingOffsets
        for position in try await daybook.describeGroup("warehouse").positions {
            print(position.topicPartition, position.lag ?? -1, position.oldestAge ?? .zero, position.progress)
        }
        // end
    }

    static func showMembers(_ daybook: Daybook) async throws {
        // sample OperatingOffsets
        let warehouse = try await daybook.describeGroup("warehouse")
        print(warehouse.state, warehouse.generation)
        for member in warehouse.members { print(member.clientID, member.assignment) }
        // end
    }

    static func goBack(_ daybook: Daybook) async throws -> OffsetResetPlan {
        // sample OperatingOffsets
        let plan = try await daybook.resetOffsets(group: "warehouse", to: .shift(-100), dryRun: true)
        for move in plan.moves { print(move.topicPartition, move.distance ?? 0, move.new) }
        try await daybook.resetOffsets(group: "warehouse", to: .shift(-100))
        // end
        return plan
    }

    static func verify(_ directory: String) async throws -> Bool {
        // sample GettingStarted
        let report = try await Daybook.verify(directory)
        for finding in report.findings { print(finding) }
        // end
        return report.isClean
    }
}
