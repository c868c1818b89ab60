// Records out of CSV: each row becomes a JSON object of strings, in the order of the columns that the header line names.
// The key is the content of one column, as it stands, also when that is empty.

/// Reads one CSV input.
package struct CSVSource: RecordSource {
    private let input: any ByteSource
    private let keyColumn: String?
    private var parser = CSVParser(limit: largestInputRecord)
    private var header: Header?
    private var isAtEnd = false
    private var isFinished = false

    private struct Header {
        /// For each column what stands before its value: `{"name":` or `,"name":`.
        var openings: [[UInt8]]
        var key: Int?
    }

    /// `keyColumn` is looked for when the header has been read.
    package init(_ input: any ByteSource, keyColumn: String?) {
        self.input = input
        self.keyColumn = keyColumn
    }

    /// The record of the next row; nil at the end. Throws `MalformedInput`, or what the source of bytes throws.
    package mutating func next() throws -> SourceRecord? {
        while !isFinished {
            do {
                if try parser.next() {
                    if let record = try takeRow() { return record }
                } else if let piece = try isAtEnd ? nil : input.next() {
                    parser.give(piece)
                } else {
                    isFinished = true
                    if try parser.finish(), let record = try takeRow() { return record }
                    if header == nil { throw malformed("there is no header line that names the columns", line: 1) }
                }
            } catch let problem as CSVProblem {
                isFinished = true
                throw malformed(problem.sentence, line: problem.line)
            } catch {
                isFinished = true
                throw error
            }
        }
        return nil
    }

    /// The record of the row just parsed; nil for the header and for blank lines.
    private mutating func takeRow() throws -> SourceRecord? {
        let row = parser.row
        guard let header else {
            self.header = try makeHeader(row)
            return nil
        }
        // A blank line among several columns is no row; in a single column it is an empty field.
        if row.isBlank, header.openings.count > 1 { return nil }
        guard row.fieldsCount == header.openings.count else {
            throw malformed(
                "the row has \(row.fieldsCount) \(row.fieldsCount == 1 ? "field" : "fields"), the header has "
                    + "\(header.openings.count)",
                line: row.line)
        }
        try checkUTF8(row)
        var value: [UInt8] = []
        value.reserveCapacity(row.bytes.count + header.openings.reduce(16) { $0 + $1.count + 2 })
        row.bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            for (opening, end) in zip(header.openings, row.ends) {
                value.append(contentsOf: opening)
                JSONText.append(UnsafeBufferPointer(rebasing: bytes[start..<end]), to: &value)
                start = end
            }
        }
        value.append(UInt8(ascii: "}"))
        return SourceRecord(key: header.key.map { Array(row.field($0)) }, value: value)
    }

    private func makeHeader(_ row: CSVRow) throws -> Header {
        try checkUTF8(row)
        let names = (0..<row.fieldsCount).map { String(decoding: row.field($0), as: UTF8.self) }
        if row.isBlank { throw malformed("the header line that names the columns is blank", line: row.line) }
        var seen: Set<String> = []
        if let twice = names.first(where: { !seen.insert($0).inserted }) {
            throw malformed("the header names the column \"\(twice)\" twice", line: row.line)
        }
        if let keyColumn, !names.contains(keyColumn) {
            let list = names.joined(separator: ", ")
            throw malformed("there is no column \"\(keyColumn)\"; the columns are \(list)", line: row.line)
        }
        let openings = (0..<row.fieldsCount).map { index -> [UInt8] in
            var opening = [UInt8(ascii: index == 0 ? "{" : ",")]
            row.field(index).withUnsafeBufferPointer { JSONText.append($0, to: &opening) }
            return opening + [UInt8(ascii: ":")]
        }
        return Header(openings: openings, key: keyColumn.flatMap { names.firstIndex(of: $0) })
    }

    private func checkUTF8(_ row: CSVRow) throws {
        let isValid = row.bytes.withUnsafeBufferPointer { bytes in
            do {
                _ = try UTF8Span(validating: Span(_unsafeElements: bytes))
                return true
            } catch {
                return false
            }
        }
        guard isValid else {
            throw malformed(
                "the row is not UTF-8; convert the file first, for instance with iconv -f WINDOWS-1252 -t UTF-8",
                line: row.line)
        }
    }

    private func malformed(_ reason: String, line: Int) -> MalformedInput {
        MalformedInput(file: input.name, line: line, reason: reason)
    }
}
