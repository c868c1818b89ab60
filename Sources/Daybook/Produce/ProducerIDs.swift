// Gives producers their numbers, each only once in the life of a data directory. They are reserved on disk by the thousand
// before the first of them is given away: the file `state`, which opening writes anyway, says how far. Sequences and epochs are
// the producers' own business.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization

/// The counter of producer ids. Thread-safe.
///
/// What was reserved and not given away when a process was killed is skipped. A directory that has lost its `state` goes on
/// above every id that a partition remembers: an id that none of them knows has no records with which new ones could be mixed
/// up.
final class ProducerIDs: Sendable {
    /// Ids that are reserved with one write.
    static let blockSize: Int64 = 1000

    private let reserve: @Sendable (_ end: ProducerID) throws(FileError) -> Void
    private let available: Mutex<Range<Int64>>

    /// Begins with `next`. Ids below `end` are reserved; `reserve` reserves more, durably, and may block.
    init(
        from next: ProducerID, reservedTo end: ProducerID,
        reserve: @escaping @Sendable (_ end: ProducerID) throws(FileError) -> Void
    ) {
        self.reserve = reserve
        available = Mutex(next.rawValue..<end.rawValue)
    }

    /// How far a directory that goes on with `next` reserves at its opening.
    static func end(ofBlockFrom next: ProducerID) -> ProducerID { ProducerID(rawValue: next.rawValue + blockSize) }

    /// The first id that has not been given away.
    var next: ProducerID { ProducerID(rawValue: available.withLock { $0.lowerBound }) }

    /// An id that nobody has been given before; nil when more have to be reserved first. O(1).
    func takeReserved() -> ProducerID? {
        available.withLock { available in
            guard let first = available.first else { return nil }
            available = first + 1..<available.upperBound
            return ProducerID(rawValue: first)
        }
    }

    /// An id that nobody has been given before. Blocks where more have to be reserved. One caller at a time.
    ///
    /// Throws `.diskFull` or `.inputOutput` when that was refused; nothing has been given away then.
    func take() throws(DaybookError) -> ProducerID {
        if let id = takeReserved() { return id }
        let first = available.withLock { $0.upperBound }
        precondition(first < 1 << 62, "nobody gets through so many producer ids")
        let end = first + Self.blockSize
        do throws(FileError) { try reserve(ProducerID(rawValue: end)) } catch { throw DaybookError(error) }
        available.withLock { $0 = first + 1..<end }
        return ProducerID(rawValue: first)
    }
}
