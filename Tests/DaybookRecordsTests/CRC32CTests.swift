// CRC-32C: known answers,
// and the instruction, the table and the joining of two checksums against a bitwise one.

import CDaybookShims
import DaybookRecords
import DaybookTesting
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
    /// RFC 3720 (iSCSI), appendix B.4, and the check value of the CRC catalogue.
    static let known: [([UInt8], UInt32)] = [
        ([], 0), (Array("123456789".utf8), 0xe306_9283), (Array("a".utf8), 0xc1d0_4330),
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa), ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        (Array(0..<32), 0x46dd_794e), ((0..<32).reversed(), 0x113f_db5c),
    ]

    @Test("known answers", arguments: known)
    func answers(bytes: [UInt8], crc: UInt32) {
        #expect(bytes.withUnsafeBytes { CRC32C.checksum($0) } == crc)
        #expect(bytes.withUnsafeBytes { daybook_crc32c_table(0, $0.baseAddress, $0.count) } == crc)
        #expect(KafkaBytes.crc32c(bytes) == crc)
    }

    /// Bytes, and the bitwise checksum of each of their prefixes.
    private static func prefixes(_ count: Int, seed: UInt64) -> (bytes: [UInt8], crcs: [UInt32]) {
        var generator = SeededGenerator(seed: seed)
        let bytes = generator.bytes(count)
        var crcs: [UInt32] = [0]
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
            crcs.append(~crc)
        }
        return (bytes, crcs)
    }

    @Test("every length at every alignment, by instruction and by table", arguments: [0xc3c as UInt64])
    func lengths(seed: UInt64) {
        let (bytes, crcs) = Self.prefixes(6300, seed: seed)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 8, alignment: 64)
        defer { memory.deallocate() }
        var wrong: [String] = []
        for alignment in 0..<8 {
            let shifted = UnsafeMutableRawBufferPointer(rebasing: memory[alignment...])
            shifted.copyBytes(from: bytes)
            for count in 0...bytes.count {
                let part = UnsafeRawBufferPointer(rebasing: shifted[..<count])
                if CRC32C.checksum(part) != crcs[count] { wrong.append("\(count) at \(alignment)") }
                if daybook_crc32c_table(0, part.baseAddress, count) != crcs[count] {
                    wrong.append("\(count) at \(alignment) by table")
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(10))")
    }

    @Test("two parts make the whole, joined or continued, wherever they are cut", arguments: [0xabc as UInt64])
    func parts(seed: UInt64) {
        let (bytes, crcs) = Self.prefixes(5000, seed: seed)
        var wrong: [String] = []
        bytes.withUnsafeBytes { bytes in
            for cut in 0...bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[cut...])
                let joined = CRC32C.combined(crcs[cut], CRC32C.checksum(rest), lengthOfB: rest.count)
                if joined != crcs[bytes.count] { wrong.append("joined at \(cut)") }
                if CRC32C.checksum(rest, continuing: crcs[cut]) != crcs[bytes.count] {
                    wrong.append("continued at \(cut)")
                }
                if daybook_crc32c_table(crcs[cut], rest.baseAddress, rest.count) != crcs[bytes.count] {
                    wrong.append("continued at \(cut) by table")
                }
            }
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(10))")
    }

    @Test("joining does not care where the brackets stand, for any length", arguments: [0x101 as UInt64])
    func associative(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for shift in 0..<61 {
            let (a, b, c) = (generator.crc(), generator.crc(), generator.crc())
            let lengthOfB = Int.random(in: 0...(1 << shift), using: &generator)
            let lengthOfC = Int.random(in: 0...(1 << shift), using: &generator)
            let left = CRC32C.combined(CRC32C.combined(a, b, lengthOfB: lengthOfB), c, lengthOfB: lengthOfC)
            let right = CRC32C.combined(
                a, CRC32C.combined(b, c, lengthOfB: lengthOfC), lengthOfB: lengthOfB + lengthOfC)
            #expect(left == right, "seed \(seed), \(lengthOfB) and \(lengthOfC) bytes")
        }
        #expect(CRC32C.combined(5, 0, lengthOfB: 0) == 5)
    }

    @Test("a megabyte, whole and in pieces of every kind", arguments: [0x4d as UInt64])
    func large(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = generator.bytes(1 << 20)
        bytes.withUnsafeBytes { bytes in
            let whole = CRC32C.checksum(bytes)
            #expect(whole == daybook_crc32c_table(0, bytes.baseAddress, bytes.count))
            var crc: UInt32 = 0
            var place = 0
            while place < bytes.count {
                let count = min(bytes.count - place, Int.random(in: 0...9000, using: &generator))
                crc = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[place..<place + count]), continuing: crc)
                place += count
            }
            #expect(crc == whole, "seed \(seed)")
        }
    }

    @Test("this machine's instruction is in use")
    func accelerated() {
        #if arch(x86_64) || arch(arm64)
            #expect(daybook_crc32c_is_accelerated() == 1)
        #endif
    }
}

extension SeededGenerator {
    fileprivate mutating func crc() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
