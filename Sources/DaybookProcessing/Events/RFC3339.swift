// Moments as text, in the profile of ISO 8601 that CloudEvents asks for. The calendar is the Gregorian one for all years from
// 0001 to 9999; a leap second counts as the second after it.

internal import DaybookModel

/// Reads and writes `2026-01-01T00:00:00.125Z`.
enum RFC3339 {
    /// The moment in UTC, with milliseconds where there are any.
    static func text(_ timestamp: Timestamp) -> String {
        let (days, rest) = floored(timestamp.rawValue, 86_400_000)
        let (year, month, day) = date(days)
        let seconds = rest / 1000
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
        text += "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        if rest % 1000 != 0 { text += ".\(padded(rest % 1000, 3))" }
        return text + "Z"
    }

    /// The moment, rounded down to the millisecond; nil where the text is none.
    static func timestamp(_ text: String) -> Timestamp? {
        var scanner = Digits(bytes: Array(text.utf8))
        guard let year = scanner.number(4), year > 0, scanner.take("-"), let month = scanner.number(2),
            (1...12).contains(month), scanner.take("-"), let day = scanner.number(2),
            (1...daysCount(year, month)).contains(day), scanner.take("T") || scanner.take("t"),
            let hour = scanner.number(2), hour < 24, scanner.take(":"), let minute = scanner.number(2), minute < 60,
            scanner.take(":"), let second = scanner.number(2), second <= 60
        else { return nil }
        var milliseconds: Int64 = 0
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            milliseconds = fraction
        }
        guard let shift = scanner.zone(), scanner.isAtEnd else { return nil }
        let seconds = dayNumber(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - shift * 60
        return Timestamp(milliseconds: seconds * 1000 + milliseconds)
    }

    // MARK: calendar

    private static func floored(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let rest = value % divisor
        return rest < 0 ? (value / divisor - 1, rest + divisor) : (value / divisor, rest)
    }

    private static func padded(_ value: Int64, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func daysCount(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day is the last one.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floored(shifted, 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ number: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floored(number + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }
}

/// Takes digits and signs off the front of a text.
private struct Digits {
    private let bytes: [UInt8]
    private var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    /// A number of so many digits.
    mutating func number(_ count: Int) -> Int64? {
        guard bytes.count - place >= count else { return nil }
        var number: Int64 = 0
        for index in place..<place + count {
            guard (48...57).contains(bytes[index]) else { return nil }
            number = number * 10 + Int64(bytes[index] - 48)
        }
        place += count
        return number
    }

    mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard place < bytes.count, bytes[place] == UInt8(ascii: sign) else { return false }
        place += 1
        return true
    }

    /// Digits behind a point, as milliseconds; nil for none.
    mutating func fraction() -> Int64? {
        var (thousandths, weight, count): (Int64, Int64, Int) = (0, 100, 0)
        while place < bytes.count, (48...57).contains(bytes[place]) {
            thousandths += Int64(bytes[place] - 48) * weight
            weight /= 10
            place += 1
            count += 1
        }
        return count == 0 ? nil : thousandths
    }

    /// Minutes that the zone is ahead of UTC.
    mutating func zone() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let isBehind = take("-")
        guard isBehind || take("+"), let hours = number(2), hours < 24, take(":"), let minutes = number(2),
            minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (isBehind ? -1 : 1)
    }
}
