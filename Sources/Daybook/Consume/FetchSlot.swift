// One partition as one consumer reads it: its position, what has been read ahead of it, and what is being done about more.
// Touched only under the fetcher's lock.

internal import DaybookModel
internal import DaybookRecords

/// What a consumer knows of one partition assigned to it.
final class FetchSlot {
    /// What is being done to have more records.
    enum Stage {
        /// Nothing: enough has been read ahead, the partition is paused, or an error has to be told first.
        case idle
        /// In line for a read.
        case hungry
        /// Everything has been read; the partition will call.
        case waiting(WakeToken)
        /// A read is under way.
        case fetching
    }

    let number: Int
    let partition: Partition
    /// Raised when what is on its way must not count any more.
    private(set) var generation = 0
    /// The next offset to hand out.
    private(set) var position: Offset
    /// The incarnation that wrote the record before the position, as far as that is known.
    private(set) var epoch: LeaderEpoch?
    /// The next offset to read, and the incarnation that wrote the record before it.
    private(set) var fetchPosition: Offset
    private(set) var fetchEpoch: LeaderEpoch?
    /// The incarnation of the log in which that place has been found to be right.
    private(set) var checkedEpoch: LeaderEpoch?
    private var pieces = Line<ConsumedBatch>()
    /// Bytes of what has been read ahead.
    private(set) var bytes = 0
    var stage = Stage.idle
    var isPaused = false
    /// To be told when everything before it has been handed out.
    var failure: DaybookError?
    /// Stands in the line of those that have something to hand out.
    var isInLine = false
    /// Records of the next batch that have been handed out one by one, of which no observer has heard.
    private(set) var untoldRecordsCount = 0

    init(number: Int, _ partition: Partition, at position: Offset, epoch: LeaderEpoch?) {
        self.number = number
        self.partition = partition
        self.position = position
        self.epoch = epoch
        (fetchPosition, fetchEpoch) = (position, epoch)
    }

    var topicPartition: TopicPartition { partition.topicPartition }
    var isHungry: Bool { if case .hungry = stage { true } else { false } }
    /// Whether there is something to hand out.
    var isReady: Bool { !isPaused && (!pieces.isEmpty || failure != nil) }
    var first: ConsumedBatch? { pieces.first }

    /// Takes in what a read has brought; returns its bytes.
    func accept(_ fetched: Fetched) -> Int {
        checkedEpoch = fetched.epoch
        fetchPosition = fetched.nextOffset
        fetchEpoch = fetched.lastEpoch ?? fetchEpoch
        for piece in fetched.pieces { pieces.append(piece) }
        bytes += fetched.bytes
        return fetched.bytes
    }

    /// Hands out at most `maximum` records of the next batch, or a gap; returns the bytes that are free again. Nothing, when
    /// not even one record is wanted.
    func take(upTo maximum: Int) -> (piece: ConsumedBatch?, bytes: Int) {
        guard let piece = pieces.first else { return (nil, 0) }
        let (first, rest) = piece.split(after: maximum)
        guard let first else { return (nil, 0) }
        return (first, advance(to: first.nextOffset, rest))
    }

    /// Moves the position on within the next batch, or to its end, with so many records of it; returns the bytes that are free
    /// again.
    func advance(to offset: Offset, recordsCount: Int) -> Int {
        guard let piece = pieces.first else { return 0 }
        untoldRecordsCount += recordsCount
        return advance(to: offset, offset < piece.nextOffset ? piece.dropping(before: offset) : nil)
    }

    /// Somebody is told of them now.
    func takeUntoldRecords() -> Int {
        defer { untoldRecordsCount = 0 }
        return untoldRecordsCount
    }

    private func advance(to offset: Offset, _ rest: ConsumedBatch?) -> Int {
        guard let piece = pieces.first else { return 0 }
        position = offset
        epoch = piece.lastEpoch ?? epoch
        if let rest {
            pieces.first = rest
            return 0
        }
        _ = pieces.removeFirst()
        bytes -= piece.memoryCount
        return piece.memoryCount
    }

    /// Forgets what has been read ahead and what is on its way, and goes on at `offset`; returns the bytes that are free
    /// again.
    func move(to offset: Offset, epoch: LeaderEpoch?) -> Int {
        defer { bytes = 0 }
        generation += 1
        if case .waiting(let token) = stage { partition.forget(token) }
        stage = .idle
        pieces = Line()
        failure = nil
        if offset != position || epoch != nil { self.epoch = epoch }
        (position, fetchPosition, fetchEpoch) = (offset, offset, self.epoch)
        checkedEpoch = nil
        return bytes
    }
}
