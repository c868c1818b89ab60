// Timestamps as ISO 8601 in UTC with milliseconds, and back, in the shorter forms too that people type. The calendar and the
// pieces of such texts are in `DaybookText`.

import Daybook
import DaybookText

/// Text for moments.
enum MomentText {
    /// `2011-08-31T17:59:00.000Z`. Years beyond 9999 and before 0 get a sign, as ISO 8601 wants it.
    static func format(_ timestamp: Timestamp) -> String {
        let (day, millisecond) = CalendarDay.split(milliseconds: timestamp.rawValue)
        return "\(day.text)T\(CalendarDay.timeText(millisecond: millisecond))"
            + ".\(CalendarDay.fractionText(millisecond: millisecond))Z"
    }

    /// Reads `2011-08-31`, `2011-08-31T17:59`, `2011-08-31T17:59:00.5+02:00`; without a zone it is UTC. A blank may stand
    /// for the T. Nil for everything else.
    static func parse(_ text: String) -> Timestamp? {
        var scanner = MomentScanner(text)
        guard let day = scanner.day() else { return nil }
        guard !scanner.isAtEnd else { return Timestamp(milliseconds: day.number * 86_400_000) }
        guard scanner.take("Tt "), let time = time(&scanner), let zone = zone(&scanner), scanner.isAtEnd else {
            return nil
        }
        return Timestamp(milliseconds: day.number * 86_400_000 + time - zone * 60_000)
    }

    /// Milliseconds since the day began; a day may end with 24:00.
    private static func time(_ scanner: inout MomentScanner) -> Int64? {
        guard let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2), minute < 60 else {
            return nil
        }
        var (second, fraction): (Int64, Int64) = (0, 0)
        if scanner.take(":") {
            // A leap second has no number of its own in milliseconds since 1970, and nobody types one.
            guard let number = scanner.number(2), number < 60 else { return nil }
            second = number
            if scanner.take(".,") {
                guard let number = scanner.fraction() else { return nil }
                fraction = number
            }
        }
        let milliseconds = ((hour * 60 + minute) * 60 + second) * 1000 + fraction
        return milliseconds <= 86_400_000 ? milliseconds : nil
    }

    /// `Z`, `+02`, `+0200`, `+02:00`, perhaps behind blanks; the minutes ahead of UTC.
    private static func zone(_ scanner: inout MomentScanner) -> Int64? {
        while scanner.take(" ") {}
        if scanner.isAtEnd || scanner.take("Zz") { return 0 }
        guard let sign = scanner.sign(), let hours = scanner.number(2), hours < 24 else { return nil }
        if scanner.isAtEnd { return sign * hours * 60 }
        _ = scanner.take(":")
        guard let minutes = scanner.number(2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
