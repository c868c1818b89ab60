// How much a compressed batch may hold. Checked before memory is taken, so that a few hostile bytes cannot ask for
// gigabytes; the writer obeys the same limits, so that what it stores can always be read back.

package import DaybookModel

/// Bounds on the decompressed size of one batch, absolute and relative to its compressed size.
package struct DecompressionLimits: Sendable, Hashable {
    /// No batch may hold more than this.
    package var maximum: ByteCount
    /// A batch may hold at most this many times its compressed size, once it is larger than `alwaysAllowed`.
    package var ratio: Int
    /// Up to this size the ratio is not looked at: small batches of zeros compress without bound and harm nobody.
    package var alwaysAllowed: ByteCount

    package init(
        maximum: ByteCount = .mebibytes(256), ratio: Int = 512, alwaysAllowed: ByteCount = .mebibytes(4)
    ) {
        self.maximum = maximum
        self.ratio = ratio
        self.alwaysAllowed = alwaysAllowed
    }

    package static let standard = DecompressionLimits()

    /// The most bytes that `compressed` bytes may hold.
    package func allowedSize(compressed: Int) -> Int {
        let (byRatio, overflow) = compressed.multipliedReportingOverflow(by: ratio)
        return min(maximum.rawValue, max(alwaysAllowed.rawValue, overflow ? .max : byRatio))
    }
}
