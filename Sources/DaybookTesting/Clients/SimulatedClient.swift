// Clients of a log for a simulation: each sends, reads or processes until its rounds are over or the machine has stopped, and has
// everything written down. What producers do is here; readers and workers are in `SimulatedClient+Reading`.

internal import Daybook
internal import DaybookModel

/// A client.
struct SimulatedClient {
    /// What a client does.
    enum Role {
        /// Sends records of no transaction: awaited, or in a row with a flush behind them.
        case sender
        /// Sends transactions; `id` is shared with others, who fence each other.
        case transactions(id: String)
        /// Reads, and commits how far it has come.
        case reader(group: String)
        /// Consumes, processes, produces.
        case worker(group: String)
    }

    let role: Role
    let daybook: Daybook
    let disk: SimulatedDisk
    let loop: SimulationLoop
    let recorder: HistoryRecorder
    let mistake: ClientMistake?
    var generator: SeededGenerator

    /// The topics of a simulation and their partitions.
    static let topics: [(name: String, partitions: Int)] = [("orders", 3), ("input", 2), ("output", 2)]

    mutating func run() async {
        for _ in 0..<Int.random(in: 2...5, using: &generator) {
            do {
                switch role {
                case .sender: try await send()
                case .transactions(let id): try await useTransactions(id)
                case .reader(let group): try await read(group)
                case .worker(let group): try await work(group)
                }
            } catch {
                if disk.isDown { return }
                tolerate(error)
            }
        }
    }

    /// What may be told to clients that disturb each other on purpose.
    private func tolerate(_ error: any Error) {
        if error is ChangeOfMind { return }
        let code = (error as? DaybookError)?.code
        if let code, [.producerFenced, .transactionTimedOut].contains(code) {
            recorder.noteRefusal("\(code)")
        } else {
            recorder.noteFailure("a client was told, although the disk has not failed: \(error)")
        }
    }

    mutating func chance(of count: Int) -> Bool { Int.random(in: 0..<count, using: &generator) == 0 }

    mutating func partition(of topics: [String]) throws -> TopicPartition {
        let all = try Self.topics.filter { topics.contains($0.name) }.flatMap { try Self.partitions(of: $0.name) }
        return all[Int.random(in: 0..<all.count, using: &generator)]
    }

    static func partitions(of name: String) throws -> [TopicPartition] {
        let topic = try TopicName(name)
        let count = topics.first { $0.name == name }?.partitions ?? 0
        return (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
    }

    /// The record of a number: everything in it follows from that.
    static func record(_ number: Int) -> SimulatedRecord {
        SimulatedRecord(RecordNumber(operation: number, index: 0, isConcurrent: false))
    }

    mutating func settings(_ durability: Durability) -> ProducerConfiguration {
        let codecs: [Compression] = [.none, .lz4(), .zstd()]
        return ProducerConfiguration(
            batchSize: .bytes(Int.random(in: 100...2000, using: &generator)), linger: .milliseconds(1),
            compression: codecs[Int.random(in: 0..<3, using: &generator)], durability: durability)
    }

    /// One that transactions can have.
    mutating func durability() -> Durability { chance(of: 2) ? .osCache : .durable }

    // MARK: records of no transaction

    private mutating func send() async throws {
        let durability = durability()
        let producer = try daybook.makeProducer(settings(durability))
        let sender = recorder.newSender()
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let partition = try partition(of: ["orders", "input"])
            let isAwaited = chance(of: 2)
            var sent: [Int] = []
            do {
                for _ in 0..<(isAwaited ? 1 : Int.random(in: 1...12, using: &generator)) {
                    let number = recorder.send(ClientHistory.Sent(sender: sender, partition: partition))
                    sent.append(number)
                    let (record, topic) = (Self.record(number).record(), partition.topic.description)
                    if isAwaited {
                        _ = try await producer.send(record, to: topic, partition: partition.partition)
                    } else {
                        try await producer.enqueue(record, to: topic, partition: partition.partition)
                    }
                }
                if !isAwaited { try await producer.flush() }
            } catch {
                for number in sent { recorder.note(.answered(record: number, .unknown)) }
                throw error
            }
            for number in sent {
                recorder.note(.answered(record: number, durability == .durable ? .durable : .written))
            }
            if chance(of: 4) { await loop.pass(.milliseconds(Int64.random(in: 0...20, using: &generator))) }
        }
        try await producer.close()
    }

    // MARK: transactions

    private mutating func useTransactions(_ id: String) async throws {
        let durability = durability()
        let producer = try await daybook.makeTransactionalProducer(id: id, settings(durability), timeout: .seconds(4))
        let sender = recorder.newSender()
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let transaction = try await producer.begin()
            let number = recorder.begin()
            for _ in 0..<Int.random(in: 0...8, using: &generator) {
                let sent = ClientHistory.Sent(
                    sender: sender, partition: try partition(of: ["orders", "input"]), transaction: number)
                try await send(sent, in: transaction)
                if chance(of: 6) { await loop.pass(.milliseconds(Int64.random(in: 0...3000, using: &generator))) }
            }
            switch Int.random(in: 0..<8, using: &generator) {
            // Forgotten: aborted by time, or by the next producer.
            case 0: return
            case 1, 2:
                await transaction.abort()
                recorder.note(.ended(transaction: number, .aborted))
            default:
                recorder.note(.committing(transaction: number))
                do {
                    try await transaction.commit()
                    recorder.note(.ended(transaction: number, Self.outcome(durability)))
                } catch {
                    recorder.note(.ended(transaction: number, Self.outcome(error)))
                    throw error
                }
            }
        }
        await producer.close()
    }

    /// Sends a record in a transaction; it has no answer of its own unless it is refused.
    func send(_ sent: ClientHistory.Sent, in transaction: Transaction) async throws {
        let number = recorder.send(sent)
        do {
            let topic = sent.partition.topic.description
            try await transaction.send(Self.record(number).record(), to: topic, partition: sent.partition.partition)
        } catch {
            recorder.note(.answered(record: number, disk.isDown ? .unknown : .refused))
            throw error
        }
    }

    static func outcome(_ durability: Durability) -> ClientHistory.Outcome {
        durability == .durable ? .committed : .written
    }

    /// What an error says of a transaction that was to be committed.
    static func outcome(_ error: any Error) -> ClientHistory.Outcome {
        (error as? DaybookError)?.code == .transactionInDoubt ? .unknown : .aborted
    }
}

/// A client gives up what it has begun.
struct ChangeOfMind: Error {}
