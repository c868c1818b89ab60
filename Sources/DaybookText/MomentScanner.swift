// The pieces of which moments are written, as RFC 3339 has them: days, times of day, distances from UTC. Which forms are allowed
// where is decided by whoever puts the pieces together.

/// Takes pieces off the front of a text. What is nil has taken something or nothing; there is nothing more to be read then.
package struct MomentScanner {
    private var rest: ArraySlice<UInt8>

    package init(_ text: String) { rest = Array(text.utf8)[...] }

    /// Nothing is left.
    package var isAtEnd: Bool { rest.isEmpty }

    /// One of these characters of ASCII, if it is the next one.
    package mutating func take(_ characters: StaticString) -> Bool {
        guard let first = rest.first else { return false }
        let isThere = characters.withUTF8Buffer { $0.contains(first) }
        if isThere { rest.removeFirst() }
        return isThere
    }

    /// A number of exactly so many digits.
    package mutating func number(_ count: Int) -> Int64? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(Self.isDigit) else { return nil }
        rest.removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// `2011-08-31`, of the years 0 to 9999.
    package mutating func day() -> CalendarDay? {
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2) else { return nil }
        return CalendarDay(year: year, month: month, day: day)
    }

    /// `17:59:00`, a fraction if there is one, and the distance from UTC: the milliseconds since the day began in UTC, which
    /// may be below 0 or beyond the day's end. A leap second counts as the second after it, and is one only where UTC may
    /// have one.
    package mutating func time() -> Int64? {
        guard let hour = number(2), hour < 24, take(":"), let minute = number(2), minute < 60, take(":"),
            let second = number(2), second <= 60
        else { return nil }
        var milliseconds: Int64 = 0
        if take(".") {
            guard let fraction = fraction() else { return nil }
            milliseconds = fraction
        }
        guard let zone = zone() else { return nil }
        let minutes = hour * 60 + minute - zone
        guard second < 60 || ((minutes % 1440) + 1440) % 1440 == 1439 else { return nil }
        return (minutes * 60 + second) * 1000 + milliseconds
    }

    /// The digits behind a point, rounded down to milliseconds.
    package mutating func fraction() -> Int64? {
        let digits = rest.prefix(while: Self.isDigit)
        guard !digits.isEmpty else { return nil }
        rest.removeFirst(digits.count)
        let thousandths = digits.prefix(3).reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        return digits.count == 1 ? thousandths * 100 : digits.count == 2 ? thousandths * 10 : thousandths
    }

    /// `Z`, `+02:00`: the minutes that the zone is ahead of UTC.
    package mutating func zone() -> Int64? {
        if take("Zz") { return 0 }
        guard let sign = sign(), let hours = number(2), hours < 24, take(":"), let minutes = number(2), minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * sign
    }

    /// 1 or −1.
    package mutating func sign() -> Int64? { take("+") ? 1 : take("-") ? -1 : nil }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
