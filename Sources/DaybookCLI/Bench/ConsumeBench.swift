// `daybook bench consume`: every record that `bench append` left, through consumers instead of threads that block.
// To be compared with `bench replay`, which reads the same bytes with nothing in between. With `--group` by members of a group,
// who commit as they go.

import ArgumentParser
import Daybook
import Synchronization

/// Consumes the whole benchmark topic, by one consumer or more, each with a share of the partitions.
struct ConsumeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume every record that bench append left in the directory.")

    @OptionGroup var data: DataOptions

    @Option(help: "How many consumers share the partitions, each in a task of its own.")
    var consumers = 1

    @Option(
        help: "Bytes that each consumer reads ahead, and of one partition at most a quarter of them.",
        transform: AppendBench.batchSize)
    var readAhead: ByteCount?

    @Option(
        help: """
            Consume as members of this group, which is forgotten first, and commit. Opens the directory for writing.
            """)
    var group: String?

    @Option(help: "With --group: commit whenever a member has had so many records, without waiting for the disk.")
    var commitEvery = 1000

    @Flag(help: "With --group: wait for each commit.")
    var waitForCommits = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if commitEvery < 1 { throw ValidationError("--commit-every needs a number from 1 upwards.") }
        if !(1...1000).contains(consumers) { throw ValidationError("--consumers needs a number from 1 to 1000.") }
    }

    func run() async throws {
        let daybook = try await Daybook.open(
            try data.directory(), configuration: Configuration(access: group == nil ? .readOnly : .readWrite))
        guard let topic = daybook.topics.first(where: { $0.name == BenchTopic.name }) else {
            throw ValidationError(
                "There is no topic \(BenchTopic.name) in this directory; run bench append there first.")
        }
        let count = min(consumers, Int(topic.partitionsCount))
        var configuration = ConsumerConfiguration()
        if let readAhead {
            configuration.readAhead = readAhead
            configuration.partitionReadAhead = max(.kibibytes(4), .bytes(readAhead.rawValue / 4))
        }
        let consumers = try await makeConsumers(count, daybook, topic, configuration)
        let commits = group.map { _ in CommitPace(every: commitEvery, waits: waitForCommits) }
        let measurement = Measurement(daybook)
        let outcome = try await withThrowingTaskGroup(of: ReplayBench.Outcome.self) { tasks in
            for (consumer, ends) in consumers {
                tasks.addTask { try await Self.consume(consumer, until: ends, commits) }
            }
            return try await tasks.reduce(into: ReplayBench.Outcome()) { $0.add($1) }
        }
        let measured = measurement.end(daybook)
        let report = BenchReport(
            title: "consume", setting: setting(count), records: outcome.records, payloadBytes: outcome.bytes,
            batches: outcome.batches, measured: measured)
        try report.print(json: json)
        try await daybook.close()
        // The sum is worthless, but it keeps the compiler from leaving the reads out.
        if outcome.touched == .max { note("") }
    }

    private func setting(_ count: Int) -> String {
        guard group != nil else { return count == 1 ? "one consumer" : "\(count) consumers" }
        let members = count == 1 ? "one member" : "\(count) members"
        return "\(members), a commit every \(commitEvery) records\(waitForCommits ? ", waited for" : "")"
    }

    /// Consumers, each with the places at which it is done: its own, or all of them for members of a group, who share them.
    private func makeConsumers(
        _ count: Int, _ daybook: Daybook, _ topic: Topic, _ configuration: ConsumerConfiguration
    ) async throws -> [(Consumer, Ends)] {
        guard let group else {
            var consumers: [(Consumer, Ends)] = []
            for number in 0..<count {
                let share = topic.partitions.filter { Int($0.partition) % count == number }
                let consumer = try await daybook.makeConsumer(
                    assigned: share, from: .beginning, configuration: configuration)
                consumers.append((consumer, try await Ends(of: share, daybook)))
            }
            return consumers
        }
        do { try await daybook.deleteGroup(group) } catch let error as DaybookError where error.code == .unknownGroup {}
        let member = GroupMemberConfiguration(onRevoked: { consumer, _ in try await consumer.commit() })
        let ends = try await Ends(of: topic.partitions, daybook)
        var consumers: [(Consumer, Ends)] = []
        for _ in 0..<count {
            let consumer = try await daybook.makeConsumer(
                group: group, topics: [topic.name.description], member: member, configuration: configuration)
            consumers.append((consumer, ends))
        }
        ends.whenReached { [consumers] in for (consumer, _) in consumers { await consumer.close() } }
        return consumers
    }

    private static func consume(
        _ consumer: Consumer, until ends: Ends, _ pace: CommitPace?
    ) async throws -> ReplayBench.Outcome {
        var outcome = ReplayBench.Outcome()
        let failure = FirstFailure()
        var uncommitted = 0
        for try await batch in consumer.batches {
            outcome.batches += 1
            try batch.forEach { outcome.add($0) }
            uncommitted += batch.recordsCount
            if let pace, uncommitted >= pace.every {
                uncommitted = 0
                if pace.waits {
                    try await consumer.commit()
                } else {
                    try consumer.enqueueCommit { failure.note($0) }
                }
            }
            if ends.mayBeReached(by: batch), await ends.reached(batch) { break }
        }
        try failure.check()
        return outcome
    }
}

/// How often members commit.
private struct CommitPace: Sendable {
    let every: Int
    let waits: Bool
}

/// Where partitions end, for one consumer or for several who share them.
private final class Ends: Sendable {
    private struct State {
        var left: [TopicPartition: Offset] = [:]
        var action: (@Sendable () async -> Void)?
    }
    private let state: Mutex<State>
    /// No partition ends before this offset.
    private let least: Offset

    init(of partitions: [TopicPartition], _ daybook: Daybook) async throws {
        var left: [TopicPartition: Offset] = [:]
        for partition in partitions {
            let offsets = try await daybook.offsets(partition)
            if offsets.logStartOffset < offsets.highWatermark { left[partition] = offsets.highWatermark }
        }
        least = left.values.min() ?? .zero
        state = Mutex(State(left: left))
    }

    /// Asked of each batch: to look for a place costs as much as a small batch.
    func mayBeReached(by batch: ConsumedBatch) -> Bool { batch.nextOffset >= least }

    /// What is to be done once when the last place has been reached.
    func whenReached(_ action: @escaping @Sendable () async -> Void) { state.withLock { $0.action = action } }

    /// Whether there is nothing left behind this batch.
    func reached(_ batch: ConsumedBatch) async -> Bool {
        let (isOver, action) = state.withLock { state -> (Bool, (@Sendable () async -> Void)?) in
            if let end = state.left[batch.topicPartition], batch.nextOffset >= end {
                state.left[batch.topicPartition] = nil
            }
            guard state.left.isEmpty else { return (false, nil) }
            defer { state.action = nil }
            return (true, state.action)
        }
        await action?()
        return isOver
    }
}

/// The first of the commits that were not waited for and failed. One that comes in the midst of a rebalance is followed by others.
private final class FirstFailure: Sendable {
    private let error = Mutex<DaybookError?>(nil)
    func note(_ error: DaybookError?) {
        guard error?.code != .rebalanceInProgress else { return }
        self.error.withLock { $0 = $0 ?? error }
    }
    func check() throws { if let error = error.withLock({ $0 }) { throw error } }
}
