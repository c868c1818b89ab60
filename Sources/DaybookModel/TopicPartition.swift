// The names of a log: topic name, partition number, and the folder name that follows from them (Kafka's naming).
// Every layer above names partitions with these; nothing here looks at a file system.

/// A topic name that obeys Kafka's rules: 1–249 of `[A-Za-z0-9._-]`, neither `.` nor `..`.
public struct TopicName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let description: String

    /// Why a text cannot be a topic name.
    public enum Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        case tooLong(Int)
        case reserved(String)
        case character(Character, in: String)

        public var description: String {
            switch self {
            case .empty: "A topic name may not be empty; use 1 to 249 of the characters A-Z a-z 0-9 . _ -"
            case .tooLong(let count): "A topic name may have at most 249 characters, this one has \(count)"
            case .reserved(let name): "\"\(name)\" is not a topic name: it names a folder of the file system"
            case .character(let character, let name):
                "\"\(name)\" is not a topic name: \"\(character)\" is not allowed, use A-Z a-z 0-9 . _ -"
            }
        }
    }

    public init(_ name: String) throws(Invalid) {
        guard !name.isEmpty else { throw .empty }
        guard name.utf8.count <= 249 else { throw .tooLong(name.utf8.count) }
        guard name != "." && name != ".." else { throw .reserved(name) }
        for character in name where !Self.isAllowed(character) { throw .character(character, in: name) }
        self.description = name
    }

    private static func isAllowed(_ character: Character) -> Bool {
        guard let ascii = character.asciiValue else { return false }
        switch ascii {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            return true
        default:
            return false
        }
    }

    /// The name as Kafka's metrics write it, `.` as `_`. Two topics whose names are equal here collide.
    public var collisionKey: String { String(description.map { $0 == "." ? "_" : $0 }) }

    public static func < (a: TopicName, b: TopicName) -> Bool { a.description < b.description }
}

/// One partition of one topic. Partitions are numbered from 0.
public struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let topic: TopicName
    public let partition: Int32

    public init(topic: TopicName, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// Reads a folder name such as `orders-3`; nil when it is not one.
    public init?(folderName: String) {
        guard let dash = folderName.lastIndex(of: "-"),
            let topic = try? TopicName(String(folderName[..<dash])),
            let partition = Int32(folderName[folderName.index(after: dash)...]), partition >= 0
        else { return nil }
        self.init(topic: topic, partition: partition)
        // "orders-03" and "orders-+3" parse as numbers but name no folder that Daybook makes.
        guard description == folderName else { return nil }
    }

    /// `topic-partition`, which is also the partition's folder name.
    public var description: String { "\(topic)-\(partition)" }

    public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }
}
