// Values of options as people write them: codecs with levels, durations, amounts of bytes, durability.
// Each parser throws a sentence that says what is allowed; ArgumentParser puts the option's name before it.

import ArgumentParser
import Daybook

/// Parsers for option values.
enum OptionValues {
    /// `none`, `lz4`, `zstd`, or one of the last two with a level: `zstd:3`.
    static func compression(_ text: String) throws -> Compression {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let level = parts.count == 2 ? Int32(parts[1]) : nil
        switch (parts[0], parts.count, level) {
        case ("none", 1, _): return .none
        case ("lz4", 1, _): return .lz4()
        case ("zstd", 1, _): return .zstd()
        case ("lz4", 2, let level?) where Compression.lz4Levels.contains(level): return .lz4(level: level)
        case ("zstd", 2, let level?) where Compression.zstdLevels.contains(level): return .zstd(level: level)
        default: throw ValidationError("use none, lz4 or zstd, or a codec with a level such as zstd:3")
        }
    }

    /// One of the three promises, by name.
    static func durability(_ text: String) throws -> Durability {
        guard let durability = Durability(rawValue: text) else {
            throw ValidationError("use durable, osCache or buffered")
        }
        return durability
    }

    /// `65536`, `64KiB`, `1MB`.
    static func byteCount(_ text: String) throws -> ByteCount {
        guard let count = ByteCount(parsing: text) else {
            throw ValidationError("use an amount of bytes such as 65536, 64KiB or 1MB")
        }
        return count
    }

    /// `5` and `5ms` are milliseconds; `2s`, `1m` and `1h` work as well.
    static func duration(_ text: String) throws -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count)
        let milliseconds: Int64? = ["": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000][unit]
        guard let amount = Int64(digits), let milliseconds, amount <= 1_000_000_000 else {
            throw ValidationError("use a duration such as 5ms or 2s")
        }
        return .milliseconds(amount * milliseconds)
    }

    /// `name=value`; the value may be empty and may hold further equals signs.
    static func pair(_ text: String) throws -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ValidationError("use name=value")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
