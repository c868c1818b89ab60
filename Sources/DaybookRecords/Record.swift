// A record that owns its bytes: what a producer gives, and what a consumer gets when it asks for a copy.
// Reading without copies goes through `RecordView`.

public import DaybookModel

/// A key, a value, headers and a timestamp, owned.
public struct Record: Hashable, Sendable {
    /// Chooses the partition and names the business object; nil for none.
    public var key: [UInt8]?
    /// The payload; nil is a tombstone.
    public var value: [UInt8]?
    public var headers: [RecordHeader]
    /// The time of the event, as the producer sees it; nil lets the producer's clock say it.
    public var timestamp: Timestamp?

    public init(
        key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader] = [], timestamp: Timestamp? = nil
    ) {
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }

    public init(
        key: String?, value: String?, headers: [RecordHeader] = [], timestamp: Timestamp? = nil
    ) {
        self.init(
            key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) }, headers: headers, timestamp: timestamp
        )
    }
}

/// A named value beside a record's payload. Names may repeat; their order is kept.
public struct RecordHeader: Hashable, Sendable {
    public var name: String
    public var value: [UInt8]?

    public init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    public init(_ name: String, _ value: String) { self.init(name, Array(value.utf8)) }
}
