// Moments as text, in the profile of ISO 8601 that CloudEvents asks for, for the years from 0001 to 9999. The calendar and the
// pieces of such texts are in `DaybookText`.

internal import DaybookModel
internal import DaybookText

/// Reads and writes `2026-01-01T00:00:00.125Z`.
enum RFC3339 {
    /// The moment in UTC, with milliseconds where there are any. That of another year is not RFC 3339's.
    static func text(_ timestamp: Timestamp) -> String {
        let (day, millisecond) = CalendarDay.split(milliseconds: timestamp.rawValue)
        let fraction = millisecond % 1000 == 0 ? "" : "." + CalendarDay.fractionText(millisecond: millisecond)
        return "\(day.text)T\(CalendarDay.timeText(millisecond: millisecond))\(fraction)Z"
    }

    /// The moment, rounded down to the millisecond; nil where the text is none. A leap second counts as the second after it.
    static func timestamp(_ text: String) -> Timestamp? {
        var scanner = MomentScanner(text)
        guard let day = scanner.day(), day.year > 0, scanner.take("Tt"), let time = scanner.time(), scanner.isAtEnd
        else { return nil }
        return Timestamp(milliseconds: day.number * 86_400_000 + time)
    }
}
