// The fields of a batch that name the producer who wrote it. They are carried and stored here as Kafka has them;
// nothing here gives out ids or compares sequences.

/// The number of a producer: Int64, −1 for none.
public struct ProducerID: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
    public static let none = ProducerID(rawValue: -1)
}

/// The producer fields of a record batch, together: id, epoch and the sequence number of the first record.
public struct ProducerIdentity: Hashable, Sendable {
    public let id: ProducerID
    /// Raised when a producer is fenced; Int16, −1 for none.
    public let epoch: Int16
    /// Sequence number of the batch's first record; Int32, −1 for none and in control batches.
    public let baseSequence: Int32

    public init(id: ProducerID, epoch: Int16, baseSequence: Int32) {
        self.id = id
        self.epoch = epoch
        self.baseSequence = baseSequence
    }

    /// A batch that no identified producer wrote.
    public static let none = ProducerIdentity(id: .none, epoch: -1, baseSequence: -1)
}
