// What a partition remembers of all its producers at one place in the log, and the rules by which it takes their batches:
// those of Kafka's `ProducerStateManager` and `ProducerAppendInfo`. A value: derived from batches, at append and at
// recovery alike, and written down in sidecars and checkpoints.

package import DaybookModel
package import DaybookRecords

/// How many producers are remembered, and for how long.
package struct ProducerLimits: Hashable, Sendable {
    /// The most producers of a partition. Beyond it those go that have been silent longest; one whose transaction is open
    /// never goes.
    package var maximum: Int
    /// Milliseconds of silence after which a producer may be forgotten: Kafka's `producer.id.expiration.ms`.
    package var expiration: Int64
    /// So many are kept however long they have been silent: they cost next to nothing.
    package var floor: Int

    package init(maximum: Int = 10_000, expiration: Int64 = 7 * 24 * 3_600_000, floor: Int = 1000) {
        self.maximum = maximum
        self.expiration = expiration
        self.floor = floor
    }
}

/// The states of a partition's producers.
package struct ProducerStateTable: Sendable {
    private var states: [ProducerState] = []
    private var places: [ProducerID: Int] = [:]
    /// The place of the producer that was asked for last: most batches come from the one that wrote the batch before.
    private var recent = 0
    /// In the order of first offsets.
    private var open: [Beginning] = []
    /// With so many producers it is time to look for some that may go.
    private var sweepCount = 0

    private struct Beginning: Hashable, Sendable {
        let offset: Offset
        let producer: ProducerID
    }

    package init() {}

    /// A table of these states, which are of different producers.
    package init(_ states: [ProducerState]) {
        self.states = states
        for (place, state) in states.enumerated() {
            places[state.id] = place
            if let start = state.transactionStart { open.append(Beginning(offset: start, producer: state.id)) }
        }
        open.sort { $0.offset < $1.offset }
    }

    package var count: Int { states.count }
    package var isEmpty: Bool { states.isEmpty }
    /// All states, in the order of producer ids. O(producers × log producers).
    package var sorted: [ProducerState] { states.sorted { $0.id.rawValue < $1.id.rawValue } }
    /// The highest producer id of all; nil when there is none. O(producers).
    package var highestProducer: ProducerID? { states.max { $0.id.rawValue < $1.id.rawValue }?.id }
    /// The first offset of the oldest open transaction; nil when none is open. O(1).
    package var firstOpenOffset: Offset? { open.first?.offset }
    /// Open transactions in the order of their first offsets.
    package var openTransactions: [OpenTransaction] {
        open.compactMap { beginning in
            self[beginning.producer].map {
                OpenTransaction(
                    producer: $0.id, epoch: $0.epoch, firstOffset: beginning.offset, lastTime: $0.lastTime)
            }
        }
    }

    package subscript(producer: ProducerID) -> ProducerState? { places[producer].map { states[$0] } }

    // MARK: batches

    /// Whether a data batch of an identified producer may be appended: nil when it may; the original when it repeats one of
    /// the producer's last five.
    ///
    /// Throws `.producerFenced` for a lower epoch than the last one, `.duplicateSequence` for a repetition that is too old
    /// to be answered, `.outOfOrderSequence` for every other sequence number that does not follow the last one, and
    /// `.transactionOpen` for a batch outside of the transaction that is open. Of a producer that is not known (any more)
    /// every batch is taken. O(1).
    package mutating func check(_ header: BatchHeader) throws(StorageError) -> ProducedBatch? {
        let producer = header.producer
        guard producer.baseSequence >= 0, producer.epoch >= 0 else {
            throw .invalidBatch(.sequenceMissing(producer.id))
        }
        guard let place = find(producer.id) else { return nil }
        let epoch = states[place].epoch
        guard producer.epoch >= epoch else {
            throw .producerFenced(producer.id, epoch: producer.epoch, current: epoch)
        }
        let expected: Int32
        if producer.epoch == epoch, let last = states[place].batches.last {
            expected = SequenceNumber.advance(last.lastSequence, by: 1)
        } else {
            expected = 0
        }
        if producer.baseSequence != expected {
            guard producer.epoch == epoch else {
                throw .outOfOrderSequence(producer.id, expected: expected, found: producer.baseSequence)
            }
            return try original(of: header, states[place].batches, expected)
        }
        guard header.isTransactional || states[place].transactionStart == nil else {
            throw .transactionOpen(producer.id)
        }
        return nil
    }

    private func original(
        of header: BatchHeader, _ batches: RecentBatches, _ expected: Int32
    ) throws(StorageError) -> ProducedBatch? {
        let (id, base) = (header.producer.id, header.producer.baseSequence)
        for index in batches.indices
        where batches[index].baseSequence == base && batches[index].lastDelta == header.lastOffsetDelta {
            return batches[index]
        }
        if batches.count > 0, SequenceNumber.isPast(base, lastDelta: header.lastOffsetDelta, before: expected) {
            throw .duplicateSequence(id, expected: expected, found: base)
        }
        throw .outOfOrderSequence(id, expected: expected, found: base)
    }

    /// Takes note of a data batch that has been appended, whatever `check` would have said. O(1), but for a look at all
    /// producers now and then when new ones keep coming.
    package mutating func note(_ header: BatchHeader, appendTime: Timestamp, _ limits: ProducerLimits) {
        let place = findOrInsert(header.producer, appendTime, limits)
        states[place].batches.append(
            ProducedBatch(
                baseSequence: header.producer.baseSequence, lastDelta: header.lastOffsetDelta,
                baseOffset: header.baseOffset, appendTime: appendTime))
        if header.isTransactional, states[place].transactionStart == nil {
            states[place].transactionStart = header.baseOffset
            open.append(Beginning(offset: header.baseOffset, producer: header.producer.id))
        }
    }

    /// Takes note of a marker at `offset`; returns the transaction that it ends. O(open transactions).
    package mutating func end(
        _ producer: ProducerID, epoch: Int16, _ marker: ControlRecord, at offset: Offset, appendTime: Timestamp,
        _ limits: ProducerLimits
    ) -> EndedTransaction? {
        let identity = ProducerIdentity(id: producer, epoch: epoch, baseSequence: -1)
        let place = findOrInsert(identity, appendTime, limits)
        states[place].coordinatorEpoch = max(-1, marker.coordinatorEpoch)
        guard let start = states[place].transactionStart else { return nil }
        states[place].transactionStart = nil
        open.removeAll { $0.producer == producer }
        return EndedTransaction(producer: producer, kind: marker.kind, firstOffset: start, markerOffset: offset)
    }

    /// Takes note of a batch found in a log, of whatever kind; returns the transaction that it ends. Batches without a
    /// producer and control batches of other kinds are nothing to it. `bytes` is exactly the batch.
    package mutating func absorb(
        _ bytes: UnsafeRawBufferPointer, _ header: BatchHeader, appendTime: Timestamp, _ limits: ProducerLimits
    ) -> EndedTransaction? {
        guard header.producer.id.rawValue >= 0, header.producer.epoch >= 0 else { return nil }
        guard header.isControl else {
            if header.producer.baseSequence >= 0 { note(header, appendTime: appendTime, limits) }
            return nil
        }
        guard let marker = ControlRecord(in: bytes, header) else { return nil }
        return end(
            header.producer.id, epoch: header.producer.epoch, marker, at: header.baseOffset, appendTime: appendTime,
            limits)
    }

    // MARK: places

    private mutating func find(_ producer: ProducerID) -> Int? {
        if recent < states.count, states[recent].id == producer { return recent }
        guard let place = places[producer] else { return nil }
        recent = place
        return place
    }

    /// The place of a producer that has just been heard of. A change of epoch makes its earlier batches unknown.
    private mutating func findOrInsert(
        _ producer: ProducerIdentity, _ time: Timestamp, _ limits: ProducerLimits
    ) -> Int {
        if let place = find(producer.id) {
            if states[place].epoch != producer.epoch {
                states[place].epoch = producer.epoch
                states[place].batches.removeAll()
            }
            states[place].lastTime = time
            return place
        }
        if states.count >= max(sweepCount, min(limits.floor, limits.maximum)) { sweep(time, limits) }
        recent = states.count
        places[producer.id] = recent
        states.append(ProducerState(id: producer.id, epoch: producer.epoch, lastTime: time))
        return recent
    }

    /// Forgets producers until there is room for one more.
    private mutating func sweep(_ now: Timestamp, _ limits: ProducerLimits) {
        let before = states.count
        let oldest = states.indices.filter { states[$0].transactionStart == nil }
            .sorted { (states[$0].lastTime, states[$0].id.rawValue) < (states[$1].lastTime, states[$1].id.rawValue) }
        // The surplus goes with an eighth more, so that this is not done at once again.
        let surplus = before < limits.maximum ? 0 : before - limits.maximum + 1 + limits.maximum / 8
        var gone: Set<Int> = []
        for place in oldest {
            let silence = states[place].lastTime.milliseconds(until: now)
            let mayGo = before - gone.count >= limits.floor && silence > limits.expiration
            guard mayGo || gone.count < surplus else { break }
            gone.insert(place)
        }
        if !gone.isEmpty {
            states = states.indices.filter { !gone.contains($0) }.map { states[$0] }
            places = [:]
            for (place, state) in states.enumerated() { places[state.id] = place }
            recent = 0
        }
        sweepCount = min(states.count + max(1, states.count / 8), max(states.count + 1, limits.maximum))
    }
}

extension ProducerStateTable: Hashable {
    /// Of the same producers in the same states, in whatever order they came.
    package static func == (a: ProducerStateTable, b: ProducerStateTable) -> Bool {
        a.count == b.count && a.states.allSatisfy { b[$0.id] == $0 }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for state in sorted { hasher.combine(state) }
    }
}
