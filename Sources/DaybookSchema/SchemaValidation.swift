// Applies a schema to one document and collects what it does against it. Goes on after a violation, so that a sender
// learns of all of them at once, up to a limit.

import Foundation

/// One application of a schema.
struct SchemaValidation {
    let nodes: [SchemaNode]
    /// How many violations are collected before nothing more is looked at.
    let limit: Int
    private(set) var violations: [SchemaViolation] = []

    init(nodes: [SchemaNode], limit: Int) {
        self.nodes = nodes
        self.limit = limit
    }

    /// Applies the node `id` to `value`, which stands at `place`.
    mutating func apply(_ id: SchemaNodeID, to value: JSONValue, at place: String) {
        for check in nodes[id].checks {
            guard violations.count < limit else { return }
            apply(check, of: nodes[id], to: value, at: place)
        }
    }

    private func holds(_ id: SchemaNodeID, _ value: JSONValue) -> Bool {
        var trial = SchemaValidation(nodes: nodes, limit: 1)
        trial.apply(id, to: value, at: "")
        return trial.violations.isEmpty
    }

    private mutating func refuse(_ place: String, _ node: SchemaNode, _ keyword: String, _ message: String) {
        guard violations.count < limit else { return }
        let keyword = keyword.isEmpty ? node.place : node.place + "/" + keyword
        violations.append(SchemaViolation(place: place, keyword: keyword, message: message))
    }

    private mutating func apply(_ check: SchemaCheck, of node: SchemaNode, to value: JSONValue, at place: String) {
        switch check {
        case .nothing: refuse(place, node, "", "may not be there")
        case .types(let names):
            let name = value.typeName
            if !names.contains(name) && !(name == "integer" && names.contains("number")) {
                refuse(place, node, "type", "is \(name) and must be \(names.joined(separator: " or "))")
            }
        case .values(let values, let keyword):
            if !values.contains(value) {
                refuse(place, node, keyword, "is none of the \(values.count) values that are allowed")
            }
        case .reference(let target): apply(target, to: value, at: place)
        case .all(let targets): for target in targets { apply(target, to: value, at: place) }
        case .any(let targets):
            if !targets.contains(where: { holds($0, value) }) {
                refuse(place, node, "anyOf", "satisfies none of \(targets.count) alternatives")
            }
        case .exactlyOne(let targets):
            let count = targets.count { holds($0, value) }
            if count != 1 {
                refuse(place, node, "oneOf", "satisfies \(count) of \(targets.count) alternatives and must satisfy one")
            }
        case .none(let target):
            if holds(target, value) { refuse(place, node, "not", "satisfies what it must not") }
        case .conditional(let condition, let then, let otherwise):
            if let target = holds(condition, value) ? then : otherwise { apply(target, to: value, at: place) }
        default:
            switch value {
            case .number(let number): apply(check, of: node, toNumber: number, at: place)
            case .string(let string): apply(check, of: node, toString: string, at: place)
            case .array(let elements): apply(check, of: node, toArray: elements, at: place)
            case .object(let members): apply(check, of: node, toObject: members, at: place)
            case .null, .boolean: break
            }
        }
    }

    private mutating func apply(_ check: SchemaCheck, of node: SchemaNode, toNumber number: Decimal, at place: String) {
        switch check {
        case .minimum(let minimum, let isExclusive):
            guard isExclusive ? number <= minimum : number < minimum else { return }
            refuse(
                place, node, isExclusive ? "exclusiveMinimum" : "minimum",
                "must be \(isExclusive ? "more than" : "at least") \(minimum)")
        case .maximum(let maximum, let isExclusive):
            guard isExclusive ? number >= maximum : number > maximum else { return }
            refuse(
                place, node, isExclusive ? "exclusiveMaximum" : "maximum",
                "must be \(isExclusive ? "less than" : "at most") \(maximum)")
        case .multiple(let unit):
            if !number.isMultiple(of: unit) { refuse(place, node, "multipleOf", "must be a multiple of \(unit)") }
        default: break
        }
    }

    private mutating func apply(_ check: SchemaCheck, of node: SchemaNode, toString string: String, at place: String) {
        switch check {
        case .length(let minimum, let maximum):
            let count = string.unicodeScalars.count
            expect(count, minimum, maximum, "characters", ("minLength", "maxLength"), node, place)
        case .pattern(let pattern):
            if !pattern.matches(string) { refuse(place, node, "pattern", "does not match the pattern \(pattern.text)") }
        case .format(let format):
            if !format.holds(string) { refuse(place, node, "format", "is not a valid \(format.rawValue)") }
        default: break
        }
    }

    private mutating func apply(
        _ check: SchemaCheck, of node: SchemaNode, toArray elements: [JSONValue], at place: String
    ) {
        switch check {
        case .elements(let prefix, let rest):
            for (index, element) in elements.enumerated() {
                guard let target = index < prefix.count ? prefix[index] : rest else { return }
                apply(target, to: element, at: "\(place)/\(index)")
            }
        case .elementCount(let minimum, let maximum):
            expect(elements.count, minimum, maximum, "elements", ("minItems", "maxItems"), node, place)
        case .contains(let target, let minimum, let maximum):
            let count = elements.count { holds(target, $0) }
            if count < minimum || count > maximum {
                refuse(place, node, "contains", "has \(count) elements of the kind asked for")
            }
        case .uniqueElements:
            if Set(elements).count != elements.count { refuse(place, node, "uniqueItems", "has equal elements") }
        default: break
        }
    }

    private mutating func apply(
        _ check: SchemaCheck, of node: SchemaNode, toObject members: [String: JSONValue], at place: String
    ) {
        switch check {
        case .required(let names):
            for name in names where members[name] == nil { refuse(place, node, "required", "lacks \"\(name)\"") }
        case .members(let demands): apply(demands, of: node, to: members, at: place)
        case .memberCount(let minimum, let maximum):
            expect(members.count, minimum, maximum, "members", ("minProperties", "maxProperties"), node, place)
        case .memberNames(let target):
            for name in members.keys.sorted() where !holds(target, .string(name)) {
                refuse(place, node, "propertyNames", "has a member whose name is not allowed: \"\(name)\"")
            }
        case .dependentRequired(let demands, let keyword):
            for (name, others) in demands.sorted(by: { $0.key < $1.key }) where members[name] != nil {
                for other in others where members[other] == nil {
                    refuse(place, node, keyword, "has \"\(name)\" and lacks \"\(other)\", which belongs to it")
                }
            }
        case .dependentSchemas(let demands):
            for (name, target) in demands.sorted(by: { $0.key < $1.key }) where members[name] != nil {
                apply(target, to: .object(members), at: place)
            }
        default: break
        }
    }

    private mutating func apply(
        _ demands: SchemaMembers, of node: SchemaNode, to members: [String: JSONValue], at place: String
    ) {
        // Sorted, so that the same document always gets the same answer.
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            guard violations.count < limit else { return }
            var targets = demands.patterns.filter { $0.pattern.matches(name) }.map(\.node)
            if let target = demands.named[name] { targets.append(target) }
            if targets.isEmpty, let others = demands.others { targets = [others] }
            for target in targets { apply(target, to: value, at: JSONPointer.appending(name, to: place)) }
        }
    }

    private mutating func expect(
        _ count: Int, _ minimum: Int, _ maximum: Int, _ unit: String, _ keywords: (String, String), _ node: SchemaNode,
        _ place: String
    ) {
        if count < minimum { refuse(place, node, keywords.0, "has \(count) \(unit) and must have at least \(minimum)") }
        if count > maximum { refuse(place, node, keywords.1, "has \(count) \(unit) and may have at most \(maximum)") }
    }
}
