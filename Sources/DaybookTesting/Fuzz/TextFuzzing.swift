// The input of `daybook produce` out of arbitrary bytes. However the bytes are cut into pieces, the records are the same;
// what goes in as a value is JSON; keys are what stands in the input. Called by `FuzzTarget.csv`, `.json` and `.lines`.

internal import DaybookText

/// The targets `csv`, `json` and `lines`. Choices 0 to 2: how large the pieces are. Choices 3 and 4: where keys are.
enum TextFuzzing {
    /// Bytes of memory, cut into pieces.
    private final class Pieces: ByteSource {
        let name = "input"
        private let bytes: UnsafeRawBufferPointer
        private let size: Int
        private var place = 0

        init(_ bytes: UnsafeRawBufferPointer, size: Int) {
            self.bytes = bytes
            self.size = size
        }

        func next() -> UnsafeRawBufferPointer? {
            guard place < bytes.count else { return nil }
            defer { place = min(bytes.count, place + size) }
            return UnsafeRawBufferPointer(rebasing: bytes[place..<min(bytes.count, place + size)])
        }
    }

    private struct Outcome: Equatable {
        var records: [SourceRecord] = []
        var problem: MalformedInput?
    }

    /// Everything the source gives, which must be the same in one piece and in many.
    private static func outcome(
        _ input: FuzzInput, _ makeSource: (any ByteSource) -> any RecordSource
    ) throws -> Outcome {
        try input.bytes.withUnsafeBytes { bytes in
            let whole = try read(makeSource(Pieces(bytes, size: max(1, bytes.count))))
            let cut = try read(makeSource(Pieces(bytes, size: Int(input.choices & 7) + 1)))
            try promise(whole == cut, "records depend on how the input is cut into pieces")
            return whole
        }
    }

    private static func read(_ source: any RecordSource) throws -> Outcome {
        var source = source
        var outcome = Outcome()
        do {
            while let record = try source.next() { outcome.records.append(record) }
        } catch let problem as MalformedInput {
            outcome.problem = problem
            try promise(try source.next() == nil, "records come after an error")
        }
        return outcome
    }

    // MARK: CSV

    static func runCSV(_ input: FuzzInput) throws {
        let column = input.chooses(3) ? "k" : nil
        let outcome = try outcome(input) { CSVSource($0, keyColumn: column) }
        for record in outcome.records {
            try promise(try found(in: record.value, "k").isObject, "a row has become something else than an object")
            guard column != nil else { continue }
            try promise(try found(in: record.value, "k").key == record.key, "a row's key is not what its column holds")
        }
        let rows = input.bytes.withUnsafeBytes { try? self.rows($0) }
        guard let rows else { return }
        let quote = UInt8(ascii: "\"")
        var text: [UInt8] = []
        for row in rows {
            for (index, field) in row.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.append(quote)
                for byte in field { text += byte == quote ? [quote, quote] : [byte] }
                text.append(quote)
            }
            text.append(UInt8(ascii: "\n"))
        }
        let again = try text.withUnsafeBytes { try self.rows($0) }
        try promise(again == rows, "rows come back changed")
    }

    private static func rows(_ bytes: UnsafeRawBufferPointer) throws -> [[[UInt8]]] {
        var parser = CSVParser(limit: 1 << 20)
        var rows: [[[UInt8]]] = []
        parser.give(bytes)
        while try parser.next() { rows.append((0..<parser.row.fieldsCount).map { Array(parser.row.field($0)) }) }
        if try parser.finish() { rows.append((0..<parser.row.fieldsCount).map { Array(parser.row.field($0)) }) }
        return rows
    }

    static let csvSeeds: [[UInt8]] = [
        "k,b\n1,2\n\n\"x\"\"y\",\"a\nb\"\n", "\u{FEFF}k\r\n1\r\n\"\"\r\n", "\"k\",\"b,c\"\n é , 日本", "k\n1\r2\n",
        "k,k\n",
        "k\n\"open\n", "k\n\"a\"b\n",
    ].flatMap { text in [0x00, 0x0B, 0x0F].map { [$0] + Array(text.utf8) } }

    // MARK: JSON

    private static let paths = ["a", "a.b", "[0]", "a[1].b"]

    static func runJSON(_ input: FuzzInput) throws {
        let path = paths[Int(input.choices >> 3 & 3)]
        let parsed = try JSONPath(path)
        let outcome = try outcome(input) { LineSource($0, .json(key: parsed)) }
        for record in outcome.records {
            try promise(
                try found(in: record.value, path).key == record.key || record.value.starts(with: [0xEF, 0xBB, 0xBF]),
                "a value's key changes when it is looked at again")
            guard let key = record.key else { continue }
            var text: [UInt8] = Array("{\"a\":".utf8)
            key.withUnsafeBufferPointer { JSONText.append($0, to: &text) }
            text.append(UInt8(ascii: "}"))
            try promise(try found(in: text, "a").key == key, "a key comes back changed from JSON")
        }
    }

    static let jsonSeeds: [[UInt8]] = [
        "{\"a\":1}\n\n{\"a\":\"x\\u00e9\\ud83d\\ude00\\n\"}\r\n", "\u{FEFF}{\"a\":{\"b\":true},\"a\":{\"b\":null}}",
        "[[1,2],-1.5e+3,\"\"]", "{\"a\":[0,{\"b\":\"\\\\\\/\"}]}", String(repeating: "[", count: 600),
        "{\"a\":\"\\ud83d\"}\nnull\ntrue\n{\"a\":01}",
    ].flatMap { text in [0x00, 0x0A, 0x13, 0x1C].map { [$0] + Array(text.utf8) } }

    // MARK: lines

    static func runLines(_ input: FuzzInput) throws {
        let separator: [UInt8]? = input.chooses(3) ? (input.chooses(4) ? [0x3A, 0x3A] : [0x3A]) : nil
        let outcome = try outcome(input) { LineSource($0, .text(separator: separator)) }
        let lines = input.bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        try promise(outcome.records.count <= lines.count, "there are more records than lines")
        for (line, record) in zip(lines, outcome.records) {
            let whole = (record.key.map { $0 + (separator ?? []) } ?? []) + record.value
            try promise(
                Array(line) == whole || Array(line) == whole + [0x0D], "a line is not its key and its value")
        }
    }

    static let linesSeeds: [[UInt8]] = ["a\nb\r\n\n", "k:v\n:\nx::y", "k::v\nno separator\n"]
        .flatMap { text in [0x00, 0x09, 0x1A].map { [$0] + Array(text.utf8) } }

    // MARK: looking into a value

    private struct Found {
        var isObject: Bool
        var key: [UInt8]?
    }

    /// What stands at `path` of a JSON text. Throws `JSONProblem` where it is none.
    private static func found(in value: [UInt8], _ path: String) throws -> Found {
        let path = try JSONPath(path)
        return try value.withUnsafeBytes { bytes in
            var found = Found(isObject: bytes.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "{"))
            switch try JSONScanner.scan(bytes, path: path) {
            case .string(let range, _): found.key = JSONScanner.unescaped(bytes, range)
            case .scalar(let range): found.key = Array(bytes[range])
            case .object, .array, .null, nil: break
            }
            return found
        }
    }
}
