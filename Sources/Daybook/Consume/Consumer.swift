// What reads on behalf of somebody: a position in each of its partitions, records as they come, and waiting for more. What
// it reads ahead, and how, is `Fetcher`'s business; how one is made is in `Daybook+Consumers`.

public import DaybookModel
internal import Synchronization

/// Reads partitions from a place on, and waits for what is appended there.
///
/// Records come in the order of each partition, and the partitions take turns. A consumer is used by one task at a time: a
/// second one that asks for records meanwhile gets `.concurrentUse`. Everything else may be called from anywhere. What it
/// holds is bounded by its configuration, however slow its user is, and other consumers do not notice. It goes, with all it
/// holds, when nobody holds it any more.
public final class Consumer: Sendable {
    let daybook: Daybook
    let fetcher: Fetcher
    /// As it was made.
    public let configuration: ConsumerConfiguration
    /// The topics whose partitions it reads; nil where it was made for partitions.
    public let subscription: Subscription?
    /// How it commits for its group; nil where it has none.
    let commits: GroupCommits?
    private let watcher = Mutex<Int?>(nil)

    init(
        _ daybook: Daybook, _ configuration: ConsumerConfiguration, _ subscription: Subscription? = nil,
        commits: GroupCommits? = nil
    ) {
        self.daybook = daybook
        self.configuration = configuration
        self.subscription = subscription
        self.commits = commits
        fetcher = Fetcher(
            daybook.services, configuration, group: commits?.committer.group, commits?.membership)
    }

    deinit {
        if let number = watcher.withLock({ $0 }) { daybook.topicWatchers.remove(number) }
        fetcher.close()
    }

    /// Goes with the topics from now on. For whoever keeps them from changing meanwhile.
    func watchTopics() {
        let number = daybook.topicWatchers.add { [weak self] in self?.topicsHaveChanged() }
        watcher.withLock { $0 = number }
    }

    /// What has appeared of the topics is read from its beginning, and what has been deleted is let go. Who waits for nothing
    /// at all would not notice otherwise that the daybook has been closed.
    private func topicsHaveChanged() {
        if daybook.state.withLock({ $0.isClosed }) { return fetcher.fail(.closed) }
        if let subscription { fetcher.follow(daybook.partitions(of: subscription)) }
    }

    // MARK: records

    /// At most `max` records, in batches, as soon as there are any; nothing when `timeout` has passed without. A gap counts
    /// as no record. `.zero` takes what has been read already, and has more read.
    ///
    /// Whatever it does not return is returned by the next call, also after a cancellation: a cancelled task throws
    /// `CancellationError` and has taken nothing. Throws the failure of a partition when everything before it has been
    /// handed out (`.offsetOutOfRange`, `.divergedHistory`, `.unknownTopic` when its topic has been deleted, `.inputOutput`,
    /// `.closed`); the position stays, and the next call tries again. `.closed` also when the consumer has been closed.
    public func poll(max: Int = 500, timeout: Duration) async throws -> [ConsumedBatch] {
        precondition(max > 0, "a poll asks for one record or more")
        let batches = try await fetcher.poll(upTo: max, timeout: timeout)
        if batches.isEmpty, fetcher.isClosed { throw Self.closed }
        return batches
    }

    /// The records as they come, batch by batch, with gaps in between: a sequence that ends when the consumer is closed. What
    /// has been handed out counts as read; another sequence, or `poll`, goes on behind it. Throws as `poll` does.
    public var batches: ConsumedBatches { ConsumedBatches(fetcher: fetcher, consumer: self) }

    /// The same, record by record and owned. Convenient, not fast: each record is copied.
    public var records: ConsumedRecords { ConsumedRecords(fetcher: fetcher, consumer: self) }

    // MARK: positions

    /// The partitions that are read, in order.
    public var assignment: [TopicPartition] { fetcher.assignment }

    /// The offset of the next record of each partition that will be handed out.
    public var positions: [TopicPartition: Offset] { fetcher.positions.mapValues(\.offset) }

    /// The offset of the next record of a partition that will be handed out. Throws `.notAssigned`.
    public func position(_ topicPartition: TopicPartition) throws -> Offset {
        try fetcher.position(of: topicPartition).offset
    }

    /// Goes on at another place. What was read ahead is forgotten, and so is what a read under way may bring.
    ///
    /// Throws `.notAssigned`, or `.offsetOutOfRange` for an offset that the log has not reached: the position is then as it
    /// was. With `epoch`, the incarnation that wrote the record before the offset, the next read finds out whether the place
    /// belongs to this history, and `divergence` says what follows.
    public func seek(_ topicPartition: TopicPartition, to place: LogPlace, epoch: LeaderEpoch? = nil) async throws {
        try await seek([topicPartition], to: place, epoch: epoch)
    }

    /// Goes on at another place in all partitions that are assigned, or in none when one cannot.
    public func seek(to place: LogPlace) async throws { try await seek(assignment, to: place, epoch: nil) }

    private func seek(_ partitions: [TopicPartition], to place: LogPlace, epoch: LeaderEpoch?) async throws {
        let isolation = configuration.isolation
        let targets = try partitions.map { try fetcher.partition($0) }
        let positions = try await daybook.services.io.run { () throws(DaybookError) in
            var positions: [TopicPartition: FetchPosition] = [:]
            for partition in targets {
                // A place with an epoch is judged when it is read, as a committed one is.
                if epoch != nil, case .offset(let offset) = place {
                    positions[partition.topicPartition] = FetchPosition(offset: offset, epoch: epoch)
                    continue
                }
                let offset = try partition.offsetBlocking(of: place, isolation: isolation)
                positions[partition.topicPartition] = FetchPosition(offset: offset, epoch: epoch)
            }
            return positions
        }
        try fetcher.move(positions)
    }

    // MARK: pausing

    /// The partitions that are paused, in order.
    public var paused: [TopicPartition] { fetcher.paused }

    /// Reads and hands out nothing of these partitions until they are resumed. Throws `.notAssigned`.
    public func pause(_ partitions: [TopicPartition]) throws { try fetcher.pause(partitions) }

    /// Goes on with partitions that were paused. Throws `.notAssigned`.
    public func resume(_ partitions: [TopicPartition]) throws { try fetcher.resume(partitions) }

    // MARK: end

    /// Hands out nothing any more: sequences end, and a `poll` throws `.closed`. A second `close` does nothing.
    ///
    /// A member of a group gives up its partitions first, with its callback, and leaves the group; what it had handed over to be
    /// committed is durable then, or has been refused. A callback that closes its own consumer returns before that.
    public func close() async {
        guard let membership = commits?.membership else { return fetcher.close() }
        await membership.close()
    }

    static let closed = DaybookError(.closed, "The consumer has been closed; make another one")
}
