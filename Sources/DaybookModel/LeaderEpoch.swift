// The incarnation of a log. Raised at each unclean open, stamped into every batch, so that two histories that share
// offsets can be told apart.

/// The number of a log's incarnation: Int32 from 0, raised at each unclean open before the first append.
public struct LeaderEpoch: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int32

    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let zero = LeaderEpoch(rawValue: 0)

    /// The epoch of the next incarnation. Traps after 2^31 − 1 unclean opens.
    public var next: LeaderEpoch { LeaderEpoch(rawValue: rawValue + 1) }

    public static func < (a: LeaderEpoch, b: LeaderEpoch) -> Bool { a.rawValue < b.rawValue }

    public var description: String { String(rawValue) }
}

/// Where an incarnation began to append: every record from `startOffset` up to the next epoch's start is its own.
public struct EpochStart: Hashable, Sendable {
    public let epoch: LeaderEpoch
    public let startOffset: Offset

    public init(epoch: LeaderEpoch, startOffset: Offset) {
        self.epoch = epoch
        self.startOffset = startOffset
    }
}
