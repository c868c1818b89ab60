// Records out of lines: plain text (`--format lines`), each line a value, perhaps with a key before a separator, and
// JSON (`--format jsonl`), each line a JSON value that is checked, looked into for its key, and stored as it stands.

/// How a line becomes a record.
package enum LineFormat: Sendable {
    case text(separator: [UInt8]?)
    case json(key: JSONPath?)
}

/// Reads one input line by line.
package struct LineSource: RecordSource {
    private let input: any ByteSource
    private let format: LineFormat
    private var parser = LineParser(limit: largestInputRecord)
    private var isAtEnd = false
    private var isFinished = false

    package init(_ input: any ByteSource, _ format: LineFormat) {
        self.input = input
        self.format = format
    }

    /// The record of the next line; nil at the end. Throws `MalformedInput`, or what the source of bytes throws.
    package mutating func next() throws -> SourceRecord? {
        while !isFinished {
            do {
                if let record = try take() {
                    if let record { return record }
                } else if isAtEnd {
                    isFinished = true
                } else if let piece = try input.next() {
                    parser.give(piece)
                } else {
                    isAtEnd = true
                }
            } catch let error as LineParser.LineTooLong {
                isFinished = true
                throw MalformedInput(
                    file: input.name, line: error.line, reason: "the line has more than \(largestInputRecord) bytes")
            } catch {
                isFinished = true
                throw error
            }
        }
        return nil
    }

    /// The record of the next line; nil inside for a line that holds none, nil outside when more bytes are needed.
    private mutating func take() throws -> SourceRecord?? {
        let (format, name, line) = (format, input.name, parser.line + 1)
        let body = { (bytes: UnsafeRawBufferPointer) throws -> SourceRecord? in
            switch format {
            case .text(let separator): try Self.textRecord(bytes, separator, name, line)
            case .json(let key): try Self.jsonRecord(bytes, key, name, line)
            }
        }
        return isAtEnd ? try parser.last(body) : try parser.next(body)
    }

    // MARK: text

    private static func textRecord(
        _ bytes: UnsafeRawBufferPointer, _ separator: [UInt8]?, _ name: String, _ line: Int
    ) throws -> SourceRecord {
        guard let separator else { return SourceRecord(key: nil, value: [UInt8](bytes)) }
        guard let start = firstRange(of: separator, in: bytes) else {
            var text: [UInt8] = []
            separator.withUnsafeBufferPointer { JSONText.append($0, to: &text) }
            throw MalformedInput(
                file: name, line: line,
                reason: "there is no \(String(decoding: text, as: UTF8.self)) between a key and a value")
        }
        return SourceRecord(key: [UInt8](bytes[..<start]), value: [UInt8](bytes[(start + separator.count)...]))
    }

    private static func firstRange(of separator: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= separator.count else { return nil }
        return (0...(bytes.count - separator.count)).first { start in
            bytes[start] == separator[0] && bytes[start..<start + separator.count].elementsEqual(separator)
        }
    }

    // MARK: JSON

    /// Nil for a blank line, which JSON Lines readers pass over.
    private static func jsonRecord(
        _ bytes: UnsafeRawBufferPointer, _ path: JSONPath?, _ name: String, _ line: Int
    ) throws -> SourceRecord? {
        var text = bytes
        if line == 1, text.starts(with: [0xEF, 0xBB, 0xBF]) { text = UnsafeRawBufferPointer(rebasing: text[3...]) }
        if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
        let found: JSONFound?
        do { found = try JSONScanner.scan(text, path: path) } catch {
            throw MalformedInput(
                file: name, line: line, reason: "this is not JSON, at byte \(error.place + 1) \(error.reason)")
        }
        var key: [UInt8]?
        switch found {
        case nil, .null: break
        case .string(let range, hasEscapes: true): key = JSONScanner.unescaped(text, range)
        case .string(let range, hasEscapes: false), .scalar(let range): key = [UInt8](text[range])
        case .object, .array:
            throw MalformedInput(
                file: name, line: line,
                reason: "\(path?.description ?? "") holds an object or an array, which cannot be a key")
        }
        return SourceRecord(key: key, value: [UInt8](text))
    }
}
