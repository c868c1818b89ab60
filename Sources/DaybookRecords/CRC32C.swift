// The checksum of a record batch: CRC-32C (Castagnoli), by instruction where the machine has one.
// A thin face over CDaybookShims, where the arithmetic is.

internal import CDaybookShims

/// CRC-32C of runs of bytes.
package enum CRC32C {
    /// The checksum of `bytes`, or of what `previous` covers followed by `bytes`. About 20 GB/s by instruction.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
        daybook_crc32c(previous, bytes.baseAddress, bytes.count)
    }

    /// The checksum of A followed by B, from those of A and of B and B's length in bytes. O(log length).
    package static func combined(_ a: UInt32, _ b: UInt32, lengthOfB: Int) -> UInt32 {
        daybook_crc32c_combine(a, b, UInt64(lengthOfB))
    }
}
