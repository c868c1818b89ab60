// CSV by RFC 4180, piece by piece: quoted fields may hold commas, line ends and doubled quotation marks; lines end with
// LF or CRLF; a byte order mark at the beginning is passed over. Memory is one row. Strict: what the RFC does not allow
// is an error with its line.

/// Why bytes are not CSV, and in which line of the input.
package struct CSVProblem: Error, Equatable {
    /// What is wrong.
    package enum Kind: Equatable, Sendable {
        case quoteInUnquotedField, textBehindQuote, returnWithoutLineFeed, unclosedQuote
        case rowTooLong(limit: Int)
    }
    package let kind: Kind
    /// From 1; for an unclosed quotation mark and a row that is too long the line where it began.
    package let line: Int

    /// What is wrong, without a full stop.
    package var sentence: String {
        switch kind {
        case .quoteInUnquotedField: "a quotation mark stands inside a field that does not begin with one"
        case .textBehindQuote: "text follows a closing quotation mark; write a quotation mark inside a field twice"
        case .returnWithoutLineFeed: "a carriage return stands outside quotation marks without a line feed behind it"
        case .unclosedQuote: "the quotation mark that opens a field here is never closed"
        case .rowTooLong(let limit): "the row has more than \(limit) bytes; is a quotation mark missing?"
        }
    }
}

/// One row: its fields one behind the other, and where each ends.
package struct CSVRow {
    fileprivate(set) var bytes: [UInt8] = []
    fileprivate(set) var ends: [Int] = []
    /// The line where the row begins, from 1.
    fileprivate(set) var line = 1
    fileprivate var hasQuotes = false

    /// Nothing at all between two line ends.
    package var isBlank: Bool { ends.count == 1 && bytes.isEmpty && !hasQuotes }
    package var fieldsCount: Int { ends.count }

    /// The bytes of field `index`, from 0, without quotation marks around them. O(1).
    package func field(_ index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    fileprivate mutating func begin(line: Int) {
        bytes.removeAll(keepingCapacity: bytes.capacity < 4 << 20)
        ends.removeAll(keepingCapacity: true)
        self.line = line
        hasQuotes = false
    }
}

/// Rows out of pieces: give a piece, call `next` until it returns false, give the next piece; at the end `finish`.
package struct CSVParser {
    /// The row that `next` or `finish` has completed.
    package private(set) var row = CSVRow()
    private let limit: Int
    private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    private var line = 1
    private var quoteLine = 1
    private var state = State.mark(0)

    private enum State: Equatable {
        /// So many bytes of a byte order mark have been seen.
        case mark(Int)
        case rowStart, fieldStart, unquoted, carriageReturn, quoted
        /// A quotation mark inside quotes: the end of the field, or the first of two.
        case quoteSeen
    }

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// `limit`: bytes of the largest row.
    package init(limit: Int) { self.limit = limit }

    /// The bytes must stay where they are until `next` has returned false. The piece before has been used up.
    package mutating func give(_ piece: UnsafeRawBufferPointer) {
        self.piece = piece
        position = 0
    }

    /// Goes on to the end of the next row; false when more bytes are needed. After an error the parser is of no more use.
    package mutating func next() throws(CSVProblem) -> Bool {
        while position < piece.count {
            let byte = piece[position]
            switch state {
            case .mark(let count):
                skipMark(byte, count)
            case .rowStart:
                row.begin(line: line)
                state = .fieldStart
            case .fieldStart:
                if byte == Self.quote {
                    (state, quoteLine) = (.quoted, line)
                    row.hasQuotes = true
                    position += 1
                } else {
                    state = .unquoted
                }
            case .unquoted:
                try takeUnquoted()
                guard position < piece.count else { break }
                if piece[position] == Self.quote { throw problem(.quoteInUnquotedField) }
                if endField() { return true }
            case .quoted:
                try takeQuoted()
            case .quoteSeen:
                if byte == Self.quote {
                    row.bytes.append(byte)
                    state = .quoted
                    position += 1
                } else if byte == Self.comma || byte == Self.lineFeed || byte == Self.carriageReturn {
                    if endField() { return true }
                } else {
                    throw problem(.textBehindQuote)
                }
            case .carriageReturn:
                guard byte == Self.lineFeed else { throw problem(.returnWithoutLineFeed) }
                if endField() { return true }
            }
        }
        return false
    }

    /// Completes the last row, where the input did not end with a line feed; false where it did.
    package mutating func finish() throws(CSVProblem) -> Bool {
        switch state {
        case .mark(0), .mark(Self.mark.count), .rowStart: return false
        case .mark(let count): row.bytes = Array(Self.mark[..<count])
        case .fieldStart, .unquoted, .quoteSeen: break
        case .carriageReturn: throw problem(.returnWithoutLineFeed)
        case .quoted: throw CSVProblem(kind: .unclosedQuote, line: quoteLine)
        }
        row.ends.append(row.bytes.count)
        state = .rowStart
        return true
    }

    private mutating func skipMark(_ byte: UInt8, _ count: Int) {
        if count == Self.mark.count {
            state = .rowStart
        } else if byte == Self.mark[count] {
            state = .mark(count + 1)
            position += 1
        } else {
            row.begin(line: line)
            row.bytes = Array(Self.mark[..<count])
            state = count == 0 ? .fieldStart : .unquoted
        }
    }

    /// Takes the bytes up to the next one that means something outside quotation marks.
    private mutating func takeUnquoted() throws(CSVProblem) {
        let start = position
        while position < piece.count {
            let byte = piece[position]
            if byte == Self.comma || byte == Self.lineFeed || byte == Self.carriageReturn || byte == Self.quote {
                break
            }
            position += 1
        }
        try take(start)
    }

    private mutating func takeQuoted() throws(CSVProblem) {
        let start = position
        while position < piece.count, piece[position] != Self.quote {
            if piece[position] == Self.lineFeed { line += 1 }
            position += 1
        }
        try take(start)
        guard position < piece.count else { return }
        state = .quoteSeen
        position += 1
    }

    private mutating func take(_ start: Int) throws(CSVProblem) {
        guard row.bytes.count + (position - start) <= limit else {
            throw CSVProblem(kind: .rowTooLong(limit: limit), line: row.line)
        }
        row.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[start..<position]))
    }

    /// At the byte behind a field, which it steps over; returns whether the row is complete.
    private mutating func endField() -> Bool {
        let byte = piece[position]
        position += 1
        if byte == Self.carriageReturn {
            state = .carriageReturn
            return false
        }
        row.ends.append(row.bytes.count)
        guard byte == Self.lineFeed else {
            state = .fieldStart
            return false
        }
        line += 1
        state = .rowStart
        return true
    }

    private func problem(_ kind: CSVProblem.Kind) -> CSVProblem { CSVProblem(kind: kind, line: line) }
}
