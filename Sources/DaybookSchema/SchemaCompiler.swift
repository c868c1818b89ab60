// Reads a schema into nodes. Every subschema becomes one node, also those under definitions that nothing refers to, so
// that a keyword nobody knows is refused wherever it stands. What keywords ask for is read in `SchemaCompiler+Keywords`.

import Foundation

/// Makes the nodes of one schema.
struct SchemaCompiler {
    private let root: JSONValue
    let dialect: SchemaDialect
    private var nodes: [SchemaNode] = []
    /// Nodes by their place, so that recursive references end.
    private var known: [String: SchemaNodeID] = [:]

    /// The nodes of `schema`; the first is the whole.
    ///
    /// Throws `SchemaProblem` for whatever cannot be checked in full.
    static func compile(_ schema: JSONValue) throws(SchemaProblem) -> [SchemaNode] {
        var compiler = SchemaCompiler(root: schema, dialect: try dialect(of: schema))
        _ = try compiler.node(schema, at: "")
        try compiler.refuseCircles()
        return compiler.nodes
    }

    private init(root: JSONValue, dialect: SchemaDialect) {
        self.root = root
        self.dialect = dialect
    }

    private static func dialect(of schema: JSONValue) throws(SchemaProblem) -> SchemaDialect {
        guard case .object(let members) = schema, let name = members["$schema"] else { return .draft2020 }
        guard case .string(let name) = name, let dialect = SchemaDialect(named: name) else {
            let known = SchemaDialect.allCases.map { "\"\($0.name)\"" }.joined(separator: " or ")
            throw SchemaProblem(
                code: .unknownDialect, place: "/$schema", message: "this dialect is not read; write \(known)")
        }
        return dialect
    }

    /// The node of the schema `value` at `place`, made when it is met first.
    mutating func node(_ value: JSONValue, at place: String) throws(SchemaProblem) -> SchemaNodeID {
        if let id = known[place] { return id }
        let id = nodes.count
        known[place] = id
        nodes.append(SchemaNode(place: place))
        switch value {
        case .boolean(let accepts): nodes[id].checks = accepts ? [] : [.nothing]
        case .object(let members): nodes[id].checks = try checks(of: SchemaKeywords(members: members, place: place))
        default:
            throw SchemaProblem(
                code: .notASchema, place: place, message: "a schema is an object, true or false, not \(value.typeName)")
        }
        return id
    }

    private mutating func checks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        if let keyword = schema.members.keys.sorted().first(where: { !dialect.keywords.contains($0) }) {
            throw SchemaProblem(
                code: .unknownKeyword, place: JSONPointer.appending(keyword, to: schema.place),
                message:
                    "the keyword \"\(keyword)\" is not known to \(dialect.name) as it is checked here; remove it, or "
                    + "write a validator of your own")
        }
        for keyword in dialect.definitions {
            for (name, value) in try schema.object(keyword) ?? [] {
                _ = try node(value, at: JSONPointer.appending(name, to: schema.place + "/" + keyword))
            }
        }
        if dialect == .draft7, schema.members["$ref"] != nil {
            // There, what stands beside a reference says nothing.
            return try reference(of: schema)
        }
        var checks = try valueChecks(of: schema)
        checks += try numberChecks(of: schema)
        checks += try stringChecks(of: schema)
        checks += try arrayChecks(of: schema)
        checks += try objectChecks(of: schema)
        checks += try reference(of: schema)
        checks += try combinations(of: schema)
        return checks
    }

    // MARK: references

    private mutating func reference(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        guard let reference = try schema.string("$ref") else { return [] }
        func problem(_ message: String) -> SchemaProblem {
            SchemaProblem(code: .unusableReference, place: schema.place + "/$ref", message: message)
        }
        guard reference.hasPrefix("#"), let fragment = Self.percentDecoded(reference.dropFirst()) else {
            throw problem(
                "\"\(reference)\" leads out of this document; put what it means under \(dialect.definitions[0])")
        }
        guard fragment.isEmpty || fragment.hasPrefix("/") else {
            throw problem("\"\(reference)\" is no JSON Pointer; write #/\(dialect.definitions[0])/NAME")
        }
        var value = root
        var place = ""
        for step in fragment.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = String(step).replacing("~1", with: "/").replacing("~0", with: "~")
            switch value {
            case .object(let members):
                guard let member = members[name] else { throw problem("nothing stands at \"\(reference)\"") }
                value = member
            case .array(let elements):
                guard let index = Int(name), elements.indices.contains(index) else {
                    throw problem("nothing stands at \"\(reference)\"")
                }
                value = elements[index]
            default: throw problem("nothing stands at \"\(reference)\"")
            }
            place = JSONPointer.appending(name, to: place)
        }
        return [.reference(try node(value, at: place))]
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: circles

    /// Refuses nodes that apply themselves to the same value again: they would never come to an end.
    private func refuseCircles() throws(SchemaProblem) {
        enum Visit { case open, done }
        var visits: [SchemaNodeID: Visit] = [:]
        // Each entry is opened when it is met first and done when it is met again, behind all that it applies.
        for start in nodes.indices {
            var rest = [start]
            while let id = rest.last {
                guard visits[id] == nil else {
                    visits[id] = .done
                    rest.removeLast()
                    continue
                }
                visits[id] = .open
                for next in nodes[id].checks.flatMap(\.inPlace) {
                    if visits[next] == .open {
                        throw SchemaProblem(
                            code: .unusableReference, place: nodes[next].place,
                            message: "this schema refers to itself without going deeper into the document; no document "
                                + "could ever be checked against it")
                    }
                    if visits[next] == nil { rest.append(next) }
                }
            }
        }
    }
}
