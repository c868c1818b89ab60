// Reading ahead: who reads next, how much, and where reading goes on when it cannot go on where it was.
// A partition in which everything has been read calls; until then nothing is done for it.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// One read of one partition, as it was decided on.
struct Fetch: Sendable {
    let number: Int
    let generation: Int
    let partition: Partition
    let offset: Offset
    /// What was known of the place: see `FetchSlot`.
    let epoch: LeaderEpoch?
    let checkedEpoch: LeaderEpoch?
    /// Bytes that it may ask for, and bytes of memory that it may take, unpacked.
    let size: Int
    let memory: Int
}

/// What a read has brought.
struct Fetched: Sendable {
    var pieces: [ConsumedBatch] = []
    /// Bytes of memory that the pieces take.
    var bytes = 0
    var nextOffset: Offset
    /// The incarnation of the log that was read, and the one that wrote the last of the pieces.
    var epoch: LeaderEpoch
    var lastEpoch: LeaderEpoch?
    /// Set when reading goes on elsewhere; there are no pieces then.
    var reset: PositionReset?
}

extension Fetcher {
    /// One read asks for so many bytes: enough to be worth waking somebody up, and few enough to stay in a processor's cache
    /// until the records are looked at.
    private static let readSize = 512 << 10

    private var readSize: Int {
        min(Self.readSize, configuration.partitionReadAhead.rawValue, configuration.readAhead.rawValue)
    }

    /// Begins the reads for which there is room. Call whenever room has become free or somebody has lined up.
    func feed(_ state: inout State) {
        while state.buffered + state.reserved + readSize <= configuration.readAhead.rawValue
            || state.buffered + state.reserved == 0
        {
            guard let number = state.hungry.removeFirst() else { return }
            guard let slot = state.slots[number], slot.isHungry else { continue }
            watch(slot, &state)
        }
    }

    /// Reads, or waits until there is something to read.
    private func watch(_ slot: FetchSlot, _ state: inout State) {
        // A place that nobody has looked at yet may be one at which there never will be anything.
        guard slot.checkedEpoch != nil else { return submit(begin(slot, &state)) }
        let (number, generation) = (slot.number, slot.generation)
        let watch = slot.partition.watch(
            behind: slot.fetchPosition, isolation: configuration.isolation
        ) { [weak self] error in self?.goOn(number, generation, error) }
        switch watch {
        case .readable: submit(begin(slot, &state))
        case .waiting(let token): slot.stage = .waiting(token)
        case .ended(let error):
            slot.stage = .idle
            // Told by a job of its own: whoever asks again and again must not keep the reads of other partitions from their turn.
            services.io.submit { [weak self] in self?.fail(number, generation, error) }
        }
    }

    private func fail(_ number: Int, _ generation: Int, _ error: DaybookError) {
        let waiter = state.withLock { state -> Waiting.Waiter? in
            guard let slot = state.slots[number], slot.generation == generation else { return nil }
            slot.failure = error
            state.show(slot)
            return state.waiting.take()
        }
        waiter?.continuation.resume(returning: .ready)
    }

    private func submit(_ fetch: Fetch) { services.io.submit { [weak self] in self?.run(fetch) } }

    private func begin(_ slot: FetchSlot, _ state: inout State) -> Fetch {
        let room = configuration.readAhead.rawValue - state.buffered - state.reserved
        let memory = max(readSize, min(room, configuration.partitionReadAhead.rawValue - slot.bytes))
        state.reserved += memory
        slot.stage = .fetching
        return Fetch(
            number: slot.number, generation: slot.generation, partition: slot.partition, offset: slot.fetchPosition,
            epoch: slot.fetchEpoch, checkedEpoch: slot.checkedEpoch, size: readSize, memory: memory)
    }

    /// The partition calls: there is something to read, or there never will be. Reads on this thread, which may block, so that
    /// a consumer who waits is served at once.
    private func goOn(_ number: Int, _ generation: Int, _ error: DaybookError?) {
        let (fetch, waiter) = state.withLock { state -> (Fetch?, Waiting.Waiter?) in
            guard let slot = state.slots[number], slot.generation == generation, case .waiting = slot.stage else {
                return (nil, nil)
            }
            slot.stage = .idle
            if let error {
                slot.failure = error
                state.show(slot)
                return (nil, state.waiting.take())
            }
            let used = state.buffered + state.reserved
            guard used == 0 || used + readSize <= configuration.readAhead.rawValue else {
                state.lineUp(slot)
                return (nil, nil)
            }
            return (begin(slot, &state), nil)
        }
        waiter?.continuation.resume(returning: .ready)
        if let fetch { run(fetch) }
    }

    // MARK: on a thread that may block

    private func run(_ fetch: Fetch) {
        do throws(DaybookError) {
            deliver(fetch, .success(try read(fetch)))
        } catch {
            // What has ended says why; what its files say then does not matter.
            deliver(fetch, .failure(fetch.partition.state.withLock { $0.ending } ?? error))
        }
    }

    private func read(_ fetch: Fetch) throws(DaybookError) -> Fetched {
        try fetch.partition.refreshIfReadOnly(upTo: fetch.offset, isolation: configuration.isolation)
        let isolation = configuration.isolation
        let (epoch, limit) = fetch.partition.withLog { ($0.leaderEpoch, $0.limit(isolation)) }
        if let reset = try findPlace(fetch, epoch) {
            return Fetched(nextOffset: reset.to, epoch: epoch, reset: reset)
        }
        var fetched = Fetched(nextOffset: fetch.offset, epoch: epoch)
        // What has been written but may not be seen yet is waited for.
        if fetch.offset >= limit { return fetched }
        let result = try fetch.partition.readBlocking(
            from: fetch.offset, maximumBytes: fetch.size, isolation: isolation)
        fetched.pieces.reserveCapacity(result.elements.count)
        for (index, element) in result.elements.enumerated() {
            let piece = piece(
                element, of: fetch.partition, behind: fetched, memory: fetch.memory,
                overhead: result.overhead(of: index))
            fetched.pieces.append(piece)
            fetched.bytes += piece.memoryCount
            fetched.nextOffset = piece.nextOffset
            fetched.lastEpoch = piece.lastEpoch ?? fetched.lastEpoch
        }
        fetched.nextOffset = result.nextOffset
        return fetched
    }

    private func piece(
        _ element: ReadResult.Element, of partition: Partition, behind fetched: Fetched, memory: Int, overhead: Int
    ) -> ConsumedBatch {
        let topicPartition = partition.topicPartition
        switch element {
        case .gap(let gap):
            // Whoever goes on behind it has left behind everything that was written there.
            let epoch = partition.withLog { log in log.epochStarts.last { $0.startOffset < gap.nextOffset }?.epoch }
            return ConsumedBatch(topicPartition, gap, lastEpoch: epoch)
        case .batch(let batch) where batch.isControl:
            let first = max(fetched.nextOffset, batch.baseOffset)
            return ConsumedBatch(
                topicPartition, Gap(baseOffset: first, nextOffset: batch.nextOffset, cause: .control),
                lastEpoch: batch.leaderEpoch)
        case .batch(let batch):
            // Unpacked here, partitions are unpacked side by side. What does not fit is unpacked by whoever looks at it; so
            // is what cannot be unpacked, and then told.
            let mayUnpack = fetched.bytes + batch.size < memory
            return ConsumedBatch(
                topicPartition, mayUnpack ? (try? batch.unpacked()) ?? batch : batch, from: fetched.nextOffset,
                overhead: overhead)
        }
    }

    /// Checks that reading can go on where it is to; returns where else, as the configuration says. Throws `.offsetOutOfRange`
    /// and `.divergedHistory` where that says `.fail`.
    private func findPlace(_ fetch: Fetch, _ current: LeaderEpoch) throws(DaybookError) -> PositionReset? {
        let partition = fetch.partition
        if let epoch = fetch.epoch, current != fetch.checkedEpoch, epoch != current {
            let refusal = partition.withLog { log -> StorageError? in
                do throws(StorageError) {
                    try log.validate(nextOffset: fetch.offset, epoch: epoch)
                    return nil
                } catch {
                    return error
                }
            }
            if case .divergedHistory(_, _, let divergence) = refusal {
                let error = DaybookError(refusal!, partition.topicPartition)
                guard configuration.divergence == .readOn else { throw error }
                return try reset(fetch, error, to: .offset(divergence.startOffset))
            }
        }
        do throws(DaybookError) {
            try partition.requireReached(fetch.offset)
        } catch {
            return try reset(fetch, error, to: configuration.offsetReset.place)
        }
        guard configuration.offsetReset == .fail else { return nil }
        let (start, end) = partition.withLog { ($0.logStartOffset, $0.logEndOffset) }
        if fetch.offset < start {
            throw DaybookError(
                StorageError.offsetOutOfRange(fetch.offset, available: start..<end), partition.topicPartition)
        }
        return nil
    }

    /// Reading goes on at `place` instead; where there is none, that is an error.
    private func reset(
        _ fetch: Fetch, _ reason: DaybookError, to place: LogPlace?
    ) throws(DaybookError) -> PositionReset {
        guard let place else { throw reason }
        let target = try fetch.partition.offsetBlocking(of: place, isolation: configuration.isolation)
        return PositionReset(
            topicPartition: fetch.partition.topicPartition, from: fetch.offset, to: target, reason: reason)
    }

    private func deliver(_ fetch: Fetch, _ result: Result<Fetched, DaybookError>) {
        let (waiter, reset) = state.withLock { state -> (Waiting.Waiter?, PositionReset?) in
            state.reserved -= fetch.memory
            var reset: PositionReset?
            if let slot = state.slots[fetch.number], slot.generation == fetch.generation {
                slot.stage = .idle
                switch result {
                case .success(let fetched):
                    reset = fetched.reset
                    if reset != nil { state.buffered -= slot.move(to: fetched.nextOffset, epoch: nil) }
                    state.buffered += slot.accept(fetched)
                    if hasRoom(slot) { state.lineUp(slot) }
                case .failure(let error): slot.failure = error
                }
                state.show(slot)
            }
            feed(&state)
            return (state.nextReady() == nil ? nil : state.waiting.take(), reset)
        }
        waiter?.continuation.resume(returning: .ready)
        if let reset { configuration.onReset?(reset) }
    }

    /// Whether more of a partition may be read ahead.
    func hasRoom(_ slot: FetchSlot) -> Bool {
        slot.bytes == 0 || slot.bytes + readSize <= configuration.partitionReadAhead.rawValue
    }
}

extension ReadResult {
    /// What the read that brought an element takes beside its batches: counted with the last of them, with which it goes. A
    /// read of one small batch takes much more than that.
    fileprivate func overhead(of index: Int) -> Int {
        guard case .batch(let batch) = elements[index] else { return 0 }
        if index + 1 < elements.count, case .batch(let next) = elements[index + 1], next.isOfSameRead(as: batch) {
            return 0
        }
        var size = 0
        for case .batch(let other) in elements[...index] where other.isOfSameRead(as: batch) { size += other.size }
        return batch.readCount - size
    }
}
