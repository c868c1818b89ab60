// Prometheus' text format, version 0.0.4, as its documentation "Exposition formats" has it: what names may be made of, how
// values are written, what must be escaped.

/// A text being written.
struct PrometheusText {
    private(set) var string = ""

    /// Adds a family: its help, its type, and a line or more for each metric.
    mutating func append(_ family: PrometheusFamily, help: String?) {
        let help = help ?? "No description was given by whoever measures this."
        string += "# HELP \(family.name) \(Self.escapedHelp(help))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
        for (labels, metric) in family.metrics.sorted(by: { $0.key < $1.key }) {
            metric.write(family.name, labels, to: &self)
        }
    }

    /// Adds one line. `bound`: the upper bound, in the line of a histogram's bucket.
    mutating func append(_ name: String, _ labels: PrometheusLabels, _ value: String, bound: String? = nil) {
        var inBraces = labels.text
        if let bound { inBraces += (inBraces.isEmpty ? "" : ",") + "le=\"\(bound)\"" }
        string += inBraces.isEmpty ? "\(name) \(value)\n" : "\(name){\(inBraces)} \(value)\n"
    }

    /// A number as Go's parser reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }

    /// `label` as a name of a metric: letters, digits, underscores and colons, no digit first.
    static func name(_ label: String) -> String {
        sanitized(label, alsoAllowed: [UInt8(ascii: "_"), UInt8(ascii: ":")])
    }

    /// `label` as a name of a label. Those that begin with two underscores are Prometheus' own, and so is a bucket's `le`.
    static func labelName(_ label: String) -> String {
        let name = sanitized(label, alsoAllowed: [UInt8(ascii: "_")])
        return name.hasPrefix("__") || name == "le" ? "label_" + name : name
    }

    private static func sanitized(_ text: String, alsoAllowed: [UInt8]) -> String {
        var bytes = text.utf8.map { isAlphanumeric($0) || alsoAllowed.contains($0) ? $0 : UInt8(ascii: "_") }
        if bytes.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ?? true {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// A label's value.
    static func escaped(_ text: String) -> String { escape(text, isQuoted: true) }

    private static func escapedHelp(_ text: String) -> String { escape(text, isQuoted: false) }

    /// By code points: to Swift a quotation mark with an accent on it is a character of its own, and so is a line feed behind a
    /// carriage return; to whoever reads the text they are not.
    private static func escape(_ text: String, isQuoted: Bool) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\"" where isQuoted: result.append(contentsOf: "\\\"".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
