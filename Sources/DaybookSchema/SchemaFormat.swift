// The values of the keyword `format` that are checked. JSON Schema leaves it open whether a format is only a remark; here
// it is a demand, since that is what people mean who write one, and a format that is not known is refused at start.

internal import DaybookText

/// A form that a string may have to have.
enum SchemaFormat: String, Sendable, CaseIterable {
    case date
    case time
    case dateTime = "date-time"
    case email
    case hostname
    case ipv4
    case ipv6
    case uri
    case uuid

    /// Whether `text` has the form. O(count).
    func holds(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return switch self {
        case .date: Self.holds(text) { $0.day() != nil }
        // A leap second is accepted where UTC may have one.
        case .time: Self.holds(text) { $0.time() != nil }
        case .dateTime: Self.holds(text) { $0.day() != nil && $0.take("Tt") && $0.time() != nil }
        case .email: Self.isEmail(bytes)
        case .hostname: Self.isHostname(bytes[...])
        case .ipv4: Self.isIPv4(bytes[...])
        case .ipv6: Self.isIPv6(bytes[...])
        case .uri: Self.isURI(bytes)
        case .uuid: Self.isUUID(bytes)
        }
    }

    /// Whether the whole text is what `form` takes off it, in the forms of RFC 3339.
    private static func holds(_ text: String, _ form: (inout MomentScanner) -> Bool) -> Bool {
        var scanner = MomentScanner(text)
        return form(&scanner) && scanner.isAtEnd
    }

    // MARK: names and addresses

    /// One `@` with something usual before it and a host or an address behind it; quoted local parts are not accepted.
    private static func isEmail(_ text: [UInt8]) -> Bool {
        guard let at = text.lastIndex(of: UInt8(ascii: "@")) else { return false }
        let local = text[..<at]
        let usual = Set("!#$%&'*+-/=?^_`{|}~.".utf8)
        guard (1...64).contains(local.count), local.first != UInt8(ascii: "."), local.last != UInt8(ascii: "."),
            local.allSatisfy({ isAlphanumeric($0) || usual.contains($0) || $0 >= 0x80 }),
            !zip(local, local.dropFirst()).contains(where: { $0 == UInt8(ascii: ".") && $1 == UInt8(ascii: ".") })
        else { return false }
        return isHostname(text[(at + 1)...])
    }

    /// RFC 1123: labels of letters, digits and hyphens.
    private static func isHostname(_ text: ArraySlice<UInt8>) -> Bool {
        guard (1...253).contains(text.count) else { return false }
        return text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                // 010 is eight to some and ten to others, so nobody may write it.
                (1...3).contains(part.count) && part.allSatisfy(isDigit)
                    && (part.count == 1 || part.first != UInt8(ascii: "0"))
                    && part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 255
            }
    }

    /// RFC 4291: eight groups, of which `::` may leave out one or more, the last two perhaps as an IPv4 address.
    private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
        let colon = UInt8(ascii: ":")
        var groups = text.split(separator: colon, omittingEmptySubsequences: false)
        guard groups.count >= 3 else { return false }
        var count = groups.count
        if let last = groups.last, last.contains(UInt8(ascii: ".")) {
            guard isIPv4(last) else { return false }
            groups.removeLast()
            count += 1
        }
        // A `::` at an end makes two empty groups there, of which one stands for nothing.
        if groups.first?.isEmpty == true {
            guard groups.count >= 2, groups[1].isEmpty else { return false }
            groups.removeFirst()
            count -= 1
        }
        if text.last == colon {
            guard groups.count >= 2, groups[groups.count - 2].isEmpty else { return false }
            groups.removeLast()
            count -= 1
        }
        let empty = groups.count { $0.isEmpty }
        guard groups.allSatisfy({ $0.count <= 4 && $0.allSatisfy(isHexadecimal) }) else { return false }
        return empty == 0 ? count == 8 : empty == 1 && count <= 8
    }

    /// RFC 3986 as far as it tells a URI from other text: a scheme, and only characters that may stand in one.
    private static func isURI(_ text: [UInt8]) -> Bool {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), let first = text.first, isLetter(first) else {
            return false
        }
        let inScheme = Set("+-.".utf8)
        let inURI = Set("-._~:/?#[]@!$&'()*+,;=".utf8)
        guard text[..<colon].allSatisfy({ isAlphanumeric($0) || inScheme.contains($0) }) else { return false }
        var place = colon + 1
        while place < text.count {
            if text[place] == UInt8(ascii: "%") {
                guard place + 2 < text.count, isHexadecimal(text[place + 1]), isHexadecimal(text[place + 2]) else {
                    return false
                }
                place += 3
            } else {
                guard isAlphanumeric(text[place]) || inURI.contains(text[place]) else { return false }
                place += 1
            }
        }
        return true
    }

    private static func isUUID(_ text: [UInt8]) -> Bool {
        text.count == 36
            && text.indices.allSatisfy { index in
                [8, 13, 18, 23].contains(index) ? text[index] == UInt8(ascii: "-") : isHexadecimal(text[index])
            }
    }

    // MARK: characters

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
