// Small questions about a line of code or an identifier that several rules ask.

/// True where the word stands alone: not as a part of a longer identifier.
func hasWord(_ word: String, in line: String) -> Bool {
    guard line.contains(word) else { return false }
    return line.split(whereSeparator: { !$0.isIdentifierPart }).contains { $0 == word }
}

/// `["Foo", "Base"]` for `FooBase`, `["Base64", "Text"]` for `Base64Text`, `["HTTP", "Log"]` for `HTTPLog`.
func nameParts(_ identifier: some StringProtocol) -> [String] {
    var parts: [String] = []
    var part = ""
    let characters = Array(identifier)
    for (index, character) in characters.enumerated() {
        let next = index + 1 < characters.count ? characters[index + 1] : nil
        let startsPart =
            character.isUppercase && (part.last?.isUppercase != true || (next?.isLowercase == true && !part.isEmpty))
        if startsPart || !character.isIdentifierPart || character == "_" {
            if !part.isEmpty { parts.append(part) }
            part = ""
        }
        if character.isIdentifierPart, character != "_" { part.append(character) }
    }
    return part.isEmpty ? parts : parts + [part]
}

/// What a line declares: `("func", "flush")` for `public func flush() {`. Extensions declare nothing of their own.
func declaration(in line: String) -> (keyword: String, name: String)? {
    let keywords: Set<Substring> = [
        "actor", "associatedtype", "case", "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
    ]
    let words = line.split(whereSeparator: { !$0.isIdentifierPart })
    for (keyword, name) in zip(words, words.dropFirst()) where keywords.contains(keyword) && !keywords.contains(name) {
        return (String(keyword), String(name))
    }
    return nil
}

/// The functions that a line calls or declares, with what stands before the name: `file.`, `func `, or nothing.
/// `after` is where in the line's UTF-8 the arguments begin.
func calls(in line: String) -> [(before: String, name: String, after: Int)] {
    guard line.contains("(") else { return [] }
    // Swift's own idea of a word's boundary sees none around the point in `file.flush`; the simple one does.
    let call = /(func\s+|[\w)\]?!]*\.)?\b(\w+)\s*\(/.wordBoundaryKind(.simple)
    return line.matches(of: call).map { match in
        let after = line.utf8.distance(from: line.startIndex, to: match.range.upperBound)
        return (String(match.1 ?? ""), String(match.2), after)
    }
}

extension Character {
    var isIdentifierPart: Bool { isLetter || isNumber || self == "_" }
}
