// What each step of a history does to the engine and to its model: one function a kind.
// What the world does to the disk is in `Simulation+Faults`.

internal import Daybook
internal import DaybookModel

extension Simulation {
    /// Takes one step.
    func perform(_ kind: SimulatedOperation.Kind, _ random: inout SeededGenerator) async throws {
        switch kind {
        case .append: try await append(&random)
        case .appendConcurrently: try await appendConcurrently(&random)
        case .flush: try await flush()
        case .read: try await read(&random)
        case .readByTime: try await readByTime(&random)
        case .lookAtOffsets: try await lookAtOffsets(&random)
        case .attachReader: try await attachReader(&random)
        case .createTopic:
            try await createTopic(named: ["orders", "invoices", "stock"].randomElement(using: &random)!, &random)
        case .alterTopic: try await alterTopic(&random)
        case .deleteTopic: try await deleteTopic(&random)
        case .reopen: try await reopen(&random)
        case .deleteRecords: try await deleteRecords(&random)
        case .housekeep: try await housekeep()
        case .scrub: try await scrub()
        case .compact: try await compact(&random)
        case .backUp: try await backUp(&random)
        case .restore: try await restore(&random)
        case .pause: await pause(&random)
        case .jumpClock: jumpClock(&random)
        case .kill: try await recover(from: .kill, &random)
        case .cutPower: try await recover(from: .powerCut, &random)
        case .killSoon: crashSoon(.kill, &random)
        case .cutPowerSoon: crashSoon(.powerCut, &random)
        case .failCall: failCall(&random)
        case .fillDisk: fillDisk(&random)
        case .freeDisk: freeDisk()
        case .failWriteBack: failWriteBack(&random)
        case .rot: try rot(&random)
        case .rotActiveAndKill: try await rotActiveAndKill(&random)
        }
    }

    // MARK: choosing

    /// Any partition that users can see; nil when there is no topic.
    func choosePartition(_ random: inout SeededGenerator) -> PartitionPlace? {
        let visible = topics.indices.filter { !topics[$0].isHidden }
        guard let topic = visible.randomElement(using: &random) else { return nil }
        return PartitionPlace(
            topic: topic, partition: Int.random(in: 0..<topics[topic].partitions.count, using: &random))
    }

    /// Where a partition stands in the model.
    struct PartitionPlace: Hashable {
        let topic: Int
        let partition: Int
    }

    subscript(place: PartitionPlace) -> PartitionModel {
        get { topics[place.topic].partitions[place.partition] }
        set { topics[place.topic].partitions[place.partition] = newValue }
    }

    private func chooseProducer(_ random: inout SeededGenerator) -> ProducerKind {
        let durability: Durability =
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5: .durable
            case 5..<9: .osCache
            default: .buffered
            }
        return ProducerKind(
            durability: durability, codec: Int.random(in: 0..<6, using: &random) % 4 % 3,
            batchSize: Int.random(in: 0..<4, using: &random) == 0 ? 512 : 16 << 10)
    }

    // MARK: appending

    private func append(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        let kind = chooseProducer(&random)
        let count = Int.random(in: 0..<20, using: &random) == 0 ? 60 : Int.random(in: 1...6, using: &random)
        let topicPartition = self[place].topicPartition
        note("append \(count) records to \(topicPartition), \(kind.durability.rawValue), batches of \(kind.batchSize)")
        var index = 0
        let numbers = (0..<count).map { _ in nextNumber(behind: &index, for: place, isConcurrent: false) }
        let producer = try producer(kind)
        do {
            for number in numbers {
                self[place].send(number)
                outcome.report.recordsSent += 1
                try await producer.enqueue(
                    SimulatedRecord(number).record(), to: topicPartition.topic.description,
                    partition: topicPartition.partition)
            }
            let summary = try await producer.flush()
            guard let partition = summary.partitions[topicPartition], partition.recordsCount == count else {
                throw Violation("\(count) records were sent and \(summary.recordsCount) acknowledged, with no error")
            }
            for (index, number) in numbers.enumerated() {
                try self[place].acknowledge(
                    number, at: partition.firstOffset.advanced(by: Int64(index)), asked: kind.durability,
                    reached: kind.durability == .buffered ? .durable : kind.durability)
            }
            if kind.durability == .osCache {
                outcome.report.recordsWritten += count
            } else {
                outcome.report.recordsDurable += count
            }
        } catch {
            outcome.report.recordsRefused += count
            try tolerate(error, while: "appending to \(topicPartition)")
        }
    }

    /// The next number whose record the partition takes: compacted ones want keys.
    private func nextNumber(behind index: inout Int, for place: PartitionPlace, isConcurrent: Bool) -> RecordNumber {
        while true {
            let number = RecordNumber(operation: current, index: index, isConcurrent: isConcurrent)
            index += 1
            if !self[place].isCompacted || SimulatedRecord(number).key != nil { return number }
        }
    }

    private func appendConcurrently(_ random: inout SeededGenerator) async throws {
        var requests: [(PartitionPlace, ProducerKind, RecordNumber, Producer)] = []
        var index = 0
        for _ in 0..<Int.random(in: 2...8, using: &random) {
            guard let place = choosePartition(&random) else { return }
            let kind = chooseProducer(&random)
            let number = nextNumber(behind: &index, for: place, isConcurrent: true)
            requests.append((place, kind, number, try producer(kind)))
            self[place].send(number)
        }
        note("append \(requests.count) records at once")
        outcome.report.recordsSent += requests.count
        let answers = await withTaskGroup(of: (Int, Result<Receipt, any Error>).self) { group in
            for (index, (place, _, number, producer)) in requests.enumerated() {
                let topicPartition = self[place].topicPartition
                group.addTask {
                    do {
                        let receipt = try await producer.send(
                            SimulatedRecord(number).record(), to: topicPartition.topic.description,
                            partition: topicPartition.partition)
                        return (index, .success(receipt))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (index, answer) in answers {
            let (place, kind, number, _) = requests[index]
            do {
                let receipt = try answer.get()
                // A buffered record has no place yet: nothing is promised.
                guard let offset = receipt.offset else { continue }
                try self[place].acknowledge(number, at: offset, asked: kind.durability, reached: receipt.durability)
                if receipt.durability == .durable {
                    outcome.report.recordsDurable += 1
                } else {
                    outcome.report.recordsWritten += 1
                }
            } catch {
                outcome.report.recordsRefused += 1
                try tolerate(error, while: "sending to \(self[place].topicPartition)")
            }
        }
        // What was only buffered goes into the log now, and what producers count begins anew.
        for kind in Set(requests.map(\.1)).sorted(by: { $0.order < $1.order }) {
            do { _ = try await producer(kind).flush() } catch { try tolerate(error, while: "flushing a producer") }
        }
    }

    private func flush() async throws {
        note("flush")
        do {
            try await engine().flush()
            for topic in topics.indices where !topics[topic].isHidden {
                for partition in topics[topic].partitions.indices { topics[topic].partitions[partition].flushed() }
            }
        } catch {
            try tolerate(error, while: "flushing")
        }
    }

    // MARK: topics

    func createTopic(named name: String, _ random: inout SeededGenerator) async throws {
        let count = Int.random(in: 1...3, using: &random)
        var configuration = TopicConfiguration()
        configuration.segmentBytes = .bytes(Int.random(in: 1024...6000, using: &random))
        configuration.indexIntervalBytes = .bytes(Int.random(in: 0...1500, using: &random))
        configuration.flushInterval = .milliseconds(Int.random(in: 1...200, using: &random))
        if Int.random(in: 0..<4, using: &random) == 0 { configuration.segmentAge = .seconds(1) }
        if Int.random(in: 0..<6, using: &random) == 0 { configuration.timestampType = .append }
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: configuration.retention.bytes = .kibibytes(8)
        case 2: configuration.retention.policy = .compact
        case 3:
            configuration.retention.policy = .compactAndDelete
            configuration.retention.bytes = .kibibytes(8)
        default: break
        }
        let known = topics.firstIndex { $0.name == name }
        let idsBefore = topicsCount
        note("create topic \(name) with \(count) partitions, segments of \(configuration.segmentBytes)")
        do {
            try await engine().createTopic(name, partitions: count, configuration: configuration)
            guard !topics.contains(where: { $0.name == name && !$0.isHidden }) else {
                throw Violation("topic \(name) was created although it was there")
            }
            // What was not answered for has been done over.
            topics.removeAll { $0.name == name }
            topics.append(try TopicModel(name, id: topicsCount, partitions: count, configuration))
        } catch {
            // A name that is taken, or was taken a moment ago and is going, is refused.
            if known != nil, (error as? DaybookError)?.code == .topicExists { return note("it is there") }
            try tolerate(error, while: "creating topic \(name)")
            var topic = try TopicModel(name, id: topicsCount, partitions: count, configuration)
            (topic.isDoubtful, topic.isHidden) = (true, true)
            guard let known else { return topics.append(topic) }
            // There may be what was there, or what was to come in its place.
            if topicsCount > idsBefore { topics[known].others.append(topic) }
        }
    }

    private func alterTopic(_ random: inout SeededGenerator) async throws {
        guard let topic = topics.filter({ !$0.isHidden }).randomElement(using: &random) else { return }
        let setting: (String, String) =
            switch Int.random(in: 0..<3, using: &random) {
            case 0: ("segment.bytes", "\(Int.random(in: 1024...6000, using: &random))")
            case 1: ("compression.type", ["producer", "lz4", "zstd", "none"].randomElement(using: &random)!)
            default: ("flush.ms", "\(Int.random(in: 1...500, using: &random))")
            }
        note("set \(setting.0)=\(setting.1) of \(topic.name)")
        do {
            try await engine().alterTopic(topic.name, settings: [setting])
        } catch {
            try tolerate(error, while: "altering topic \(topic.name)")
        }
    }

    private func deleteTopic(_ random: inout SeededGenerator) async throws {
        guard let index = topics.indices.filter({ !topics[$0].isHidden }).randomElement(using: &random) else { return }
        let name = topics[index].name
        note("delete topic \(name)")
        // Producers of a topic that comes again would first have to be told.
        producers = [:]
        do {
            try await engine().deleteTopic(name)
            topics.remove(at: index)
        } catch {
            (topics[index].isDoubtful, topics[index].isHidden) = (true, true)
            try tolerate(error, while: "deleting topic \(name)")
        }
    }

    // MARK: time

    private func pause(_ random: inout SeededGenerator) async {
        let milliseconds = Int.random(in: 0...300, using: &random)
        note("pause \(milliseconds) ms")
        await loop.pass(.milliseconds(milliseconds))
        await loop.settle()
    }

    private func jumpClock(_ random: inout SeededGenerator) {
        let decade = 10 * 365 * 86_400_000 as Int64
        let jump = Int64.random(in: -decade...decade, using: &random)
        note("set the clock by \(jump) ms")
        let now = clock.now().rawValue + jump
        // Not before 1990, and not so far that a history of jumps ends in another age.
        clock.set(to: Timestamp(milliseconds: min(max(now, 631_152_000_000), 4_102_444_800_000)))
    }
}

extension Simulation.TopicModel {
    init(_ name: String, id: UInt64, partitions: Int, _ configuration: TopicConfiguration) throws {
        let topic = try TopicName(name)
        self.init(
            name: name, id: id,
            partitions: (0..<partitions).map { PartitionModel(TopicPartition(topic: topic, partition: Int32($0))) })
        isRetained = configuration.retention.policy.deletes && configuration.retention.bytes != nil
        for partition in 0..<partitions {
            self.partitions[partition].isCompacted = configuration.retention.policy.compacts
        }
    }
}
