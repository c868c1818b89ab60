// Amounts as a sentence has them: rounded, with a unit that suits.
// For the findings of an examination only.

internal import DaybookModel

/// Text for amounts.
enum Amounts {
    /// `1536` as `1.5 KiB`; below 1024 the plain number.
    static func bytes(_ count: Int) -> String {
        let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        guard let (size, unit) = units.first(where: { count >= $0.0 }) else { return "\(count) bytes" }
        return tenths(count / (size / 1024), of: 1024) + " " + unit
    }

    /// Microseconds below a millisecond, milliseconds below a second, seconds above.
    static func latency(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = Int(seconds) * 1_000_000 + Int((attoseconds + 500_000_000_000) / 1_000_000_000_000)
        switch microseconds {
        case ..<1000: return "\(microseconds) µs"
        case ..<1_000_000: return tenths(microseconds, of: 1000) + " ms"
        default: return tenths(microseconds / 1000, of: 1000) + " s"
        }
    }

    /// A time between two moments, in the largest unit of which there are two at least.
    static func age(milliseconds: Int64) -> String {
        let units: [(Int64, String)] = [
            (365 * 86_400_000, "years"), (86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"),
        ]
        let (size, unit) = units.first { milliseconds >= 2 * $0.0 } ?? (1000, "seconds")
        let count = milliseconds / size
        return count == 1 ? "1 second" : "\(count) \(unit)"
    }

    /// `1 topic`, `2 topics`.
    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private static func tenths(_ count: Int, of unit: Int) -> String {
        let rounded = (count * 10 + unit / 2) / unit
        return "\(rounded / 10).\(rounded % 10)"
    }
}
