// The fields of Kafka's messages out of arbitrary bytes, in an order that is arbitrary too: what could be read must be the
// same when it is written and read again. Called by `FuzzTarget.fields`; whole records have a target of their own.

internal import DaybookRecords

/// The target `fields`. Choice 0: the flexible form. The first 16 bytes say which fields follow one another, as far as there
/// are any; the rest is what is read.
enum FieldFuzzing {
    private enum Field: Equatable {
        case number(Int64, UInt8)
        case bool(Bool)
        case varint(UInt32)
        case string(String?)
        case bytes([UInt8]?)
        case strings([String]?)
        case nested([[Int16]])
    }

    static func run(_ input: FuzzInput) throws {
        let kinds = input.bytes.prefix(16).map { $0 % 12 }
        let isFlexible = input.chooses(0)
        let fields = try read(kinds, Array(input.bytes.dropFirst(16)), isFlexible)
        var writer = KafkaWriter(isFlexible: isFlexible)
        for field in fields { write(field, &writer) }
        let again = try read(Array(kinds.prefix(fields.count)), writer.bytes, isFlexible)
        try promise(again == fields, "fields come back changed")
        let fewer = try read(Array(kinds.prefix(fields.count)), Array(writer.bytes.dropLast()), isFlexible)
        try promise(fewer == fields.dropLast(), "a field was read of which the last byte is missing")
    }

    /// The fields before the first that is none.
    private static func read(_ kinds: [UInt8], _ bytes: [UInt8], _ isFlexible: Bool) throws -> [Field] {
        var reader = KafkaReader(bytes, isFlexible: isFlexible)
        var fields: [Field] = []
        do throws(KafkaFieldError) {
            for kind in kinds { fields.append(try read(kind, &reader)) }
            try reader.expectEnd()
        } catch {
            try promise(!error.description.isEmpty, "a refusal says nothing")
        }
        return fields
    }

    private static func read(_ kind: UInt8, _ reader: inout KafkaReader) throws(KafkaFieldError) -> Field {
        switch kind {
        case 0: return .number(Int64(try reader.int8()), kind)
        case 1: return .number(Int64(try reader.int16()), kind)
        case 2: return .number(Int64(try reader.int32()), kind)
        case 3: return .number(try reader.int64(), kind)
        case 4: return .bool(try reader.bool())
        case 5: return .varint(try reader.unsignedVarint())
        case 6: return .string(try reader.string())
        case 7: return .string(try reader.nullableString())
        case 8: return .bytes(try reader.bytes())
        case 9: return .bytes(try reader.nullableBytes())
        case 10:
            return .strings(try reader.nullableArray { reader throws(KafkaFieldError) in try reader.string() })
        default:
            let nested = try reader.array { reader throws(KafkaFieldError) in
                try reader.array { reader throws(KafkaFieldError) in try reader.int16() }
            }
            try reader.skipTags()
            return .nested(nested)
        }
    }

    private static func write(_ field: Field, _ writer: inout KafkaWriter) {
        switch field {
        case .number(let value, 0): writer.int8(Int8(value))
        case .number(let value, 1): writer.int16(Int16(value))
        case .number(let value, 2): writer.int32(Int32(value))
        case .number(let value, _): writer.int64(value)
        case .bool(let value): writer.bool(value)
        case .varint(let value): writer.unsignedVarint(value)
        case .string(let value): writer.nullableString(value)
        case .bytes(let value): writer.nullableBytes(value)
        case .strings(let values?): writer.array(values) { $0.string($1) }
        case .strings(nil): writer.nullArray()
        case .nested(let values):
            writer.array(values) { $0.array($1) { $0.int16($1) } }
            writer.tags()
        }
    }

    static func seeds() -> [[UInt8]] {
        let kinds: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 7, 9, 10, 5]
        return [false, true].flatMap { isFlexible -> [[UInt8]] in
            var writer = KafkaWriter(isFlexible: isFlexible)
            let fields: [Field] = [
                .number(-1, 0), .number(300, 1), .number(-70_000, 2), .number(.min, 3), .bool(true), .varint(.max),
                .string("é"), .string(""), .bytes([1, 2]), .bytes([]), .strings(["a", ""]),
                .nested([[1], [], [2, 3]]),
                .string(nil), .bytes(nil), .strings(nil), .varint(128),
            ]
            for field in fields { write(field, &writer) }
            let choice: UInt8 = isFlexible ? 1 : 0
            return [
                [choice] + kinds + writer.bytes, [choice] + kinds + writer.bytes.dropLast(4),
                [choice] + [UInt8](repeating: 10, count: 16) + [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            ]
        }
    }
}
