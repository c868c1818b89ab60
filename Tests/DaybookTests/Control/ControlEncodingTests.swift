// Values and frames of the control socket: one form each, bounds, and sentences about what is none.

import Daybook
import DaybookTesting
import Testing

@Suite struct ControlEncodingTests {
    private static let values: [ControlValue] = [
        nil, true, false, 0, -1, .integer(.max), .integer(.min), .number(0.1), .number(-.infinity), "", "Grüße 👋\u{0}",
        [], [1, "a", nil, [true]], [:], ["b": 1, "a": ["c": [nil]], "": "empty name", "é": 2],
    ]

    @Test(arguments: values)
    func `A value comes back as it was`(value: ControlValue) throws {
        var bytes: [UInt8] = []
        ControlEncoding.append(value, to: &bytes)
        #expect(try ControlEncoding.decode(bytes[...]) == value)
        for count in bytes.indices {
            #expect(throws: ControlMalformed.self) { try ControlEncoding.decode(bytes[..<count]) }
        }
        #expect(throws: ControlMalformed.trailingBytes) { try ControlEncoding.decode((bytes + [0])[...]) }
    }

    @Test func `The bytes are those that the table says`() {
        let value: ControlValue = ["b": [nil, true], "a": 258]
        var bytes: [UInt8] = []
        ControlEncoding.append(value, to: &bytes)
        let names: ([UInt8], [UInt8]) = ([0, 0, 0, 1, 97], [0, 0, 0, 1, 98])
        #expect(bytes == [7, 0, 0, 0, 2] + names.0 + [3, 0, 0, 0, 0, 0, 0, 1, 2] + names.1 + [6, 0, 0, 0, 2, 0, 2])
    }

    @Test(arguments: [
        ([8], ControlMalformed.unknownKind(8)), ([5, 0, 0, 0, 1, 0xFF], .notUTF8),
        ([7, 0, 0, 0, 2, 0, 0, 0, 1, 98, 0, 0, 0, 0, 1, 97, 0], .unorderedNames),
        ([7, 0, 0, 0, 2, 0, 0, 0, 1, 98, 0, 0, 0, 0, 1, 98, 0], .unorderedNames),
        // Two ways to write the same text.
        ([7, 0, 0, 0, 2, 0, 0, 0, 3, 0x65, 0xCC, 0x81, 0, 0, 0, 0, 2, 0xC3, 0xA9, 0], .unorderedNames),
        // Counts that the bytes do not bear out: nothing is made room for.
        ([6, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0], .endsEarly), ([5, 0xFF, 0xFF, 0xFF, 0xFF], .endsEarly),
        ([7, 0x7F, 0xFF, 0xFF, 0xFF], .endsEarly), ([], .endsEarly), ([3, 1, 2], .endsEarly),
    ])
    func `What is no value is told`(bytes: [UInt8], error: ControlMalformed) {
        #expect(throws: error) { try ControlEncoding.decode(bytes[...]) }
        #expect(!error.description.isEmpty)
    }

    @Test func `Values are nested as deep as is allowed, and not deeper`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            (0..<depth).reduce([0]) { bytes, _ in [6, 0, 0, 0, 1] + bytes }
        }
        #expect(throws: Never.self) { try ControlEncoding.decode(nested(ControlEncoding.depthLimit - 1)[...]) }
        #expect(throws: ControlMalformed.tooDeep) {
            try ControlEncoding.decode(nested(ControlEncoding.depthLimit)[...])
        }
        #expect(throws: ControlMalformed.tooDeep) { try ControlEncoding.decode(nested(100_000)[...]) }
    }

    // MARK: frames

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `Frames come together from pieces of any size`(size: Int) throws {
        let frames = [ControlFrame(.hello, ["a": 1]), ControlFrame(.request, nil), ControlFrame(.failure, "no")]
        let bytes = frames.flatMap { $0.encoded(limit: 1000) ?? [] }
        var decoder = ControlFrameDecoder(limit: 1000)
        var found: [ControlFrame] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { decoder.append($0) }
            while let frame = try decoder.next() { found.append(frame) }
        }
        #expect(found == frames)
        #expect(!decoder.hasPart)
    }

    @Test func `A frame that is too large is refused at its length`() throws {
        var decoder = ControlFrameDecoder(limit: 100)
        ([0, 0, 0, 101] as [UInt8]).withUnsafeBytes { decoder.append($0) }
        #expect(throws: ControlMalformed.tooLarge(101, limit: 100)) { try decoder.next() }
        #expect(ControlFrame(.answer, .string(String(repeating: "x", count: 95))).encoded(limit: 100) == nil)
        #expect(ControlFrame(.answer, .string(String(repeating: "x", count: 94))).encoded(limit: 100)?.count == 104)
    }

    @Test(arguments: [
        ([0, 0, 0, 0] as [UInt8], ControlMalformed.emptyFrame), ([0, 0, 0, 1, 99], .unknownFrame(99)),
        ([0, 0, 0, 1, 1], .endsEarly), ([0, 0, 0, 3, 1, 0, 0], .trailingBytes),
        (Array("GET / HTTP/1.1\r\n\r\n".utf8), .tooLarge(0x4745_5420, limit: 1 << 20)),
    ])
    func `What is no frame is told`(bytes: [UInt8], error: ControlMalformed) {
        var decoder = ControlFrameDecoder(limit: 1 << 20)
        bytes.withUnsafeBytes { decoder.append($0) }
        #expect(throws: error) { try decoder.next() }
    }

    // MARK: values of the language and of the log

    @Test func `A field says what it should have been`() throws {
        let value: ControlValue = ["count": 3, "name": "orders", "list": [1, "two"], "big": .integer(1 << 40)]
        #expect(try value.field("count") == 3)
        #expect(try value.field("missing", as: String?.self) == nil)
        #expect(try value.field("name", as: TopicName.self).description == "orders")
        for (name, wanted) in [
            ("missing", "a whole number"), ("name", "a whole number"), ("big", "too large"),
        ] {
            let error = #expect(throws: DaybookError.self) { try value.field(name, as: Int32.self) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\"\(name)\"") == true && error?.message.contains(wanted) == true)
        }
        #expect(throws: DaybookError.self) { try value.field("list", as: [Int64].self) }
        #expect(throws: DaybookError.self) { try ControlValue.string("x").field("y", as: Bool.self) }
        #expect(throws: DaybookError.self) { try Offset(controlValue: -1) }
        #expect(throws: DaybookError.self) { try TopicPartition(controlValue: "orders-03") }
    }

    @Test func `An error keeps its code, its message and its place`() throws {
        let error = try #require(#expect(throws: DaybookError.self) { try Offset(controlValue: "x") })
        let again = try DaybookError(controlValue: error.controlValue)
        #expect(again.code == .invalidRequest && again.message == error.message)
        let placed = try DaybookError(
            controlValue: ["code": "offsetOutOfRange", "message": "m", "partition": "orders-3", "offset": 7])
        #expect(placed.code == .offsetOutOfRange && placed.offset == 7)
        #expect(placed.topicPartition == (try TopicPartition(topic: TopicName("orders"), partition: 3)))
        let later: ControlValue = ["code": "sunburnt", "message": "m"]
        #expect(try DaybookError(controlValue: later).code == .other)
    }

    @Test func `Every command and every answer comes back as it was`() throws {
        func again<Value: ControlRepresentable>(_ value: Value) throws -> ControlValue {
            var bytes: [UInt8] = []
            ControlEncoding.append(value.controlValue, to: &bytes)
            let copy = try Value(controlValue: try ControlEncoding.decode(bytes[...]))
            #expect(copy.controlValue == value.controlValue)
            return copy.controlValue
        }
        _ = try again(CreateTopic("orders", partitions: 3, settings: ["segment.bytes": "1024", "flush.ms": "7"]))
        _ = try again(AlterTopic("orders", settings: ["flush.ms": "7"]))
        _ = try again(DeleteTopic("orders"))
        _ = try again(DeleteRecords(topic: "orders", partition: 2, before: .offset(5)))
        _ = try again(DeleteRecords(topic: "orders", before: .time(.none), isRehearsal: true))
        _ = try again(CompactTopic("orders", rateLimit: .bytes(5), memory: .mebibytes(1)))
        _ = try again(CompactTopic("orders"))
        _ = try again(ScrubTopics())
        _ = try again(ScrubTopics("orders", rateLimit: .gibibytes(5)))
        let orders = try TopicPartition(topic: TopicName("orders"), partition: 2)
        let targets: [OffsetResetTarget] = [
            .offset(5), .timestamp(.none), .appendTime(Timestamp(milliseconds: 7)), .beginning, .end, .current,
            .shift(-3),
        ]
        for target in targets {
            _ = try again(ResetOffsets("g", to: target, topics: ["a"], partitions: [orders], isRehearsal: true))
        }
        _ = try again(ResetOffsets("g", to: .end))
        _ = try again(DeleteGroup("g", topics: ["a"], partitions: [orders], isRehearsal: true))
        _ = try again(DeleteGroup("g"))
        let committed = CommittedOffset(
            offset: 5, leaderEpoch: .zero, metadata: "m", commitTime: Timestamp(milliseconds: 9))
        _ = try again([orders: committed])
        let plan = try OffsetResetPlan(controlValue: [
            "group": "g", "isApplied": true,
            "moves": [["partition": orders.controlValue, "old": committed.controlValue, "new": 0, "outOfRange": -4]],
        ])
        #expect(plan.isApplied && plan.moves.map(\.outOfRange) == [Offset(-4)] && plan.moves.first?.distance == -5)
        _ = try again(plan)
        for wrong: ControlValue in ["middle", ["offset": -1], ["offset": 1, "shift": 2], 5, ["rank": 3]] {
            #expect(throws: DaybookError.self) { try OffsetResetTarget(controlValue: wrong) }
        }
        #expect(throws: DaybookError.self) {
            try DeleteRecords(controlValue: ["topic": "a", "rehearsal": false])
        }
        #expect(throws: DaybookError.self) {
            try DeleteRecords(controlValue: ["topic": "a", "rehearsal": false, "offset": 1, "time": 2])
        }
    }
}
