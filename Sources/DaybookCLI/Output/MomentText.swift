// Timestamps as ISO 8601 in UTC with milliseconds, and back. Own arithmetic instead of Foundation's: it runs once or
// twice for each record that `consume` prints, and any Int64 of milliseconds must have a text.

import Daybook

/// Text for moments.
enum MomentText {
    /// `2011-08-31T17:59:00.000Z`. Years beyond 9999 and before 0 get a sign, as ISO 8601 wants it.
    static func format(_ timestamp: Timestamp) -> String {
        let (days, millisecond) = timestamp.rawValue.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = date(days)
        let yearText = (0...9999).contains(year) ? padded(year, 4) : (year < 0 ? "-" : "+") + padded(abs(year), 6)
        let (second, fraction) = millisecond.quotientAndRemainder(dividingBy: 1000)
        return "\(yearText)-\(padded(month, 2))-\(padded(day, 2))T\(padded(second / 3600, 2)):"
            + "\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2)).\(padded(fraction, 3))Z"
    }

    /// Reads `2011-08-31`, `2011-08-31T17:59`, `2011-08-31T17:59:00.5+02:00`; without a zone it is UTC. A blank may stand
    /// for the T. Nil for everything else.
    static func parse(_ text: String) -> Timestamp? {
        let pattern =
            /(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?)?/
        guard let match = text.wholeMatch(of: pattern), let year = Int64(match.1), let month = Int64(match.2),
            let day = Int64(match.3), (1...12).contains(month), day >= 1, day <= daysOfMonth(year, month),
            let hour = number(match.4), let minute = number(match.5), let second = number(match.6), minute < 60,
            hour < 24 || (hour == 24 && minute == 0 && second == 0),
            // A leap second has no number of its own in milliseconds since 1970.
            second < 60, let zone = zoneMinutes(match.8)
        else { return nil }
        let fraction = match.7.map { Int64($0.prefix(3)) ?? 0 } ?? 0
        let scale: Int64 = [1: 100, 2: 10][match.7?.count ?? 3] ?? 1
        let minutes = days(year, month, day) * 1440 + hour * 60 + minute - zone
        return Timestamp(milliseconds: (minutes * 60 + second) * 1000 + fraction * scale)
    }

    private static func number(_ digits: Substring?) -> Int64? { digits.map { Int64($0) } ?? 0 }

    private static func zoneMinutes(_ text: Substring?) -> Int64? {
        guard let text, text.lowercased() != "z" else { return 0 }
        let digits = text.dropFirst().filter { $0 != ":" }
        guard let hours = Int64(digits.prefix(2)), let minutes = number(digits.count > 2 ? digits.suffix(2) : nil),
            hours < 24, minutes < 60
        else { return nil }
        return (text.first == "-" ? -1 : 1) * (hours * 60 + minutes)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    // The calendar: years begin in March, so that the odd day comes last. Howard Hinnant, "chrono-compatible low-level
    // date algorithms".

    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = year.flooredQuotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func daysOfMonth(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    /// Quotient rounded down and a remainder from 0 upwards.
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
