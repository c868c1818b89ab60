// Batches and records put together byte by byte, with any field set to anything, and a checksum made bit by bit.
// Nothing here uses the code under test, so that the two can disagree.

/// Appends fields as Kafka writes them.
struct KafkaBytes {
    private(set) var array: [UInt8] = []

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { array.append(contentsOf: $0) }
    }

    mutating func append(_ bytes: [UInt8]) { array += bytes }

    /// A zigzag varint.
    mutating func varint(_ value: Int64) { array += Self.varint(value) }

    /// A length and so many bytes; −1 for nil.
    mutating func field(_ bytes: [UInt8]?) {
        varint(Int64(bytes?.count ?? -1))
        array += bytes ?? []
    }

    static func varint(_ value: Int64) -> [UInt8] {
        // Zigzag: 0, −1, 1, −2, 2 … become 0, 1, 2, 3, 4 …
        var rest = value >= 0 ? UInt64(value) * 2 : UInt64(-(value + 1)) * 2 + 1
        var bytes: [UInt8] = []
        while rest > 127 {
            bytes.append(UInt8(rest & 127) + 128)
            rest /= 128
        }
        return bytes + [UInt8(rest)]
    }

    /// CRC-32C, bit by bit, as the textbook has it.
    static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }
}

/// A record of which every length can lie. Nil means the true one.
struct HandmadeRecord {
    var length: Int64?
    var attributes: UInt8 = 0
    var timestampDelta: Int64 = 0
    var offsetDelta: Int64 = 0
    var keyLength: Int64?
    var key: [UInt8]? = [1, 2, 3]
    var valueLength: Int64?
    var value: [UInt8]? = [4, 5, 6, 7]
    var headerCount: Int64?
    var nameLength: Int64?
    var headerValueLength: Int64?
    var headers: [(name: [UInt8], value: [UInt8]?)] = [([8, 9], [10]), ([], nil)]
    var trailing: [UInt8] = []

    var bytes: [UInt8] {
        var body = KafkaBytes()
        body.append(attributes)
        body.varint(timestampDelta)
        body.varint(offsetDelta)
        body.varint(keyLength ?? Int64(key?.count ?? -1))
        body.append(key ?? [])
        body.varint(valueLength ?? Int64(value?.count ?? -1))
        body.append(value ?? [])
        body.varint(headerCount ?? Int64(headers.count))
        for header in headers {
            body.varint(nameLength ?? Int64(header.name.count))
            body.append(header.name)
            body.varint(headerValueLength ?? Int64(header.value?.count ?? -1))
            body.append(header.value ?? [])
        }
        body.append(trailing)
        return KafkaBytes.varint(length ?? Int64(body.array.count)) + body.array
    }
}

/// A batch of which every field can lie. Nil means the true one.
struct HandmadeBatch {
    var baseOffset: Int64 = 0
    var batchLength: Int32?
    var leaderEpoch: Int32 = 0
    var magic: UInt8 = 2
    var crc: UInt32?
    var attributes: UInt16 = 0
    var lastOffsetDelta: Int32 = 0
    var baseTimestamp: Int64 = 1_700_000_000_000
    var maxTimestamp: Int64 = 1_700_000_000_000
    var producerId: Int64 = -1
    var producerEpoch: Int16 = -1
    var baseSequence: Int32 = -1
    var recordsCount: Int32 = 1
    var records: [UInt8] = HandmadeRecord().bytes

    init() {}

    /// A batch of these records, whose header is right.
    init(_ records: [HandmadeRecord]) {
        self.records = records.flatMap(\.bytes)
        recordsCount = Int32(records.count)
        lastOffsetDelta = recordsCount - 1
    }

    /// What the checksum covers.
    private var covered: [UInt8] {
        var bytes = KafkaBytes()
        bytes.append(attributes)
        bytes.append(lastOffsetDelta)
        bytes.append(baseTimestamp)
        bytes.append(maxTimestamp)
        bytes.append(producerId)
        bytes.append(producerEpoch)
        bytes.append(baseSequence)
        bytes.append(recordsCount)
        bytes.append(records)
        return bytes.array
    }

    var bytes: [UInt8] {
        let covered = covered
        var bytes = KafkaBytes()
        bytes.append(baseOffset)
        bytes.append(batchLength ?? Int32(4 + 1 + 4 + covered.count))
        bytes.append(leaderEpoch)
        bytes.append(magic)
        bytes.append(crc ?? KafkaBytes.crc32c(covered))
        bytes.append(covered)
        return bytes.array
    }
}
