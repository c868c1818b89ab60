// What a schema becomes once it has been read: nodes that refer to each other by number, so that schemas may be
// recursive, each with the checks it asks for. `SchemaCompiler` makes them, `SchemaValidation` applies them.

import Foundation

/// The number of a node within its schema.
typealias SchemaNodeID = Int

/// One schema or subschema.
struct SchemaNode: Sendable {
    /// Its place in the document, as a JSON Pointer.
    let place: String
    /// In the order in which they are applied; all of them must hold.
    var checks: [SchemaCheck] = []
}

/// One demand on a value. A check that concerns another kind of value holds.
enum SchemaCheck: Sendable {
    /// The schema `false`.
    case nothing
    case types([String])
    case values([JSONValue], keyword: String)

    case minimum(Decimal, isExclusive: Bool)
    case maximum(Decimal, isExclusive: Bool)
    case multiple(of: Decimal)

    /// In Unicode code points.
    case length(minimum: Int, maximum: Int)
    case pattern(SchemaPattern)
    case format(SchemaFormat)

    /// `rest` applies to the elements behind those that `prefix` names.
    case elements(prefix: [SchemaNodeID], rest: SchemaNodeID?)
    case elementCount(minimum: Int, maximum: Int)
    case contains(SchemaNodeID, minimum: Int, maximum: Int)
    case uniqueElements

    case members(SchemaMembers)
    case required([String])
    case memberCount(minimum: Int, maximum: Int)
    case memberNames(SchemaNodeID)
    /// When a member is there, these others must be, too.
    case dependentRequired([String: [String]], keyword: String)
    /// When a member is there, the whole object must satisfy a schema, too.
    case dependentSchemas([String: SchemaNodeID])

    case reference(SchemaNodeID)
    case all([SchemaNodeID])
    case any([SchemaNodeID])
    case exactlyOne([SchemaNodeID])
    case none(SchemaNodeID)
    case conditional(condition: SchemaNodeID, then: SchemaNodeID?, otherwise: SchemaNodeID?)

    /// The nodes applied to the same value, not to a part of it: a circle of these would never end.
    var inPlace: [SchemaNodeID] {
        switch self {
        case .reference(let node), .none(let node): [node]
        case .all(let nodes), .any(let nodes), .exactlyOne(let nodes): nodes
        case .conditional(let condition, let then, let otherwise): [condition] + [then, otherwise].compactMap(\.self)
        case .dependentSchemas(let nodes): Array(nodes.values)
        default: []
        }
    }
}

/// What is asked of an object's members: by name, by the form of the name, and of all others.
struct SchemaMembers: Sendable {
    var named: [String: SchemaNodeID] = [:]
    var patterns: [(pattern: SchemaPattern, node: SchemaNodeID)] = []
    var others: SchemaNodeID?

    var isEmpty: Bool { named.isEmpty && patterns.isEmpty && others == nil }
}

/// A regular expression of a schema, which may match anywhere in a string.
///
/// Safety: `Regex` is not Sendable since it may hold closures of its maker; this one is made of text alone and never
/// changed, and the program it is lowered to at its first use is set atomically by the standard library.
struct SchemaPattern: @unchecked Sendable {
    let text: String
    private let regex: Regex<AnyRegexOutput>

    /// Throws what Swift's parser of regular expressions has against `text`. Digits, word characters and blanks are
    /// ASCII and a string counts by code points, as ECMA-262 has it without flags.
    init(_ text: String) throws {
        self.text = text
        regex = try Regex(text).asciiOnlyCharacterClasses().matchingSemantics(.unicodeScalar)
    }

    func matches(_ string: String) -> Bool {
        // A match that Swift's engine gives up on has not been found.
        ((try? regex.firstMatch(in: string)) ?? nil) != nil
    }
}
