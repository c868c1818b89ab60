// Cuts bytes that arrive piece by piece into lines. A line ends with LF or CRLF, which do not belong to it; the last
// line needs no end. Lines that lie whole in one piece are not copied.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines out of pieces: give a piece, take lines until there are none, give the next piece.
package struct LineParser {
    /// Longer lines are refused, so that a file without line ends does not fill the memory.
    package let limit: Int
    /// The number of the line that was taken last, from 1.
    package private(set) var line = 0
    private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    /// The beginning of a line whose end has not come yet.
    private var carried: [UInt8] = []
    /// Whether `carried` was handed out and is to be forgotten.
    private var isCarriedSpent = false

    /// The line has more bytes than allowed.
    package struct LineTooLong: Error, Equatable {
        package let line: Int
    }

    package init(limit: Int) { self.limit = limit }

    /// The bytes must stay where they are until `next` has returned nil. The piece before has been used up.
    package mutating func give(_ piece: UnsafeRawBufferPointer) {
        self.piece = piece
        position = 0
    }

    /// Calls `body` with the next whole line; returns false when more bytes are needed. The bytes are valid in `body`.
    package mutating func next<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        forgetSpent()
        let rest = UnsafeRawBufferPointer(rebasing: piece[position...])
        guard let start = rest.baseAddress, let end = memchr(start, 0x0A, rest.count) else {
            guard carried.count + rest.count <= limit else { throw LineTooLong(line: line + 1) }
            carried.append(contentsOf: rest)
            position = piece.count
            return nil
        }
        let count = UnsafeRawPointer(end) - start
        position += count + 1
        line += 1
        guard carried.count + count <= limit else { throw LineTooLong(line: line) }
        guard !carried.isEmpty else {
            return try body(Self.withoutReturn(UnsafeRawBufferPointer(rebasing: rest[..<count])))
        }
        carried.append(contentsOf: rest[..<count])
        isCarriedSpent = true
        return try carried.withUnsafeBytes { try body(Self.withoutReturn($0)) }
    }

    /// The last line, where the input did not end with a line feed; nil where it did.
    package mutating func last<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        forgetSpent()
        guard !carried.isEmpty else { return nil }
        line += 1
        isCarriedSpent = true
        return try carried.withUnsafeBytes { try body($0) }
    }

    private mutating func forgetSpent() {
        guard isCarriedSpent else { return }
        carried.removeAll(keepingCapacity: carried.count < 1 << 20)
        isCarriedSpent = false
    }

    private static func withoutReturn(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        line.last == 0x0D ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : line
    }
}
