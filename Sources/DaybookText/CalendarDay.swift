// The Gregorian calendar, and the texts of days and times of day. Own arithmetic instead of Foundation's: it runs once or
// twice for each record that is written or printed, and any Int64 of milliseconds must have a text. What reads them is
// `MomentScanner`.

/// A day of the Gregorian calendar, which is reckoned backwards too for the time before it was made.
package struct CalendarDay: Hashable, Sendable {
    package let year: Int64
    /// 1 to 12.
    package let month: Int64
    /// From 1 to as many as the month has.
    package let day: Int64

    /// Nil where there is no such day.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= Self.daysCount(year, month) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    // Years begin in March here, so that the odd day comes last. Howard Hinnant, "chrono-compatible low-level date algorithms".

    /// The day that comes so many days after 1970-01-01. From −10¹⁷ to 10¹⁷.
    package init(number: Int64) {
        let (era, dayOfEra) = (number + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        month = shifted < 10 ? shifted + 3 : shifted - 9
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01.
    package var number: Int64 {
        let year = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = year.flooredQuotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func daysCount(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// `2011-08-31`. Years beyond 9999 and before 0 get a sign and six digits or more, as ISO 8601 wants it.
    package var text: String {
        let isPlain = (0...9999).contains(year)
        let yearText = isPlain ? year.padded(4) : (year < 0 ? "-" : "+") + abs(year).padded(6)
        return "\(yearText)-\(month.padded(2))-\(day.padded(2))"
    }

    /// The day of a moment in UTC, and the milliseconds since it began.
    package static func split(milliseconds: Int64) -> (day: CalendarDay, millisecond: Int64) {
        let (number, rest) = milliseconds.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        return (CalendarDay(number: number), rest)
    }

    /// `17:59:00`, of the milliseconds since a day began, without those of the last second.
    package static func timeText(millisecond: Int64) -> String {
        let second = millisecond / 1000
        return "\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2))"
    }

    /// `125`, the milliseconds of the last second.
    package static func fractionText(millisecond: Int64) -> String { (millisecond % 1000).padded(3) }
}

extension Int64 {
    /// Quotient rounded down and a remainder from 0 upwards.
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}
