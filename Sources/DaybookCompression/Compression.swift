// The codecs of a record batch: Kafka's numbers for them, and a codec together with its level as configuration names it.
// What the bytes look like is in `Compressor` and `Decompressor`.

/// A codec as the attributes of a record batch number it.
public enum CompressionCodec: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// The name in Kafka's `compression.type`.
    public var description: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }
}

/// How a batch is to be compressed: the codec and how hard it tries.
public enum Compression: Sendable, Hashable, CustomStringConvertible {
    case none
    /// LZ4 frames. Level 0 is the fast default, negative levels are faster, 3 to 12 are LZ4-HC.
    case lz4(level: Int32 = 0)
    /// Zstandard frames. Levels −131072 to 22; 1 is made for logs.
    case zstd(level: Int32 = 1)

    public static let lz4Levels: ClosedRange<Int32> = -65537...12
    public static let zstdLevels: ClosedRange<Int32> = -131072...22

    public var codec: CompressionCodec {
        switch self {
        case .none: .none
        case .lz4: .lz4
        case .zstd: .zstd
        }
    }

    public var description: String { codec.description }
}

/// Why bytes could not be compressed or decompressed. The bytes given are never changed.
public enum CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The codec is known to Kafka but not to this release.
    case unsupportedCodec(CompressionCodec)
    /// The library refused the bytes; they are damaged or not of this codec.
    case malformed(CompressionCodec, reason: String)
    /// The content is larger than the limits allow; no memory was taken for it.
    case tooLarge(CompressionCodec, compressed: Int, limit: Int)
    /// The library could not work at all, for lack of memory or because of a level it does not know.
    case library(CompressionCodec, reason: String)

    public var description: String {
        switch self {
        case .unsupportedCodec(let codec):
            "The batch is compressed with \(codec), which this release cannot read; it reads none, lz4 and zstd"
        case .malformed(let codec, let reason):
            "The \(codec) bytes are malformed: \(reason)"
        case .tooLarge(let codec, let compressed, let limit):
            "\(compressed) bytes of \(codec) hold more than the \(limit) bytes that the decompression limits allow; "
                + "raise the limits if the source is trusted"
        case .library(let codec, let reason):
            "The \(codec) library failed: \(reason)"
        }
    }
}
