// What does what a group's machine decides: reads records, calls handlers, writes the journal. One actor for each processor at
// work; everything that is decided is decided in `GroupMachine`. Opening is in `GroupWorker+Opening`, the journal in
// `GroupWorker+Journal`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// A group at work.
actor GroupWorker {
    let daybook: Daybook
    let configuration: ProcessorConfiguration
    let routes: [Route]
    let journal: Journal

    var machine: GroupMachine
    /// Where the journal goes on.
    var journalNext: Offset
    /// Entries since the last snapshot.
    var entriesSinceSnapshot: Int

    /// From where on the records of each partition are needed to understand the journal.
    var neededFrom: [Offset]

    /// The records of open events that have been read.
    var cache: [Place: ReadEvent] = [:]
    private var cacheSize = 0
    /// Entries that are to be written next.
    var entries: [JournalEntry] = []
    /// Who waits for them to be durable.
    var writeWaiters: [CheckedContinuation<Void, any Error>] = []
    var isWriting = false
    var isCommitDue = false
    var committed: [TopicPartition: OffsetCommit] = [:]

    private var runner: AttemptRunner?
    /// Attempts that are about to be begun together.
    private var calls: [AttemptCall] = []
    private var reader: EventReader
    private var roomWaiter: CheckedContinuation<Void, Never>?
    private var endWaiter: CheckedContinuation<Void, Never>?
    private var wakeAt: Timestamp?
    private(set) var isStopping = false
    /// The last words are being written, or have been: nothing is decided any more.
    var hasEnded = false
    private(set) var failure: (any Error)?
    private var hasIntakeEnded = false
    /// The latest of what the clocks said; with `opened` and the time since then it never goes back and never stands still.
    private let opened: Timestamp
    private let openedElapsed: Duration

    init(_ group: OpenedGroup) {
        daybook = group.daybook
        configuration = group.configuration
        routes = group.routes
        journal = group.journal
        machine = group.machine
        journalNext = group.journalNext
        entriesSinceSnapshot = group.entriesCount
        reader = EventReader(group.configuration, group.routes)
        neededFrom = group.neededFrom
        opened = group.machine.opened
        openedElapsed = group.openedElapsed
    }

    /// The time by which everything is decided: the clock's, unless that has been set back.
    var now: Timestamp {
        let passed = daybook.elapsed - openedElapsed
        return max(daybook.now, opened.advanced(byMilliseconds: passed.wholeMilliseconds))
    }

    func spawn(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: daybook.taskExecutor) { await work() }
    }

    // MARK: life

    /// Works until it is stopped or something fails; throws that. What was under way when it was stopped has ended, and all
    /// outcomes are durable, when it returns.
    func run() async throws {
        if !isStopping {
            let state = machine.state
            let assigned = state.partitions.map(\.topicPartition)
            let consumer = try await daybook.makeConsumer(assigned: assigned, from: .beginning)
            for partition in state.partitions {
                try await consumer.seek(partition.topicPartition, to: .offset(partition.next))
            }
            let elapsed = { @Sendable [daybook] in daybook.elapsed }
            runner = AttemptRunner(
                routes, scope: configuration.attemptScope, on: daybook.taskExecutor,
                elapsed: configuration.observer == nil ? nil : elapsed
            ) { [weak self] in
                guard let self else { return }
                _ = Task(executorPreference: self.daybook.taskExecutor) { await self.takeEnds() }
            }
            let intake = spawn { [reader, numbers = state.numbers] in await self.takeIn(consumer, reader, numbers) }
            pump()
            await withCheckedContinuation {
                endWaiter = $0; resumeIfEnded()
            }
            await consumer.close()
            await intake.value
        }
        runner?.cancelAll()
        if let failure { throw failure }
        try await finish()
    }

    /// Begins nothing any more; `run` returns when what is under way has ended.
    func stop() {
        if !isStopping {
            daybook.schedule(after: configuration.stopGrace) { [weak self] in
                guard let self else { return }
                _ = Task(executorPreference: self.daybook.taskExecutor) { await self.giveUp() }
            }
        }
        isStopping = true
        machine.isDraining = true
        roomWaiter?.resume()
        roomWaiter = nil
        resumeIfEnded()
    }

    /// Handlers have had their time: what is under way has ended, and nobody knows how.
    private func giveUp() {
        guard failure == nil, !hasEnded else { return }
        runner?.cancelAll()
        entries += machine.giveUp(at: now)
        pump()
    }

    func fail(_ error: any Error) {
        if failure == nil { failure = error }
        machine.isDraining = true
        for waiter in writeWaiters { waiter.resume(throwing: error) }
        writeWaiters = []
        roomWaiter?.resume()
        roomWaiter = nil
        resumeIfEnded()
    }

    func resumeIfEnded() {
        let isIdle = machine.isIdle && entries.isEmpty && !isWriting
        guard failure != nil && !isWriting || isStopping && isIdle, let waiter = endWaiter else { return }
        endWaiter = nil
        waiter.resume()
    }

    // MARK: records

    /// Reads beside the actor: while it decides about the last events, the next ones are made out of their records.
    private nonisolated func takeIn(
        _ consumer: Consumer, _ reader: EventReader, _ numbers: [TopicPartition: Int32]
    ) async {
        var reader = reader
        do {
            while let room = await waitForRoom() {
                var read: [ReadBatch] = []
                for batch in try await consumer.poll(max: min(Self.readAtOnce, room), timeout: .seconds(3600)) {
                    guard let number = numbers[batch.topicPartition] else { continue }
                    read.append(try reader.read(batch, partition: number))
                }
                await receive(read)
            }
        } catch {
            await intakeEnded(error)
        }
    }

    private static let readAtOnce = 1000

    private func intakeEnded(_ error: any Error) {
        if !isStopping { fail(error) }
    }

    /// Waits until events may come; says how many, or nil when there are to be no more.
    private func waitForRoom() async -> Int? {
        if !hasRoom, !isStopping, failure == nil { await withCheckedContinuation { roomWaiter = $0 } }
        return isStopping || failure != nil ? nil : max(1, configuration.maximumOpenEvents - machine.openCount)
    }

    private var hasRoom: Bool {
        machine.openCount < configuration.maximumOpenEvents
            && cacheSize < configuration.maximumOpenBytes.rawValue
    }

    private func receive(_ batches: [ReadBatch]) {
        for batch in batches {
            for (place, read) in batch.events {
                machine.receiveNothing(batch.partition, before: place.offset)
                switch machine.receive(place, read.facts, route: read.route) {
                case .new: keep(read, at: place)
                case .known: if machine.routes[place] != nil { keep(read, at: place) }
                case .done: break
                }
            }
            machine.receiveNothing(batch.partition, before: batch.nextOffset)
        }
        pump()
    }

    func keep(_ read: ReadEvent, at place: Place) {
        cacheSize += read.size - (cache.updateValue(read, forKey: place)?.size ?? 0)
    }

    /// Forgets the record of an event that is done or set aside.
    func forget(_ place: Place) {
        if machine.state.events[place]?.status.isAside ?? true { forgetDone(place) }
    }

    func forgetDone(_ place: Place) {
        cacheSize -= cache.removeValue(forKey: place)?.size ?? 0
    }

    /// Reads one record by its place, with a reader of its own: others read meanwhile.
    func readAgain(_ place: Place, of topicPartition: TopicPartition) async throws -> ReadEvent? {
        var reader = reader
        return try await reader.read(place, of: topicPartition, in: daybook)
    }

    /// Reads one record again, by its place.
    private func load(_ place: Place) async {
        let topicPartition = machine.state.partitions[Int(place.partition)].topicPartition
        do {
            let found = try await readAgain(place, of: topicPartition)
            if let found {
                keep(found, at: place)
                machine.loaded(place, route: found.route)
            } else {
                let note = FailureNote(type: "Retention", text: "the record is not in the log any more")
                entries += machine.lost(place, note)
            }
            pump()
        } catch {
            fail(error)
        }
    }

    // MARK: decisions

    /// Does what the machine decides, until it has nothing to decide.
    func pump() {
        // Before `run` nobody is there to make attempts.
        guard failure == nil, runner != nil else { return resumeIfEnded() }
        for action in machine.decide(at: now) {
            switch action {
            case .journal(let entry): entries.append(entry)
            case .begin(let attempt): begin(attempt)
            case .cancel(let attempt):
                runner?.cancel(attempt.token)
                observeTimeout(attempt)
            case .load(let place): _ = spawn { await self.load(place) }
            }
        }
        if !calls.isEmpty {
            runner?.begin(calls)
            calls = []
        }
        write()
        if hasRoom, let waiter = roomWaiter {
            roomWaiter = nil
            waiter.resume()
        }
        scheduleWake()
        resumeIfEnded()
    }

    private func scheduleWake() {
        guard let moment = machine.nextMoment, moment < wakeAt ?? Timestamp(milliseconds: .max) else { return }
        wakeAt = moment
        let delay = Duration.milliseconds(max(1, now.milliseconds(until: moment)))
        daybook.schedule(after: delay) { [weak self] in
            guard let self else { return }
            _ = Task(executorPreference: self.daybook.taskExecutor) { await self.wake(moment) }
        }
    }

    private func wake(_ moment: Timestamp) {
        if wakeAt == moment { wakeAt = nil }
        if endWaiter != nil { pump() }
    }

    private func begin(_ attempt: Attempt) {
        guard let read = cache[attempt.place], read.event != nil else {
            preconditionFailure("an attempt begins when its record has been read")
        }
        let partition = machine.state.partitions[Int(attempt.place.partition)].topicPartition
        let context = EventContext(
            group: configuration.group, place: EventPlace(partition, attempt.place.offset), effectKey: read.effectKey,
            attempt: attempt.number, isInDoubt: attempt.isInDoubt, isProbe: attempt.isProbe, time: attempt.started)
        calls.append(AttemptCall(attempt: attempt, read: read, context: context))
    }

    private func takeEnds() {
        guard failure == nil, !hasEnded, let runner else { return }
        let now = now
        for end in runner.takeEnds() {
            if configuration.observer != nil { observe(end) }
            entries += machine.ended(end.attempt, end.outcome, at: now)
        }
        pump()
    }
}
