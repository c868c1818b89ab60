// What each entry of a journal does to the rows of events: the transitions of `GroupState`, as far as rows show them. Works on
// rows at hand; where they come from and go to is `TrackingStore`'s business.

internal import DaybookModel
internal import DaybookProcessing

/// The rows that a fold has at hand, and how it gets at others.
protocol RowSource {
    /// The row of an event; a bare one where the log has had no record for it.
    func row(_ place: Place) throws -> TrackedEvent
    /// Puts a changed row back.
    func put(_ row: TrackedEvent, at place: Place) throws
    /// The rows that are parked in the lane of that row, in no particular order.
    func parked(in lane: LaneName) throws -> [(Place, TrackedEvent)]
}

/// A lane by the text of its key.
struct LaneName: Hashable, Sendable {
    let partition: Int32
    let key: String
}

/// Folds pages into rows.
struct RowFold: Sendable {
    /// The number of the process that has the group; entries of earlier ones do not count.
    var epoch: Int64 = 0
    /// When the journal was last written to.
    var time: Timestamp?
    var routes: [RouteName] = []
    /// By number.
    var partitions: [TopicPartition] = []
    /// The dead event of each lane that holds it.
    var holders: [LaneName: Offset] = [:]

    /// Applies what a page says that stands at `position`.
    mutating func apply(_ page: JournalPage, at position: Offset, _ rows: some RowSource) throws {
        let isOpening = page.entries.first == .opened
        guard isOpening ? page.epoch > epoch : page.epoch == epoch else { return }
        epoch = page.epoch
        time = max(time ?? page.time, page.time)
        for entry in page.entries {
            switch entry {
            case .partition(let number, let topicPartition, _):
                if Int(number) == partitions.count { partitions.append(topicPartition) }
            case .routes(let routes): self.routes = routes
            case .succeeded(let partition, let offsets):
                for number in offsets.lowerBound.rawValue..<offsets.upperBound.rawValue {
                    let place = Place(partition, Offset(number))
                    try apply(
                        .succeeded(attempts: 1, reference: nil, isAdopted: false), to: place, page.time, position, rows)
                }
            case .changed(let place, let change): try apply(change, to: place, page.time, position, rows)
            case .redriven(_, _, _, let places):
                for place in places { try redrive(place, position, rows) }
            case .hastened(let place, _, _): try hasten(place, page.time, position, rows)
            case .opened, .closed, .lane, .stopped, .resumed, .byHand: break
            }
        }
    }

    // MARK: one event

    private mutating func apply(
        _ change: EventChange, to place: Place, _ time: Timestamp, _ position: Offset, _ rows: some RowSource
    ) throws {
        var row = try rows.row(place)
        let lane = lane(place, row)
        // The one it was to wait behind has been redriven or skipped meanwhile.
        if case .parked = change, let lane, holders[lane] == nil { return }
        row.set(change, at: time)
        if change != .skipped(.filtered), let type = row.type {
            row.downstream = routes.first { $0.matches(type) }?.downstream ?? row.downstream
        }
        row.journalPosition = position
        if case .dead(_, _, _, holdsKey: true) = change, let lane, holders[lane] == nil {
            holders[lane] = place.offset
            row.holdsKey = true
        }
        try rows.put(row, at: place)
        switch change {
        case .skipped(.decided), .skipped(.replaced): try letGo(place, lane, position, rows)
        default: break
        }
    }

    /// What the event waits for is due now, unless it has gone on meanwhile.
    private mutating func hasten(
        _ place: Place, _ time: Timestamp, _ position: Offset, _ rows: some RowSource
    ) throws {
        var row = try rows.row(place)
        guard row.status == .retrying || row.status == .unknown else { return }
        (row.due, row.journalPosition) = (time, position)
        try rows.put(row, at: place)
    }

    /// A dead event and what is parked behind it take their turns again.
    private mutating func redrive(_ place: Place, _ position: Offset, _ rows: some RowSource) throws {
        var row = try rows.row(place)
        // Once for each decision: the second one of the same name finds nothing dead.
        guard row.status == .dead else { return }
        let lane = lane(place, row)
        row.reopen(position)
        try rows.put(row, at: place)
        try letGo(place, lane, position, rows)
    }

    private mutating func letGo(
        _ place: Place, _ lane: LaneName?, _ position: Offset, _ rows: some RowSource
    ) throws {
        guard let lane, holders[lane] == place.offset else { return }
        holders[lane] = nil
        for (place, parked) in try rows.parked(in: lane) {
            var row = parked
            row.reopen(position)
            try rows.put(row, at: place)
        }
    }

    /// Nil for a record without a key, which is a lane of its own, and for one that nobody has seen.
    private func lane(_ place: Place, _ row: TrackedEvent) -> LaneName? {
        row.key.map { LaneName(partition: place.partition, key: $0) }
    }
}

extension TrackedEvent {
    /// Takes the change over. The downstream, the lane and the position are the fold's business.
    mutating func set(_ change: EventChange, at time: Timestamp) {
        (due, reason, behind, holdsKey) = (nil, nil, nil, false)
        switch change {
        case .waiting(let deadline): (status, due) = (.waiting, deadline)
        case .attempting: (status, lastAttempt) = (.attempting, time)
        case .doubted(let note): failed(.unknown, attempts, time, note, time)
        case .retrying(let attempts, let due, _, let note): failed(.retrying, attempts, due, note, time)
        case .unknown(let attempts, let due, _, let note): failed(.unknown, attempts, due, note, time)
        case .succeeded(let attempts, let reference, let isAdopted):
            (status, lastAttempt, self.attempts) = (.succeeded, time, attempts)
            self.reference = reference
            if isAdopted { reason = "adopted" }
        case .skipped(let why):
            (status, lastAttempt) = (.skipped, time)
            skip(why)
        case .dead(let why, let attempts, let note, _):
            failed(.dead, attempts, nil, note, time)
            reason = why.word
        case .parked(let blocker): (status, behind) = (.parked, blocker)
        }
    }

    private mutating func failed(
        _ status: TrackedStatus, _ attempts: Int, _ due: Timestamp?, _ note: FailureNote?, _ time: Timestamp
    ) {
        (self.status, self.attempts, self.due, lastAttempt) = (status, attempts, due, time)
        guard let note else { return }
        (errorType, message) = (note.type, note.text)
    }

    private mutating func skip(_ why: SkipReason) {
        switch why {
        case .filtered: reason = "filtered"
        case .stale: reason = "stale"
        case .duplicate(let offset, _):
            reason = "duplicate"
            message = "its effect was had by the event at offset \(offset)"
        case .decided(let by, let note):
            reason = "operator"
            message = FailureNote(type: "", text: "\(by): \(note)").text
        case .replaced(let offset, let by, let note):
            reason = "replaced"
            message = FailureNote(type: "", text: "by the event at offset \(offset); \(by): \(note)").text
        }
    }

    /// As if it had come anew, but for what is known of its last failure.
    mutating func reopen(_ position: Offset) {
        (status, attempts, due, reason, behind, holdsKey) = (.queued, 0, nil, nil, nil, false)
        journalPosition = position
    }
}
