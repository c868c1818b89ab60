// What the keywords of one schema object ask for, by the kind of value they concern. Where the two dialects have
// different words for the same demand, they become the same check.

import Foundation

extension SchemaCompiler {
    func valueChecks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if let types = try schema.types() { checks.append(.types(types)) }
        if let values = try schema.array("enum") { checks.append(.values(values, keyword: "enum")) }
        if let value = schema.members["const"] { checks.append(.values([value], keyword: "const")) }
        return checks
    }

    func numberChecks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if let limit = try schema.number("minimum") { checks.append(.minimum(limit, isExclusive: false)) }
        if let limit = try schema.number("exclusiveMinimum") { checks.append(.minimum(limit, isExclusive: true)) }
        if let limit = try schema.number("maximum") { checks.append(.maximum(limit, isExclusive: false)) }
        if let limit = try schema.number("exclusiveMaximum") { checks.append(.maximum(limit, isExclusive: true)) }
        if let unit = try schema.positiveNumber("multipleOf") { checks.append(.multiple(of: unit)) }
        return checks
    }

    func stringChecks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if let (minimum, maximum) = try limits(of: schema, "minLength", "maxLength") {
            checks.append(.length(minimum: minimum, maximum: maximum))
        }
        if let text = try schema.string("pattern") { checks.append(.pattern(try schema.pattern(text, "pattern"))) }
        if let format = try schema.format() { checks.append(.format(format)) }
        return checks
    }

    mutating func arrayChecks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        let (prefix, rest) = try elements(of: schema)
        if !prefix.isEmpty || rest != nil { checks.append(.elements(prefix: prefix, rest: rest)) }
        if let (minimum, maximum) = try limits(of: schema, "minItems", "maxItems") {
            checks.append(.elementCount(minimum: minimum, maximum: maximum))
        }
        if let node = try node(of: schema, "contains") {
            // Without `contains` these two say nothing.
            let minimum = dialect == .draft7 ? nil : try schema.count("minContains")
            let maximum = dialect == .draft7 ? nil : try schema.count("maxContains")
            checks.append(.contains(node, minimum: minimum ?? 1, maximum: maximum ?? .max))
        }
        if try schema.boolean("uniqueItems") == true { checks.append(.uniqueElements) }
        return checks
    }

    /// The nodes of the first elements by their place, and the one of all others.
    private mutating func elements(
        of schema: SchemaKeywords
    ) throws(SchemaProblem) -> (prefix: [SchemaNodeID], rest: SchemaNodeID?) {
        guard dialect == .draft7 else {
            return (try nodes(of: schema, "prefixItems"), try node(of: schema, "items"))
        }
        guard case .array = schema.members["items"] else {
            // Beside one schema for all elements there are no additional ones.
            _ = try node(of: schema, "additionalItems")
            return ([], try node(of: schema, "items"))
        }
        return (try nodes(of: schema, "items"), try node(of: schema, "additionalItems"))
    }

    mutating func objectChecks(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if let names = try schema.strings("required") { checks.append(.required(names)) }
        var members = SchemaMembers()
        for (name, id) in try nodesByName(of: schema, "properties") { members.named[name] = id }
        for (text, id) in try nodesByName(of: schema, "patternProperties") {
            members.patterns.append((try schema.pattern(text, "patternProperties"), id))
        }
        members.others = try node(of: schema, "additionalProperties")
        if !members.isEmpty { checks.append(.members(members)) }
        if let (minimum, maximum) = try limits(of: schema, "minProperties", "maxProperties") {
            checks.append(.memberCount(minimum: minimum, maximum: maximum))
        }
        if let node = try node(of: schema, "propertyNames") { checks.append(.memberNames(node)) }
        return checks + (try dependencies(of: schema))
    }

    private mutating func dependencies(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        guard dialect == .draft7 else {
            var checks: [SchemaCheck] = []
            if let names = try schema.stringsByName("dependentRequired") {
                checks.append(.dependentRequired(names, keyword: "dependentRequired"))
            }
            let schemas = try nodesByName(of: schema, "dependentSchemas")
            if !schemas.isEmpty { checks.append(.dependentSchemas(Dictionary(schemas) { first, _ in first })) }
            return checks
        }
        // One keyword for both there: arrays are names, all else are schemas.
        let all = try schema.object("dependencies") ?? []
        let isNames = { (entry: (key: String, value: JSONValue)) in if case .array = entry.value { true } else { false }
        }
        func part(_ entries: [(key: String, value: JSONValue)]) -> SchemaKeywords {
            let members = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
            return SchemaKeywords(members: ["dependencies": .object(members)], place: schema.place)
        }
        let names = try part(all.filter(isNames)).stringsByName("dependencies") ?? [:]
        let schemas = try nodesByName(of: part(all.filter { !isNames($0) }), "dependencies")
        return [
            .dependentRequired(names, keyword: "dependencies"),
            .dependentSchemas(Dictionary(schemas) { first, _ in first }),
        ]
    }

    mutating func combinations(of schema: SchemaKeywords) throws(SchemaProblem) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if schema.members["allOf"] != nil { checks.append(.all(try nodes(of: schema, "allOf"))) }
        if schema.members["anyOf"] != nil { checks.append(.any(try nodes(of: schema, "anyOf"))) }
        if schema.members["oneOf"] != nil { checks.append(.exactlyOne(try nodes(of: schema, "oneOf"))) }
        if let node = try node(of: schema, "not") { checks.append(.none(node)) }
        // Without a condition the branches are read, for what is wrong in them, and never apply.
        let then = try node(of: schema, "then")
        let otherwise = try node(of: schema, "else")
        if let condition = try node(of: schema, "if") {
            checks.append(.conditional(condition: condition, then: then, otherwise: otherwise))
        }
        return checks
    }

    // MARK: parts

    private func limits(
        of schema: SchemaKeywords, _ minimum: String, _ maximum: String
    ) throws(SchemaProblem) -> (Int, Int)? {
        let lower = try schema.count(minimum)
        let upper = try schema.count(maximum)
        return lower == nil && upper == nil ? nil : (lower ?? 0, upper ?? .max)
    }

    private mutating func node(of schema: SchemaKeywords, _ keyword: String) throws(SchemaProblem) -> SchemaNodeID? {
        guard let value = schema.members[keyword] else { return nil }
        return try node(value, at: JSONPointer.appending(keyword, to: schema.place))
    }

    private mutating func nodes(of schema: SchemaKeywords, _ keyword: String) throws(SchemaProblem) -> [SchemaNodeID] {
        var result: [SchemaNodeID] = []
        for (index, value) in (try schema.array(keyword) ?? []).enumerated() {
            result.append(try node(value, at: "\(JSONPointer.appending(keyword, to: schema.place))/\(index)"))
        }
        return result
    }

    private mutating func nodesByName(
        of schema: SchemaKeywords, _ keyword: String
    ) throws(SchemaProblem) -> [(String, SchemaNodeID)] {
        var result: [(String, SchemaNodeID)] = []
        for (name, value) in try schema.object(keyword) ?? [] {
            let place = JSONPointer.appending(name, to: JSONPointer.appending(keyword, to: schema.place))
            result.append((name, try node(value, at: place)))
        }
        return result
    }
}
