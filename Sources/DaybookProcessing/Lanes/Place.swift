// Where an event stands, and which sequence it belongs to: the names that journals and lanes use.
// What is known about them is in `GroupState`.

public import DaybookModel

/// An event's place: a partition, by its number within the group, and an offset.
package struct Place: Hashable, Comparable, Sendable {
    package var partition: Int32
    package var offset: Offset

    package init(_ partition: Int32, _ offset: Offset) {
        self.partition = partition
        self.offset = offset
    }

    /// One number is enough: offsets of 2⁴⁸ and more may meet others, and are told apart all the same.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(UInt64(bitPattern: offset.rawValue) ^ UInt64(UInt32(bitPattern: partition)) << 48)
    }

    package static func < (a: Place, b: Place) -> Bool { (a.partition, a.offset) < (b.partition, b.offset) }
}

/// A sequence of events that is worked through in order: one key of one partition. A record without a key is a sequence of its
/// own.
package struct Lane: Hashable, Sendable {
    /// The bytes of the key, or the offset of a record without one.
    package enum Key: Hashable, Sendable {
        case bytes([UInt8])
        case none(Offset)
    }

    package let partition: Int32
    package let key: Key
    /// Of the key: it is looked for more often than its bytes should be gone through.
    private let keyHash: UInt64

    init(_ place: Place, key: [UInt8]?) {
        partition = place.partition
        if let key {
            self.key = .bytes(key)
            keyHash = XXH64.hash(key)
        } else {
            self.key = .none(place.offset)
            keyHash = UInt64(bitPattern: place.offset.rawValue)
        }
    }

    package static func == (a: Lane, b: Lane) -> Bool {
        a.keyHash == b.keyHash && a.partition == b.partition && a.key == b.key
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(keyHash &+ UInt64(UInt32(bitPattern: partition))) }
}

/// An event's place for whoever asks from outside.
public struct EventPlace: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let topicPartition: TopicPartition
    public let offset: Offset

    public init(_ topicPartition: TopicPartition, _ offset: Offset) {
        self.topicPartition = topicPartition
        self.offset = offset
    }

    public var description: String { "\(topicPartition) at offset \(offset)" }

    public static func < (a: EventPlace, b: EventPlace) -> Bool {
        (a.topicPartition, a.offset) < (b.topicPartition, b.offset)
    }
}
