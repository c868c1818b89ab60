// Turns the escapes of a JSON string into the bytes they stand for; for keys, which are stored plain.
// `JSONScanner` has checked the string before.

extension JSONScanner {
    /// The UTF-8 of a checked string's content. Half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD.
    package static func unescaped(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var place = range.lowerBound
        while place < range.upperBound {
            guard bytes[place] == UInt8(ascii: "\\") else {
                result.append(bytes[place])
                place += 1
                continue
            }
            let letter = bytes[place + 1]
            place += 2
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"): appendCodePoint(bytes, &place, range.upperBound, to: &result)
            default: result.append(letter)
            }
        }
        return result
    }

    /// Four hexadecimal digits; nil when they are others.
    static func codeUnit(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt16? {
        var unit: UInt16 = 0
        for index in place..<place + 4 {
            guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue, bytes[index] < 0x80 else {
                return nil
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static func appendCodePoint(
        _ bytes: UnsafeRawBufferPointer, _ place: inout Int, _ end: Int, to result: inout [UInt8]
    ) {
        let unit = codeUnit(bytes, place) ?? 0
        place += 4
        var scalar = UnicodeScalar(UInt32(unit))
        if UTF16.isLeadSurrogate(unit), place + 6 <= end, bytes[place] == UInt8(ascii: "\\"),
            bytes[place + 1] == UInt8(ascii: "u"), let second = codeUnit(bytes, place + 2),
            UTF16.isTrailSurrogate(second)
        {
            place += 6
            scalar = UnicodeScalar(0x10000 + (UInt32(unit) & 0x3FF) << 10 + UInt32(second) & 0x3FF)
        }
        result.append(contentsOf: String(scalar ?? "\u{FFFD}").utf8)
    }
}
