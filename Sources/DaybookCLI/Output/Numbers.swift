// Numbers and amounts of bytes as people read them. Programs get plain numbers, in JSON.
// No locale: output looks alike on every machine.

/// Text for counts and sizes.
enum Numbers {
    /// `1234567` as `1,234,567`.
    static func grouped(_ number: some BinaryInteger) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// `1536` as `1.5 KiB`; below 1024 the plain number with `B`.
    static func bytes(_ count: some BinaryInteger) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var amount = Double(count)
        var unit = 0
        while abs(amount) >= 1024, unit < units.count - 1 {
            amount /= 1024
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(fixed(amount, 1)) \(units[unit])"
    }

    /// An age in its two largest units: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`.
    static func age(_ age: Duration) -> String {
        let milliseconds = Int64(max(.zero, age) / .milliseconds(1))
        let units: [(name: String, milliseconds: Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1),
        ]
        guard let first = units.firstIndex(where: { milliseconds >= $0.milliseconds }) else { return "0 ms" }
        let (whole, rest) = milliseconds.quotientAndRemainder(dividingBy: units[first].milliseconds)
        let text = "\(whole) \(units[first].name)"
        // Of seconds nobody wants to know the thousandths.
        guard first < 3, rest >= units[first + 1].milliseconds else { return text }
        return text + " \(rest / units[first + 1].milliseconds) \(units[first + 1].name)"
    }

    /// `value` with exactly so many digits behind the point.
    static func fixed(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }
}
