// Checks one JSON text (RFC 8259) and finds one value in it, in a single pass over its bytes and without building
// anything: `produce` stores each line as it stands. UTF-8 is checked, nesting is bounded.

/// What is wrong with a JSON text, and at which byte of it, from 0.
package struct JSONProblem: Error, Equatable {
    package let reason: String
    package let place: Int
}

/// A value that a path led to.
package enum JSONFound: Equatable {
    /// Between the quotation marks, escapes as they stand.
    case string(Range<Int>, hasEscapes: Bool)
    /// A number, true or false, as it stands.
    case scalar(Range<Int>)
    case null
    case object, array
}

/// One pass over one JSON text.
package struct JSONScanner {
    private let bytes: UnsafeRawBufferPointer
    private let path: [JSONPath.Step]
    private let depthLimit: Int
    private let refusesRepeatedNames: Bool
    private var place = 0
    private var found: JSONFound?

    /// Checks that `text` is one JSON value with nothing but blanks around it, and returns what stands at `path`: nil
    /// when nothing does. Of members with the same name the last one counts, as most parsers have it, unless
    /// `refusesRepeatedNames`: then names that are the same, or look the same because they are equivalent to Unicode, are a
    /// problem. O(count).
    package static func scan(
        _ text: UnsafeRawBufferPointer, path: JSONPath? = nil, depthLimit: Int = 512, refusesRepeatedNames: Bool = false
    ) throws(JSONProblem) -> JSONFound? {
        try checkUTF8(text)
        var scanner = JSONScanner(
            bytes: text, path: path?.steps ?? [], depthLimit: depthLimit, refusesRepeatedNames: refusesRepeatedNames)
        scanner.skipBlanks()
        // Without a path there is nothing to look for: -1 matches no step.
        try scanner.value(depth: 0, matched: path == nil ? -1 : 0)
        scanner.skipBlanks()
        guard scanner.place == text.count else { throw scanner.problem("something follows the JSON value") }
        return scanner.found
    }

    private init(
        bytes: UnsafeRawBufferPointer, path: [JSONPath.Step], depthLimit: Int, refusesRepeatedNames: Bool
    ) {
        self.bytes = bytes
        self.path = path
        self.depthLimit = depthLimit
        self.refusesRepeatedNames = refusesRepeatedNames
    }

    private static func checkUTF8(_ text: UnsafeRawBufferPointer) throws(JSONProblem) {
        do { _ = try UTF8Span(validating: Span(_unsafeBytes: text)) } catch {
            throw JSONProblem(reason: "the bytes are not UTF-8", place: error.byteOffsets.lowerBound)
        }
    }

    // MARK: values

    /// Steps over the value here. `matched`: how many steps of the path lead to it; -1 when it is beside the path.
    private mutating func value(depth: Int, matched: Int) throws(JSONProblem) {
        let isWanted = matched == path.count
        let start = place
        guard place < bytes.count else { throw problem("the text ends where a value should be") }
        switch bytes[place] {
        case UInt8(ascii: "{"):
            if isWanted { found = .object }
            try object(depth: depth + 1, matched: isWanted ? -1 : matched)
        case UInt8(ascii: "["):
            if isWanted { found = .array }
            try array(depth: depth + 1, matched: isWanted ? -1 : matched)
        case UInt8(ascii: "\""):
            let (range, hasEscapes) = try string()
            if isWanted { found = .string(range, hasEscapes: hasEscapes) }
        case UInt8(ascii: "t"):
            try word("true")
            if isWanted { found = .scalar(start..<place) }
        case UInt8(ascii: "f"):
            try word("false")
            if isWanted { found = .scalar(start..<place) }
        case UInt8(ascii: "n"):
            try word("null")
            if isWanted { found = .null }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try number()
            if isWanted { found = .scalar(start..<place) }
        default: throw problem("no JSON value begins like this")
        }
    }

    private mutating func object(depth: Int, matched: Int) throws(JSONProblem) {
        guard depth <= depthLimit else { throw problem("values are nested more than \(depthLimit) deep") }
        place += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return }
        var names: Set<String> = []
        while true {
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else {
                throw problem("a member's name in quotation marks is missing")
            }
            let start = place
            let (range, hasEscapes) = try string()
            if refusesRepeatedNames, !names.insert(name(range, hasEscapes: hasEscapes)).inserted {
                throw JSONProblem(reason: "a member's name stands there a second time", place: start)
            }
            let isNext = isStep(matched, range, hasEscapes: hasEscapes)
            // A member given again takes the place of the one before, and of all that was found in it.
            if isNext { found = nil }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw problem("a colon is missing behind a member's name") }
            skipBlanks()
            try value(depth: depth, matched: isNext ? matched + 1 : -1)
            skipBlanks()
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma or the end of an object is missing") }
            skipBlanks()
        }
    }

    private mutating func array(depth: Int, matched: Int) throws(JSONProblem) {
        guard depth <= depthLimit else { throw problem("values are nested more than \(depthLimit) deep") }
        place += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return }
        var index = 0
        while true {
            let isNext = matched >= 0 && matched < path.count && path[matched] == .element(index)
            try value(depth: depth, matched: isNext ? matched + 1 : -1)
            skipBlanks()
            if take(UInt8(ascii: "]")) { return }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma or the end of an array is missing") }
            skipBlanks()
            index += 1
        }
    }

    /// Whether the member whose name stands at `range` is the next step of the path.
    private func isStep(_ matched: Int, _ range: Range<Int>, hasEscapes: Bool) -> Bool {
        guard matched >= 0, matched < path.count, case .member(let name) = path[matched] else { return false }
        if hasEscapes { return JSONScanner.unescaped(bytes, range) == name }
        return bytes[range].elementsEqual(name)
    }

    private func name(_ range: Range<Int>, hasEscapes: Bool) -> String {
        String(decoding: hasEscapes ? Self.unescaped(bytes, range) : Array(bytes[range]), as: UTF8.self)
    }

    // MARK: strings, numbers, words

    /// Steps over a string; returns what stands between its quotation marks.
    private mutating func string() throws(JSONProblem) -> (Range<Int>, hasEscapes: Bool) {
        let start = place + 1
        var hasEscapes = false
        place = start
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") {
                place += 1
                return (start..<place - 1, hasEscapes)
            }
            guard byte >= 0x20 else { throw problem("a control character in a string must be escaped") }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try escape()
            } else {
                place += 1
            }
        }
        throw problem("a string is not closed")
    }

    private mutating func escape() throws(JSONProblem) {
        guard place + 1 < bytes.count else { throw problem("a string is not closed") }
        switch bytes[place + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            place += 2
        case UInt8(ascii: "u"):
            guard place + 6 <= bytes.count, Self.codeUnit(bytes, place + 2) != nil else {
                throw problem("\\u needs four hexadecimal digits")
            }
            place += 6
        default: throw problem("a backslash stands before a character that cannot be escaped")
        }
    }

    private mutating func number() throws(JSONProblem) {
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if isDigit { throw problem("a number must not begin with 0") }
        } else {
            try digits()
        }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    private var isDigit: Bool { place < bytes.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) }

    private mutating func digits() throws(JSONProblem) {
        guard isDigit else { throw problem("a digit is missing in a number") }
        while isDigit { place += 1 }
    }

    private mutating func word(_ word: StaticString) throws(JSONProblem) {
        for index in 0..<word.utf8CodeUnitCount {
            guard place < bytes.count, bytes[place] == word.utf8Start[index] else {
                throw problem("no JSON value begins like this")
            }
            place += 1
        }
    }

    private mutating func skipBlanks() {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0A, 0x0D: place += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    private func problem(_ reason: String) -> JSONProblem { JSONProblem(reason: reason, place: place) }
}
