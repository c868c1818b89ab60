// Zigzag varints: their bytes, their sizes,
// and what is refused.

import DaybookTesting
import Testing

@testable import DaybookRecords

@Suite("Varints")
struct VarintTests {
    /// Known encodings, from the Protocol Buffers documentation of zigzag and from Kafka's ByteUtilsTest.
    static let known: [(Int64, [UInt8])] = [
        (0, [0x00]), (-1, [0x01]), (1, [0x02]), (-2, [0x03]), (63, [0x7e]), (-64, [0x7f]), (64, [0x80, 0x01]),
        (-65, [0x81, 0x01]), (8191, [0xfe, 0x7f]), (-8192, [0xff, 0x7f]), (8192, [0x80, 0x80, 0x01]),
        (-8193, [0x81, 0x80, 0x01]), (1_048_575, [0xfe, 0xff, 0x7f]), (1_048_576, [0x80, 0x80, 0x80, 0x01]),
        (134_217_727, [0xfe, 0xff, 0xff, 0x7f]), (134_217_728, [0x80, 0x80, 0x80, 0x80, 0x01]),
        (Int64(Int32.max), [0xfe, 0xff, 0xff, 0xff, 0x0f]), (Int64(Int32.min), [0xff, 0xff, 0xff, 0xff, 0x0f]),
        (Int64.max, [0xfe] + [UInt8](repeating: 0xff, count: 8) + [0x01]),
        (Int64.min, [0xff] + [UInt8](repeating: 0xff, count: 8) + [0x01]),
    ]

    private func write(_ value: Int64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = Varint.write(value, to: UnsafeMutableRawPointer(start)) - UnsafeMutableRawPointer(start)
        }
    }

    /// Reads with the cursor of a record; the number of bytes left behind the value must be `rest`.
    private func varlong(_ bytes: [UInt8], rest: Int = 0) throws -> Int64 {
        try bytes.withUnsafeBytes {
            var reader = ByteReader($0)
            let value = try reader.varlong()
            #expect(reader.remaining == rest)
            return value
        }
    }

    private func varint(_ bytes: [UInt8], rest: Int = 0) throws -> Int32 {
        try bytes.withUnsafeBytes {
            var reader = ByteReader($0)
            let value = try reader.varint()
            #expect(reader.remaining == rest)
            return value
        }
    }

    @Test("known encodings", arguments: known)
    func encodings(value: Int64, bytes: [UInt8]) throws {
        #expect(write(value) == bytes)
        #expect(Varint.size(value) == bytes.count)
        #expect(KafkaBytes.varint(value) == bytes)
        #expect(try varlong(bytes) == value)
        if let small = Int32(exactly: value) { #expect(try varint(bytes) == small) }
    }

    @Test("every power of two and its neighbours, both signs")
    func boundaries() throws {
        for shift in 0..<63 {
            for distance in -2...2 {
                for sign in [Int64(1), -1] {
                    let value = ((1 << shift) + Int64(distance)) * sign
                    let bytes = write(value)
                    #expect(bytes == KafkaBytes.varint(value) && Varint.size(value) == bytes.count)
                    #expect(Varint.unzigzag(Varint.zigzag(value)) == value)
                    #expect(try varlong(bytes) == value)
                    #expect(try varlong(bytes + [0x80, 0xff], rest: 2) == value, "bytes behind it do not matter")
                    if let small = Int32(exactly: value) {
                        #expect(try varint(bytes) == small)
                        #expect(try varint(bytes + [0x80, 0xff], rest: 2) == small)
                    } else {
                        #expect(throws: ByteReader.Malformed.varintTooLong, "\(value)") { try varint(bytes) }
                    }
                    var place = 1
                    let read = ([7] + bytes).withUnsafeBytes { Varint.read($0, at: &place) }
                    #expect(read == value && place == 1 + bytes.count)
                }
            }
        }
    }

    @Test("a varint that ends early is refused", arguments: known)
    func truncated(value: Int64, bytes: [UInt8]) {
        for count in 0..<bytes.count {
            let part = Array(bytes.prefix(count))
            #expect(throws: ByteReader.Malformed.endsEarly) { try varlong(part) }
            if count < 5 { #expect(throws: ByteReader.Malformed.endsEarly) { try varint(part) } }
            var place = 0
            #expect(part.withUnsafeBytes { Varint.read($0, at: &place) } == nil && place == 0)
        }
    }

    @Test("a varint that does not end is refused")
    func tooLong() {
        for count in 5...20 {
            let endless = [UInt8](repeating: 0x80, count: count) + [0]
            #expect(throws: ByteReader.Malformed.varintTooLong) { try varint(endless) }
            if count >= 10 {
                #expect(throws: ByteReader.Malformed.varintTooLong) { try varlong(endless) }
                var place = 0
                #expect(endless.withUnsafeBytes { Varint.read($0, at: &place) } == nil)
            }
        }
    }

    @Test("more than 32 or 64 bits are refused")
    func tooManyBits() {
        for last in UInt8(0x10)...0x7f {
            #expect(throws: ByteReader.Malformed.varintTooLong) { try varint([0xff, 0xff, 0xff, 0xff, last]) }
        }
        for last in UInt8(0x02)...0x7f {
            let bytes = [UInt8](repeating: 0xff, count: 9) + [last]
            #expect(throws: ByteReader.Malformed.varintTooLong) { try varlong(bytes) }
        }
    }

    @Test("padding with zero groups is read, as Kafka reads it")
    func padded() throws {
        #expect(try varint([0x82, 0x80, 0x00]) == 1)
        #expect(try varlong([0x83, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]) == -2)
    }

    @Test("any bytes are read or refused, within their end", arguments: [0x7a71 as UInt64])
    func random(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<5000 {
            let bytes = generator.bytes(round % 12).map { round % 2 == 0 ? $0 : $0 | 0x80 }
            try bytes.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                do { _ = try round % 3 == 0 ? Int64(reader.varint()) : reader.varlong() } catch is ByteReader.Malformed
                {}
                #expect(reader.remaining >= 0 && reader.remaining <= bytes.count, "seed \(seed), round \(round)")
            }
        }
    }
}
