// An amount of bytes with its unit, for configuration: sizes are never bare integers there.
// Parsing accepts what people write in files and on the command line ("64KiB", "1MB", "1048576").

/// An amount of bytes, 0 upwards.
public struct ByteCount: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int

    @inlinable
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// So many bytes.
    public static func bytes(_ count: Int) -> ByteCount { ByteCount(rawValue: count) }
    /// So many times 1024 bytes.
    public static func kibibytes(_ count: Int) -> ByteCount { ByteCount(rawValue: count << 10) }
    /// So many times 1024² bytes.
    public static func mebibytes(_ count: Int) -> ByteCount { ByteCount(rawValue: count << 20) }
    /// So many times 1024³ bytes.
    public static func gibibytes(_ count: Int) -> ByteCount { ByteCount(rawValue: count << 30) }

    @inlinable
    public static func < (a: ByteCount, b: ByteCount) -> Bool { a.rawValue < b.rawValue }

    /// Reads `"1048576"`, `"64KiB"`, `"1 MiB"`, `"2GB"`; nil for anything else, a negative amount or an overflow.
    public init?(parsing text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let amount = Int(digits) else { return nil }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        let multiplier: Int
        switch unit {
        case "", "b": multiplier = 1
        case "k", "kib": multiplier = 1 << 10
        case "kb": multiplier = 1000
        case "m", "mib": multiplier = 1 << 20
        case "mb": multiplier = 1_000_000
        case "g", "gib": multiplier = 1 << 30
        case "gb": multiplier = 1_000_000_000
        default: return nil
        }
        let (bytes, overflow) = amount.multipliedReportingOverflow(by: multiplier)
        guard !overflow else { return nil }
        self.init(rawValue: bytes)
    }

    /// The amount in the largest binary unit that divides it, for example `64KiB` or `1000B`.
    public var description: String {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        where rawValue >= 1 << shift && rawValue & (1 << shift - 1) == 0 {
            return "\(rawValue >> shift)\(unit)"
        }
        return "\(rawValue)B"
    }
}
