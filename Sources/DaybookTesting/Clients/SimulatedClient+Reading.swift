// Readers of committed records and workers that make records out of records, each result and the group's place together.
// What they hand over and get is written down by `HistoryRecorder`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

extension SimulatedClient {
    /// A record of the input, by where it stands.
    private struct Input {
        let partition: TopicPartition
        let offset: Offset
    }

    // MARK: reading

    mutating func read(_ group: String) async throws {
        let partitions = try ["orders", "output"].flatMap { try Self.partitions(of: $0) }
        let isolation: Isolation = mistake == .readsUncommitted ? .durable : .committed
        let consumer = try await consumer(of: partitions, for: group, isolation)
        let reader = recorder.open(at: consumer.positions)
        for _ in 0..<Int.random(in: 2...12, using: &generator) {
            let batches = try await consumer.poll(
                max: Int.random(in: 1...40, using: &generator),
                timeout: .milliseconds(Int64.random(in: 0...800, using: &generator)))
            for batch in batches { _ = try take(batch, reader) }
            if !batches.isEmpty, chance(of: 3) { try await commit(consumer.positions, for: group) }
        }
        await consumer.close()
    }

    /// A consumer that goes on where its group is.
    private func consumer(
        of partitions: [TopicPartition], for group: String, _ isolation: Isolation = .committed
    ) async throws -> Consumer {
        let committed = try await daybook.committedOffsets(group: group)
        let configuration = ConsumerConfiguration(
            readAhead: .kibibytes(16), partitionReadAhead: .kibibytes(4), isolation: isolation)
        let consumer = try await daybook.makeConsumer(
            assigned: partitions, from: .beginning, configuration: configuration)
        for (partition, place) in committed.sorted(by: { $0.key < $1.key }) {
            try await consumer.seek(partition, to: .offset(place.offset), epoch: place.leaderEpoch)
        }
        return consumer
    }

    /// Writes down what a reader has got, and returns where it stands.
    private func take(_ batch: ConsumedBatch, _ reader: Int) throws -> [Input] {
        var inputs: [Input] = []
        try batch.forEach { view in
            let handed = ClientHistory.Handed(view.offset, Self.number(of: view))
            recorder.note(.handed(reader: reader, batch.topicPartition, handed))
            inputs.append(Input(partition: batch.topicPartition, offset: view.offset))
        }
        return inputs
    }

    /// The number of a record that was read; nil when it is not the record of its number byte for byte.
    static func number(of view: borrowing RecordView) -> Int? {
        guard let number = SimulatedRecord.number(of: view) else { return nil }
        let (operation, expected) = (number.operation, SimulatedRecord(number))
        return operation >= 0 && expected.matches(view, hasOwnTimestamp: true) ? operation : nil
    }

    private func commit(_ places: [TopicPartition: Offset], for group: String) async throws {
        let number = recorder.commit(ClientHistory.Commit(group: group, offsets: places))
        do {
            try await daybook.commit(group: group, offsets: places.mapValues { OffsetCommit($0) })
            recorder.note(.answeredCommit(commit: number, .durable))
        } catch {
            recorder.note(.answeredCommit(commit: number, disk.isDown ? .unknown : .refused))
            throw error
        }
    }

    // MARK: processing

    /// Works as the only one of its group: whoever comes after it fences it, and goes on where it has got to.
    mutating func work(_ group: String) async throws {
        let durability = durability()
        let producer = try await daybook.makeTransactionalProducer(
            id: group, settings(durability), timeout: .seconds(4))
        let consumer = try await consumer(of: Self.partitions(of: "input"), for: group)
        let sender = recorder.newSender()
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            if mistake == .commitsApart {
                try await processApart(consumer, for: group, sender)
            } else {
                try await process(consumer, for: group, producer, sender, durability)
            }
        }
        await producer.close()
        await consumer.close()
    }

    private mutating func process(
        _ consumer: Consumer, for group: String, _ producer: TransactionalProducer, _ sender: Int,
        _ durability: Durability
    ) async throws {
        var begun: Int?
        let max = Int.random(in: 1...12, using: &generator)
        let isFailing = chance(of: 6)
        let isSlow = chance(of: 4)
        let reader = recorder.open(at: consumer.positions)
        do {
            let done: Void? = try await producer.process(
                consumer, group: group, max: max, timeout: .milliseconds(500)
            ) { transaction, batches in
                let number = recorder.begin()
                begun = number
                var places: [TopicPartition: Offset] = [:]
                for batch in batches {
                    places[batch.topicPartition] = batch.nextOffset
                    for input in try take(batch, reader) {
                        try await send(result(of: input, for: group, sender, transaction: number), in: transaction)
                    }
                }
                if isSlow { await loop.pass(.milliseconds(700)) }
                if isFailing { throw ChangeOfMind() }
                _ = recorder.commit(ClientHistory.Commit(group: group, offsets: places, transaction: number))
                recorder.note(.committing(transaction: number))
            }
            if done != nil, let begun { recorder.note(.ended(transaction: begun, Self.outcome(durability))) }
        } catch {
            if let begun { recorder.note(.ended(transaction: begun, Self.outcome(error))) }
            if disk.isDown || !(error is ChangeOfMind) { throw error }
        }
    }

    /// Every second record goes to another partition.
    private func result(
        of input: Input, for group: String, _ sender: Int, transaction: Int?
    ) throws -> ClientHistory.Sent {
        let outputs = try Self.partitions(of: "output")
        return ClientHistory.Sent(
            sender: sender, partition: outputs[Int(input.offset.rawValue) % outputs.count], transaction: transaction,
            source: ClientHistory.Source(group: group, partition: input.partition, offset: input.offset))
    }

    /// The mistake: results and the group's place are two things, and something may happen in between.
    private mutating func processApart(_ consumer: Consumer, for group: String, _ sender: Int) async throws {
        let producer = try daybook.makeProducer(settings(.durable))
        let reader = recorder.open(at: consumer.positions)
        var places: [TopicPartition: Offset] = [:]
        for batch in try await consumer.poll(max: 20, timeout: .milliseconds(500)) {
            places[batch.topicPartition] = batch.nextOffset
            for input in try take(batch, reader) {
                let sent = try result(of: input, for: group, sender, transaction: nil)
                let number = recorder.send(sent)
                _ = try await producer.send(
                    Self.record(number).record(), to: "output", partition: sent.partition.partition)
                recorder.note(.answered(record: number, .durable))
            }
        }
        if !places.isEmpty { try await commit(places, for: group) }
    }
}
