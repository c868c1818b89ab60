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

    /// The records of open events that have been read.
    var cache: [Place: ReadEvent] = [:]
    private var cacheSize = 0
    /// Entries that are to be written next.
    var entries: [JournalEntry] = []
    /// Who waits for them to be durable.
    var writeWaiters: [CheckedContinuation<Void, any Error>] = []
    var isWriting = false
    var isCommitDue = false
    var committed: [TopicPartition: Offset] = [:]

    private var tasks: [UInt64: Task<Void, Never>] = [:]
    private var consumer: Consumer?
    private var roomWaiter: CheckedContinuation<Void, Never>?
    private var endWaiter: CheckedContinuation<Void, Never>?
    private var wakeAt: Timestamp?
    private(set) var isStopping = false
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
            self.consumer = consumer
            let intake = spawn { await self.takeIn(consumer) }
            pump()
            await withCheckedContinuation {
                endWaiter = $0; resumeIfEnded()
            }
            await consumer.close()
            await intake.value
        }
        for task in tasks.values { task.cancel() }
        for task in tasks.values { await task.value }
        if let failure { throw failure }
        try await finish()
    }

    /// Begins nothing any more; `run` returns when what is under way has ended.
    func stop() {
        isStopping = true
        machine.isDraining = true
        roomWaiter?.resume()
        roomWaiter = nil
        resumeIfEnded()
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

    private func takeIn(_ consumer: Consumer) async {
        do {
            while !isStopping, failure == nil {
                await waitForRoom()
                if isStopping || failure != nil { return }
                let batches = try await consumer.poll(
                    max: min(500, configuration.maximumOpenEvents - machine.openCount), timeout: .seconds(3600))
                for batch in batches { try receive(batch) }
                pump()
            }
        } catch {
            if !isStopping { fail(error) }
        }
    }

    private func waitForRoom() async {
        if hasRoom || isStopping { return }
        await withCheckedContinuation { roomWaiter = $0 }
    }

    private var hasRoom: Bool {
        machine.openCount < configuration.maximumOpenEvents
            && cacheSize < configuration.maximumOpenBytes.rawValue
    }

    private func receive(_ batch: ConsumedBatch) throws {
        guard let number = machine.state.numbers[batch.topicPartition] else { return }
        if batch.gap == nil {
            for record in try batch.records() {
                machine.receiveNothing(number, before: record.offset)
                let place = Place(number, record.offset)
                let read = ReadEvent(record.record, at: place, configuration, routes)
                let received = machine.receive(place, read.facts, route: read.route)
                if received != .done, machine.routes[place] != nil { keep(read, at: place) }
            }
        }
        machine.receiveNothing(number, before: batch.nextOffset)
    }

    private func keep(_ read: ReadEvent, at place: Place) {
        cacheSize += read.size - (cache.updateValue(read, forKey: place)?.size ?? 0)
    }

    /// Forgets the record of an event that is done or set aside.
    func forget(_ place: Place) {
        guard machine.state.events[place]?.status.isAside ?? true else { return }
        cacheSize -= cache.removeValue(forKey: place)?.size ?? 0
    }

    /// Reads one record again, by its place.
    private func load(_ place: Place) async {
        let topicPartition = machine.state.partitions[Int(place.partition)].topicPartition
        do {
            let result = try await daybook.read(topicPartition, from: place.offset, maxBytes: .bytes(1))
            var found: Record?
            for batch in result.batches {
                try batch.forEach { if $0.offset == place.offset { found = $0.record() } }
            }
            if let found {
                let read = ReadEvent(found, at: place, configuration, routes)
                keep(read, at: place)
                machine.loaded(place, route: read.route)
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
        guard failure == nil else { return resumeIfEnded() }
        for action in machine.decide(at: now) {
            switch action {
            case .journal(let entry): entries.append(entry)
            case .begin(let attempt): begin(attempt)
            case .cancel(let attempt): tasks.removeValue(forKey: attempt.token)?.cancel()
            case .load(let place): _ = spawn { await self.load(place) }
            }
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
        guard let read = cache[attempt.place], let event = read.event else {
            preconditionFailure("an attempt begins when its record has been read")
        }
        let partition = machine.state.partitions[Int(attempt.place.partition)].topicPartition
        let context = EventContext(
            group: configuration.group, place: EventPlace(partition, attempt.place.offset), effectKey: read.effectKey,
            attempt: attempt.number, isInDoubt: attempt.isInDoubt, time: now)
        let route = routes[attempt.route]
        tasks[attempt.token] = spawn {
            let outcome = await route.outcome(event, context, isProbe: attempt.isProbe)
            await self.ended(attempt, outcome)
        }
    }

    private func ended(_ attempt: Attempt, _ outcome: AttemptOutcome) {
        tasks[attempt.token] = nil
        guard failure == nil else { return }
        entries += machine.ended(attempt, outcome, at: now)
        pump()
    }
}

extension Route {
    /// Calls the handler or the probe, and says how that ended.
    func outcome(_ event: Event, _ context: EventContext, isProbe: Bool) async -> AttemptOutcome {
        do {
            if isProbe, let probe = effect.probe {
                switch try await probe(event, context) {
                case .found(let reference): return .found(reference: reference)
                case .absent: return .absent
                }
            }
            switch try await handler(event, context) {
            case .done(let reference): return .succeeded(reference: reference, isAdopted: false)
            case .alreadyDone(let reference): return .succeeded(reference: reference, isAdopted: true)
            }
        } catch {
            if isProbe { return .unanswered(FailureNote(error)) }
            return .failed(classifier.kind(of: error, effect.rule), FailureNote(error))
        }
    }
}
