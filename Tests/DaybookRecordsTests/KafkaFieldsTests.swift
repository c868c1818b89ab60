// Kafka's fields in both forms: against bytes written by hand from the protocol's description, against the encoders of
// kafka-python, and with whatever bytes chance brings.

import DaybookRecords
import DaybookTesting
import Testing

@Suite("Kafka's fields")
struct KafkaFieldsTests {
    /// One of each field, as a message would write them.
    private func message(isFlexible: Bool) -> [UInt8] {
        var writer = KafkaWriter(isFlexible: isFlexible)
        writer.int8(-2)
        writer.int16(0x0102)
        writer.int32(-3)
        writer.int64(0x0102_0304_0506_0708)
        writer.bool(true)
        writer.string("aß")
        writer.nullableString(nil)
        writer.bytes([9, 8])
        writer.nullableBytes(nil)
        writer.array([7, 6]) { $0.int32($1) }
        writer.nullArray()
        writer.tags(isFlexible ? [(tag: 0, bytes: [5]), (tag: 300, bytes: [])] : [])
        return writer.bytes
    }

    private static let integers: [UInt8] = [
        0xfe, 0x01, 0x02, 0xff, 0xff, 0xff, 0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 1,
    ]

    @Test func `the classic form has lengths of fixed size and minus one for null`() {
        let rest: [UInt8] = [
            0, 3, 0x61, 0xc3, 0x9f,  // string: int16 length
            0xff, 0xff,  // null string
            0, 0, 0, 2, 9, 8,  // bytes: int32 length
            0xff, 0xff, 0xff, 0xff,  // null bytes
            0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 6,  // array: int32 count
            0xff, 0xff, 0xff, 0xff,  // null array
        ]
        #expect(message(isFlexible: false) == Self.integers + rest)
    }

    @Test func `the flexible form has varints of one more than the length, zero for null, and tagged fields`() {
        let rest: [UInt8] = [
            4, 0x61, 0xc3, 0x9f,  // string
            0,  // null string
            3, 9, 8,  // bytes
            0,  // null bytes
            3, 0, 0, 0, 7, 0, 0, 0, 6,  // array
            0,  // null array
            2, 0, 1, 5, 0xac, 0x02, 0,  // two tagged fields: 0 with one byte, 300 with none
        ]
        #expect(message(isFlexible: true) == Self.integers + rest)
    }

    @Test(arguments: [false, true])
    func `what is written is read`(isFlexible: Bool) throws {
        var reader = KafkaReader(message(isFlexible: isFlexible), isFlexible: isFlexible)
        #expect(try reader.int8() == -2)
        #expect(try reader.int16() == 0x0102)
        #expect(try reader.int32() == -3)
        #expect(try reader.int64() == 0x0102_0304_0506_0708)
        #expect(try reader.bool())
        #expect(try reader.string() == "aß")
        #expect(try reader.nullableString() == nil)
        #expect(try reader.bytes() == [9, 8])
        #expect(try reader.nullableBytes() == nil)
        #expect(try reader.array { (reader) throws(KafkaFieldError) in try reader.int32() } == [7, 6])
        #expect(try reader.nullableArray { (reader) throws(KafkaFieldError) in try reader.int32() } == nil)
        var tags: [UInt32: Int] = [:]
        try reader.tags { (tag, field) throws(KafkaFieldError) in tags[tag] = field.remaining }
        #expect(tags == (isFlexible ? [0: 1, 300: 0] : [:]))
        try reader.expectEnd()
    }

    @Test(arguments: [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff, 0x1000_0000, UInt32.max])
    func `a varint takes as many bytes as it needs`(value: UInt32) throws {
        var writer = KafkaWriter()
        writer.unsignedVarint(value)
        #expect(writer.bytes.count == max(1, (UInt32.bitWidth - value.leadingZeroBitCount + 6) / 7))
        var reader = KafkaReader(writer.bytes)
        #expect(try reader.unsignedVarint() == value)
        #expect(reader.remaining == 0)
    }

    @Test func `a varint of more than 32 bits is refused`() {
        for bytes in [[0xff, 0xff, 0xff, 0xff, 0x10], [0x80, 0x80, 0x80, 0x80, 0x80, 0]] as [[UInt8]] {
            var reader = KafkaReader(bytes)
            #expect(throws: KafkaFieldError.varintTooLong) { try reader.unsignedVarint() }
        }
    }

    @Test func `lengths that lie are refused before anything is allocated for them`() {
        var string = KafkaReader([0x7f, 0xff, 1])
        #expect(throws: KafkaFieldError.endsEarly(needed: 32767, available: 1)) { try string.string() }
        var negative = KafkaReader([0xff, 0xfe])
        #expect(throws: KafkaFieldError.lengthOutOfBounds(-2)) { try negative.nullableString() }
        var bytes = KafkaReader([0x7f, 0xff, 0xff, 0xff, 1])
        #expect(throws: KafkaFieldError.endsEarly(needed: Int(Int32.max), available: 1)) { try bytes.bytes() }
        var array = KafkaReader([0xff, 0xff, 0xff, 0xff, 0x0f, 1], isFlexible: true)
        #expect(throws: KafkaFieldError.endsEarly(needed: Int(UInt32.max) - 1, available: 1)) {
            try array.array { (reader) throws(KafkaFieldError) in try reader.int8() }
        }
        var tag = KafkaReader([1, 0, 5, 1], isFlexible: true)
        #expect(throws: KafkaFieldError.endsEarly(needed: 5, available: 1)) { try tag.skipTags() }
        var tags = KafkaReader([0xff, 0xff, 0xff, 0xff, 0x0f], isFlexible: true)
        #expect(throws: KafkaFieldError.endsEarly(needed: 1, available: 0)) { try tags.skipTags() }
    }

    @Test func `null where a value must be, bytes that are no text, and bytes that are left are errors`() {
        var null = KafkaReader([0xff, 0xff])
        #expect(throws: KafkaFieldError.unexpectedNull) { try null.string() }
        var nullBytes = KafkaReader([0], isFlexible: true)
        #expect(throws: KafkaFieldError.unexpectedNull) { try nullBytes.bytes() }
        var text = KafkaReader([0, 1, 0xff])
        #expect(throws: KafkaFieldError.invalidUTF8) { try text.string() }
        #expect(throws: KafkaFieldError.trailingBytes(1)) { try KafkaReader([0]).expectEnd() }
    }

    @Test func `a tagged field that reads beyond its own bytes fails, though others follow`() {
        var reader = KafkaReader([1, 0, 1, 5, 9, 9, 9, 9, 9, 9, 9, 9], isFlexible: true)
        #expect(throws: KafkaFieldError.endsEarly(needed: 8, available: 1)) {
            try reader.tags { (_, field) throws(KafkaFieldError) in _ = try field.int64() }
        }
    }

    @Test func `a string that could not be written again is not read`() throws {
        var writer = KafkaWriter(isFlexible: true)
        writer.string(String(repeating: "x", count: KafkaWriter.longestString))
        var longest = KafkaReader(writer.bytes, isFlexible: true)
        #expect(try longest.string().utf8.count == KafkaWriter.longestString)
        var tooLong = KafkaReader([0x81, 0x80, 0x02] + [UInt8](repeating: 0x78, count: 0x8000), isFlexible: true)
        #expect(throws: KafkaFieldError.lengthOutOfBounds(0x8000)) { try tooLong.string() }
    }

    @Test func `every beginning of a message ends early and traps nowhere`() {
        for isFlexible in [false, true] {
            let whole = message(isFlexible: isFlexible)
            for count in 0..<whole.count {
                #expect(throws: KafkaFieldError.self) {
                    try Self.readAll(KafkaReader(Array(whole.prefix(count)), isFlexible: isFlexible))
                }
            }
        }
    }

    @Test func `any bytes are read or refused`() {
        var generator = SeededGenerator(seed: 0x6b61)
        var accepted = 0
        for round in 0..<20_000 {
            var bytes = message(isFlexible: round % 2 == 1)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            do {
                try Self.readAll(KafkaReader(bytes, isFlexible: round % 2 == 1))
                accepted += 1
            } catch {}
        }
        #expect((1..<20_000).contains(accepted), "some damage changes only a value, some is found")
    }

    private static func readAll(_ reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        _ = try (reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.bool())
        _ = try (reader.string(), reader.nullableString(), reader.bytes(), reader.nullableBytes())
        _ = try reader.array { (reader) throws(KafkaFieldError) in try reader.int32() }
        _ = try reader.nullableArray { (reader) throws(KafkaFieldError) in try reader.int32() }
        try reader.skipTags()
        try reader.expectEnd()
    }
}
