// Byte counts as people write them in files and on the command line,
// and as they are written for people.

import DaybookModel
import Testing

@Suite("Byte counts")
struct ByteCountTests {
    @Test(
        "sizes are read with and without units",
        arguments: [
            ("0", 0), ("1", 1), ("1048576", 1_048_576), ("7B", 7), ("7 b", 7), ("64KiB", 65536), ("64 KiB", 65536),
            ("64kib", 65536), ("64k", 65536), ("64K", 65536), ("64kB", 64000), ("1MB", 1_000_000), ("1MiB", 1 << 20),
            ("3m", 3 << 20), ("2GB", 2_000_000_000), ("2 GiB", 2 << 30), ("1g", 1 << 30), ("007", 7),
            ("9223372036854775807", Int.max), ("8589934591GiB", 8_589_934_591 << 30),
        ])
    func parses(text: String, bytes: Int) {
        #expect(ByteCount(parsing: text)?.rawValue == bytes)
    }

    @Test(
        "everything else is refused",
        arguments: [
            "", " ", "KiB", "-1", "+1", "1.5MiB", "1e3", "0x10", "1 TiB", "1 2", " 1", "1KiBB", "1_000", "٣",
            "9223372036854775808", "8589934592GiB", "9223372036854775807KB",
        ])
    func refuses(text: String) {
        #expect(ByteCount(parsing: text) == nil)
    }

    @Test("the largest unit that divides is shown")
    func describes() {
        #expect(ByteCount.bytes(0).description == "0B")
        #expect(ByteCount.bytes(1000).description == "1000B")
        #expect(ByteCount.bytes(1023).description == "1023B")
        #expect(ByteCount.kibibytes(1).description == "1KiB")
        #expect(ByteCount.kibibytes(1536).description == "1536KiB")
        #expect(ByteCount.mebibytes(256).description == "256MiB")
        #expect(ByteCount.gibibytes(5).description == "5GiB")
        #expect(ByteCount.bytes((1 << 30) + 1).description == "1073741825B")
    }

    @Test("what is shown is read back", arguments: [0, 1, 999, 1024, 65536, 1_000_000, 1 << 20, 3 << 30, Int.max])
    func roundTrip(bytes: Int) {
        #expect(ByteCount(parsing: ByteCount.bytes(bytes).description) == .bytes(bytes))
    }

    @Test("counts are ordered")
    func order() {
        #expect(ByteCount.kibibytes(1) < .bytes(1025))
        #expect(ByteCount.mebibytes(1) == .kibibytes(1024))
    }
}
