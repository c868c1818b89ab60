// Text that commands print and read: moments, numbers, JSON and tables.

import Daybook
import DaybookText
import Foundation
import Testing

@testable import DaybookCLI

@Suite("Moments as text")
struct MomentTextTests {
    @Test(
        "a moment has one text and is read back from it",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_314_813_540_000, "2011-08-31T17:59:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func formats(_ milliseconds: Int64, _ text: String) {
        #expect(MomentText.format(Timestamp(milliseconds: milliseconds)) == text)
        #expect(MomentText.parse(text) == Timestamp(milliseconds: milliseconds))
    }

    @Test("the ends of the scale have a text as well")
    func ends() {
        #expect(MomentText.format(Timestamp(milliseconds: .max)) == "+292278994-08-17T07:12:55.807Z")
        #expect(MomentText.format(Timestamp(milliseconds: .min)) == "-292275055-05-16T16:47:04.192Z")
    }

    /// From 1653 on: before 1582 Foundation counts by another calendar.
    @Test("Foundation reads the same out of random moments")
    func judge() throws {
        var generator = SeededGenerator(seed: 17)
        for _ in 0..<500 {
            let milliseconds = Int64.random(in: -10_000_000_000_000...250_000_000_000_000, using: &generator)
            let text = MomentText.format(Timestamp(milliseconds: milliseconds))
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let date = try Date(text, strategy: style)
            #expect(Int64((date.timeIntervalSince1970 * 1000).rounded()) == milliseconds, "\(text)")
        }
    }

    @Test(
        "shorter forms and zones",
        arguments: [
            ("2011-08-31", "2011-08-31T00:00:00.000Z"), ("2011-08-31T17:59", "2011-08-31T17:59:00.000Z"),
            ("2011-08-31 17:59:01", "2011-08-31T17:59:01.000Z"), ("2011-08-31T17:59:01.5Z", "2011-08-31T17:59:01.500Z"),
            ("2011-08-31T17:59:01,123456+02:00", "2011-08-31T15:59:01.123Z"),
            ("2011-08-31T01:00-0330", "2011-08-31T04:30:00.000Z"), ("2011-08-31T24:00", "2011-09-01T00:00:00.000Z"),
        ])
    func parses(_ text: String, _ expected: String) throws {
        #expect(MomentText.format(try #require(MomentText.parse(text))) == expected)
    }

    @Test(
        "what is no moment",
        arguments: [
            "", "yesterday", "2011", "2011-13-01", "2011-02-29", "2011-08-31T25:00", "2011-08-31T10:60", "20110831",
            "2011-08-31T10:00:00+99:00", "2011-08-31Z", "2011-08-31T", "2011-8-1",
        ])
    func refuses(_ text: String) { #expect(MomentText.parse(text) == nil) }
}

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("Numbers, JSON and tables")
struct OutputTests {
    @Test("numbers are grouped and sizes have units")
    func numbers() {
        #expect(Numbers.grouped(1_234_567) == "1,234,567")
        #expect(Numbers.grouped(-1000) == "-1,000")
        #expect(Numbers.grouped(999) == "999")
        #expect(Numbers.age(.milliseconds(-5)) == "0 ms" && Numbers.age(.milliseconds(850)) == "850 ms")
        #expect(Numbers.age(.milliseconds(12_900)) == "12 s" && Numbers.age(.seconds(60)) == "1 min")
        #expect(Numbers.age(.seconds(185)) == "3 min 5 s" && Numbers.age(.seconds(7800)) == "2 h 10 min")
        #expect(Numbers.age(.seconds(4 * 86_400 + 3 * 3600 + 59)) == "4 d 3 h")
        #expect(Numbers.bytes(1023) == "1023 B")
        #expect(Numbers.bytes(1536) == "1.5 KiB")
        #expect(Numbers.fixed(1.005, 1) == "1.0")
        #expect(Numbers.fixed(-0.04, 1) == "0.0")
        #expect(Numbers.fixed(12.345, 2) == "12.35")
    }

    @Test("JSON keeps the order of its keys and escapes what it must")
    func json() throws {
        let value: JSONValue = [
            "z": 1, "a": "q\"\\\n\u{1}é/", "n": nil, "b": true, "d": 1.5, "l": [1, "x"], "i": .number(.infinity),
        ]
        let text = #"{"z":1,"a":"q\"\\\n\u0001é/","n":null,"b":true,"d":1.5,"l":[1,"x"],"i":null}"#
        #expect(value.text == text)
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    @Test("bytes that are no text are base64, as Foundation has it")
    func base64() {
        var generator = SeededGenerator(seed: 3)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var text: [UInt8] = []
            bytes.withUnsafeBytes { JSONText.appendBase64($0, to: &text) }
            #expect(String(decoding: text, as: UTF8.self) == Data(bytes).base64EncodedString())
        }
    }

    @Test("columns are aligned, wide characters and control characters included")
    func table() {
        var table = TextTable(columns: [.left("name"), .right("count"), .left("note")])
        table.addRow(["a", "1", "x"])
        table.addRow(["日本", "1,000", ""])
        table.addRow(["e\u{301}\n", "2"])
        #expect(table.render() == "name  count  note\na         1  x\n日本  1,000\ne\u{301}\\n       2\n")
    }

    @Test("a table in portions has its titles once")
    func streamed() {
        var table = StreamedTable(columns: [.right("n"), .left("text")])
        #expect(table.take() == "")
        table.addRow(["100", "abc"])
        #expect(table.take() == "  n  text\n100  abc\n")
        table.addRow(["1", "a"])
        #expect(table.take() == "  1  a\n")
    }

    @Test("long text is shortened to columns, not to bytes")
    func shortened() {
        #expect(DisplayText.shortened("abcdef", to: 6) == "abcdef")
        #expect(DisplayText.shortened("abcdef", to: 4) == "abc…")
        #expect(DisplayText.shortened("日本語", to: 4) == "日…")
        #expect(DisplayText.escaped("a\u{1b}[31m\u{202e}") == "a\\u{1b}[31m\\u{202e}")
    }

    @Test("progress counts and gives a percentage where it can")
    func progress() {
        #expect(Progress.text("Read", 1500, of: nil) == "Read  1,500")
        #expect(Progress.text("Read", 1500, of: 3000) == "Read  1,500 of 3,000 (50%)")
        #expect(Progress.text("Read", 0, of: 0) == "Read  0 of 0 (100%)")
    }
}

@Suite("Values of options")
struct OptionValueTests {
    @Test("places")
    func places() throws {
        #expect(try ConsumePlace.parse("beginning") == .beginning)
        #expect(try ConsumePlace.parse("end") == .end)
        #expect(try ConsumePlace.parse("17") == .offset(17))
        #expect(try ConsumePlace.parse("1970-01-01") == .time(Timestamp(milliseconds: 0)))
        #expect(throws: (any Error).self) { try ConsumePlace.parse("-1") }
        #expect(throws: (any Error).self) { try ConsumePlace.parse("soon") }
        #expect(throws: (any Error).self) { try ConsumePlace.parseUntil("beginning") }
    }

    @Test("codecs, durations, amounts, pairs")
    func others() throws {
        #expect(try OptionValues.compression("none") == .none)
        #expect(try OptionValues.compression("zstd:3") == .zstd(level: 3))
        #expect(try OptionValues.compression("lz4") == .lz4())
        for bad in ["", "zip", "zstd:", "zstd:x", "zstd:99", "none:1"] {
            #expect(throws: (any Error).self) { try OptionValues.compression(bad) }
        }
        #expect(try OptionValues.duration("5") == .milliseconds(5))
        #expect(try OptionValues.duration("2s") == .seconds(2))
        #expect(throws: (any Error).self) { try OptionValues.duration("5 apples") }
        #expect(try OptionValues.byteCount("64KiB") == .kibibytes(64))
        #expect(try OptionValues.durability("osCache") == .osCache)
        #expect(throws: (any Error).self) { try OptionValues.durability("safe") }
        let pair = try OptionValues.pair("a=b=c")
        #expect(pair.name == "a" && pair.value == "b=c")
        #expect(throws: (any Error).self) { try OptionValues.pair("=b") }
    }
}
