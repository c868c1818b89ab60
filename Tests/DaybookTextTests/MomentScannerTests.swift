// The calendar forth and back, and the pieces of moments. The forms that they are put together to are tested where they are used.

import Testing

@testable import DaybookText

@Suite("Moments")
struct MomentScannerTests {
    @Test func `every day has a number and comes back from it`() {
        var before = CalendarDay(number: -800_000)
        for number in Int64(-799_999)...800_000 {
            let day = CalendarDay(number: number)
            let isNext =
                day.year == before.year && day.month == before.month && day.day == before.day + 1
                || day.day == 1 && (before.month == 12 ? day.month == 1 : day.month == before.month + 1)
            guard isNext, day.number == number, CalendarDay(year: day.year, month: day.month, day: day.day) == day
            else {
                Issue.record("day \(number): \(day)")
                return
            }
            before = day
        }
        #expect(CalendarDay(number: 0).text == "1970-01-01")
        #expect(CalendarDay(year: 1900, month: 2, day: 29) == nil)
        #expect(CalendarDay(year: 2000, month: 2, day: 29)?.number == 11_016)
        #expect(CalendarDay(number: -719_529).text == "-000001-12-31")
    }

    @Test(
        arguments: [
            ("00:00:00Z", 0), ("23:59:59.9999z", 86_399_999), ("00:30:00.5+01:00", -1_799_500),
            ("23:59:60Z", 86_400_000),
            ("22:59:60-01:00", 86_400_000), ("23:58:60Z", nil), ("24:00:00Z", nil), ("12:00:00", nil),
            ("12:00:00.Z", nil),
            ("12:00:00+24:00", nil), ("1:00:00Z", nil),
        ] as [(String, Int64?)])
    func `a time of day is milliseconds of the day in UTC`(text: String, milliseconds: Int64?) {
        var scanner = MomentScanner(text)
        #expect(scanner.time() == milliseconds)
    }
}
