// Carries one group's journal and log into rows, piece by piece: each piece is a transaction that has the rows and the position
// that they reflect. Started again anywhere it goes on there; two at once do not meet, because one of them is overtaken.

internal import Daybook
internal import DaybookModel
internal import DaybookProcessing
internal import DaybookRecords

/// One group's way into a database.
struct GroupProjection {
    let daybook: Daybook
    let history: GroupHistory
    let thread: SQLThread
    /// Hears how far the journal has been folded.
    var onProgress: @Sendable (Offset) -> Void = { _ in }

    private var group: String { history.group }

    /// So many events in one transaction, about.
    private static let pieceSize = 10_000

    /// What goes into one transaction.
    private struct Piece: Sendable {
        var records: [(place: Place, row: TrackedEvent)] = []
        var steps: [GroupHistory.Step] = []
        var partitions: [TopicPartition]
        var next: [Offset]
        var journal: Offset
        /// Of those whose pages count.
        var epoch: Int64
        /// Events that the steps are about.
        var changesCount = 0

        init(after position: GroupPosition) {
            (partitions, next) = (position.fold.partitions, position.next)
            (journal, epoch) = (position.journal, position.fold.epoch)
        }

        var isFull: Bool { records.count + changesCount >= GroupProjection.pieceSize }
        var isEmpty: Bool { records.isEmpty && steps.isEmpty }
    }

    init(_ daybook: Daybook, _ history: GroupHistory, _ thread: SQLThread) {
        self.daybook = daybook
        self.history = history
        self.thread = thread
    }

    /// Folds everything that is durable now, on from `known`, or from what the database says. Returns where it ended.
    func catchUp(from known: GroupPosition?) async throws -> GroupPosition {
        var position: GroupPosition
        if let known { position = known } else { position = try await stored() }
        while true {
            do {
                guard let next = try await step(from: position) else { return position }
                position = next
                onProgress(position.journal)
            } catch is Overtaken {
                position = try await stored()
            }
        }
    }

    private func stored() async throws -> GroupPosition {
        let group = group
        return try await thread.run { try TrackingStore(session: $0).position(of: group) }
    }

    /// The next piece; nil where there is none.
    private func step(from position: GroupPosition) async throws -> GroupPosition? {
        guard case .steps(let steps, let next) = try await history.read(from: position.journal) else {
            return try await takeSnapshot(from: position)
        }
        var piece = Piece(after: position)
        for step in steps {
            name(step.page, &piece)
            for (partition, end) in ends(of: step.page, &piece) {
                while piece.next[partition] < end {
                    try await receive(partition, &piece, upTo: end)
                    if piece.isFull { return try await write(piece, after: position) }
                }
            }
            piece.steps.append(step)
            piece.journal = step.next
            if piece.isFull { return try await write(piece, after: position) }
        }
        piece.journal = next
        // Whatever the journal has not spoken of yet waits for its turn.
        if steps.isEmpty {
            for partition in piece.partitions.indices {
                while !piece.isFull, try await receive(partition, &piece, upTo: nil) {}
            }
        }
        if piece.isEmpty, piece.journal == position.journal, piece.next == position.next { return nil }
        return try await write(piece, after: position)
    }

    /// Takes note of partitions that a page names.
    private func name(_ page: JournalPage, _ piece: inout Piece) {
        let isOpening = page.entries.first == .opened
        guard isOpening ? page.epoch > piece.epoch : page.epoch == piece.epoch else { return }
        piece.epoch = page.epoch
        for case .partition(let number, let topicPartition, let from) in page.entries
        where Int(number) == piece.partitions.count {
            piece.partitions.append(topicPartition)
            piece.next.append(from)
        }
    }

    /// How far a page speaks of each partition.
    private func ends(of page: JournalPage, _ piece: inout Piece) -> [Int: Offset] {
        guard page.epoch == piece.epoch else { return [:] }
        var ends: [Int: Offset] = [:]
        for entry in page.entries {
            let (partition, end): (Int32, Offset)
            switch entry {
            case .succeeded(let number, let offsets):
                (partition, end) = (number, offsets.upperBound)
                piece.changesCount += Int(offsets.lowerBound.distance(to: end))
            case .changed(let place, _):
                (partition, end) = (place.partition, place.offset.advanced(by: 1))
                piece.changesCount += 1
            default: continue
            }
            guard piece.partitions.indices.contains(Int(partition)) else { continue }
            ends[Int(partition)] = max(ends[Int(partition)] ?? .zero, end)
        }
        return ends
    }

    /// Receives some records of a partition. Returns whether there were any; where the log has none up to `end`, whatever there
    /// was is passed over.
    @discardableResult
    private func receive(_ partition: Int, _ piece: inout Piece, upTo end: Offset?) async throws -> Bool {
        let topicPartition = piece.partitions[partition]
        let next = piece.next[partition]
        let stable: Offset
        do { stable = try await daybook.offsets(topicPartition).lastStableOffset } catch let error as DaybookError
            where error.code == .unknownTopic || error.code == .unknownPartition
        {
            stable = .zero
        }
        guard next < stable else {
            if let end { piece.next[partition] = end }
            return false
        }
        let result = try await daybook.read(topicPartition, from: next)
        for batch in result.batches {
            try batch.forEach { view in
                guard view.offset >= next else { return }
                let place = EventPlace(topicPartition, view.offset)
                let row = TrackedEvent(view.record(), group: group, at: place)
                piece.records.append((Place(Int32(partition), view.offset), row))
            }
        }
        piece.next[partition] = result.nextOffset
        return result.nextOffset > next
    }

    private func write(_ piece: Piece, after position: GroupPosition) async throws -> GroupPosition {
        let group = group
        return try await thread.run { session in
            let store = TrackingStore(session: session)
            var new = position
            try session.transaction {
                try store.claim(group, position.changeNumber)
                let rows = WorkingRows(session, group: group, piece.partitions, firstNew: position.next)
                for (place, row) in piece.records { rows.put(row, at: place) }
                for step in piece.steps {
                    try new.fold.apply(step.page, at: step.next.advanced(by: -1), rows)
                }
                try rows.write()
                new.fold.partitions = piece.partitions
                (new.journal, new.next) = (piece.journal, piece.next)
                try store.save(new, of: group)
            }
            new.changeNumber += 1
            return new
        }
    }

    // MARK: a journal that has let go of its beginning

    /// Goes on behind the snapshot with which the journal begins: what the pages before it said of events that are done is not
    /// known any more, but for what the rows know already.
    private func takeSnapshot(from position: GroupPosition) async throws -> GroupPosition? {
        guard let (snapshot, next) = try await history.snapshot() else { throw Overtaken() }
        var piece = Piece(after: position)
        for topicPartition in snapshot.partitions.dropFirst(piece.partitions.count) {
            piece.partitions.append(topicPartition)
            piece.next.append(.zero)
        }
        guard piece.partitions.starts(with: snapshot.partitions) else {
            throw SQLError(.unexpected, "The rows of the group \(group) are about another journal; build them again")
        }
        // First all records, as the snapshot knows them. When this is cut short it begins again with the rows that are not over.
        for partition in piece.partitions.indices {
            while !piece.isFull, try await receive(partition, &piece, upTo: nil) {}
        }
        let place = next.advanced(by: -1)
        for index in piece.records.indices {
            piece.records[index].row.set(snapshot, piece.records[index].place, at: place)
        }
        if piece.next != position.next { return try await write(piece, after: position) }
        return try await write(snapshot, next, after: position)
    }

    private func write(
        _ snapshot: HistorySnapshot, _ next: Offset, after position: GroupPosition
    ) async throws -> GroupPosition {
        let group = group
        return try await thread.run { session in
            let store = TrackingStore(session: session)
            var new = position
            try session.transaction {
                try store.claim(group, position.changeNumber)
                let rows = WorkingRows(session, group: group, position.fold.partitions, firstNew: position.next)
                let numbers = TrackingStore.numbers(position.fold.partitions)
                var places = Set(snapshot.open.keys)
                for row in try rows.open() {
                    if let number = numbers[row.place.topicPartition] { places.insert(Place(number, row.place.offset)) }
                }
                new.fold.holders = [:]
                for place in places {
                    var row = try rows.row(place)
                    row.set(snapshot, place, at: next.advanced(by: -1))
                    if row.holdsKey, let key = row.key {
                        new.fold.holders[LaneName(partition: place.partition, key: key)] = place.offset
                    }
                    rows.put(row, at: place)
                }
                try rows.write()
                (new.fold.epoch, new.fold.time) = (snapshot.epoch, snapshot.time)
                new.journal = next
                try store.save(new, of: group)
            }
            new.changeNumber += 1
            return new
        }
    }
}

extension TrackedEvent {
    /// Takes over what a snapshot knows of the event; what it does not know stays as it is.
    fileprivate mutating func set(_ snapshot: HistorySnapshot, _ place: Place, at position: Offset) {
        if let known = snapshot.open[place] {
            let attempted = lastAttempt
            if let change = known.change { set(change, at: snapshot.time) } else { reopen(position) }
            (attempts, lastAttempt) = (known.attempts, attempted)
            holdsKey = snapshot.holders.contains(place)
            if let note = known.note { (errorType, message) = (note.type, note.text) }
        } else if let hasSucceeded = snapshot.hasSucceeded(place) {
            (status, due, reason, behind, holdsKey) = (hasSucceeded ? .succeeded : .done, nil, nil, nil, false)
        } else {
            return
        }
        journalPosition = position
    }
}
