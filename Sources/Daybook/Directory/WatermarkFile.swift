// What is durable, partition by partition, in one file: written a moment after a flush, so that the next open can tell
// damage from a torn tail, and a reader in another process sees how far it may read.

package import DaybookFiles
package import DaybookModel
internal import DaybookRecords
internal import Synchronization
package import SystemPackage

/// What one partition's slot says.
package struct Watermark: Hashable, Sendable {
    package var topicID: UInt64
    package var partition: Int32
    package var highWatermark: Offset
    package var logStartOffset: Offset
    package var leaderEpoch: LeaderEpoch

    package init(
        topicID: UInt64, partition: Int32, highWatermark: Offset, logStartOffset: Offset, leaderEpoch: LeaderEpoch
    ) {
        self.topicID = topicID
        self.partition = partition
        self.highWatermark = highWatermark
        self.logStartOffset = logStartOffset
        self.leaderEpoch = leaderEpoch
    }
}

/// The file `watermarks`: two alternating entries per slot, so that a torn write leaves the one before it.
///
/// | offset | size | field | |
/// |---|---|---|---|
/// | 0 | 4 | checksum | CRC-32C of byte 4 to 47 |
/// | 4 | 4 | version | 1 |
/// | 8 | 8 | sequence | the larger one of the two entries counts |
/// | 16 | 8 | topic id | |
/// | 24 | 4 | partition | |
/// | 28 | 4 | leader epoch | |
/// | 32 | 8 | high watermark | |
/// | 40 | 8 | log start offset | |
package final class WatermarkFile: Sendable {
    package static let entrySize = 48
    static let slotSize = 2 * entrySize
    private static let version: UInt32 = 1

    private let file: PooledFile
    private let sequences = Mutex<[Int: UInt64]>([:])

    /// Nothing is opened before it is needed.
    package init(path: FilePath, pool: DescriptorPool, isReadOnly: Bool) {
        file = pool.file(at: path, isReadOnly ? .read : .create)
    }

    /// The newest sound entry of each slot that belongs to the given topic and partition; absent ones are left out.
    ///
    /// A missing or damaged file is an empty one, and so is one that the disk does not give out: the log is then scanned instead.
    package func read(_ slots: [(slot: Int, topicID: UInt64, partition: Int32)]) -> [Int: Watermark] {
        do throws(FileError) { return try readOrThrow(slots) } catch { return [:] }
    }

    /// As `read`, for callers that must not take a disk that fails for a log that ends earlier: they are told so.
    package func readOrThrow(
        _ slots: [(slot: Int, topicID: UInt64, partition: Int32)]
    ) throws(FileError) -> [Int: Watermark] {
        guard let last = slots.map(\.slot).max() else { return [:] }
        // What a registry says of slots is believed only as far as the file reaches.
        let size: Int
        do { size = try file.status().size } catch  where error.errno == .noSuchFileOrDirectory { return [:] }
        var bytes = [UInt8](repeating: 0, count: min(size, (last + 1) * Self.slotSize))
        let count = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try file.read(into: buffer, at: .zero) }
        }.get()
        var found: [Int: Watermark] = [:]
        bytes.withUnsafeBytes { buffer in
            for wanted in slots {
                var newest: UInt64 = 0
                for half in 0..<2 {
                    let start = wanted.slot * Self.slotSize + half * Self.entrySize
                    guard start + Self.entrySize <= count,
                        let (sequence, watermark) = Self.decode(
                            UnsafeRawBufferPointer(rebasing: buffer[start..<start + Self.entrySize])),
                        watermark.topicID == wanted.topicID, watermark.partition == wanted.partition
                    else { continue }
                    if found[wanted.slot] == nil || sequence > newest {
                        (found[wanted.slot], newest) = (watermark, sequence)
                    }
                }
                if found[wanted.slot] != nil { sequences.withLock { $0[wanted.slot] = newest } }
            }
        }
        return found
    }

    /// Replaces the older entry of a slot. Not flushed: it may be lost or old, never ahead of what is durable.
    package func write(_ watermark: Watermark, slot: Int) throws(FileError) {
        let sequence = sequences.withLock { sequences in
            let next = (sequences[slot] ?? 0) + 1
            sequences[slot] = next
            return next
        }
        let place = Position(slot * Self.slotSize + Int(sequence % 2) * Self.entrySize)
        var bytes = Self.encode(sequence, watermark)
        try bytes.withUnsafeMutableBytes { buffer -> Result<Void, FileError> in
            Result { () throws(FileError) in try file.write(UnsafeRawBufferPointer(buffer), at: place) }
        }.get()
    }

    /// Makes durable what was written before.
    package func flush() throws(FileError) { try file.flush() }
    /// Closes the file; it may be used again.
    package func close() throws(FileError) { try file.close() }

    static func encode(_ sequence: UInt64, _ watermark: Watermark) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: entrySize)
        bytes.withUnsafeMutableBytes { buffer in
            func store<T: FixedWidthInteger>(_ value: T, at offset: Int) {
                buffer.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
            }
            store(version, at: 4)
            store(sequence, at: 8)
            store(watermark.topicID, at: 16)
            store(watermark.partition, at: 24)
            store(watermark.leaderEpoch.rawValue, at: 28)
            store(watermark.highWatermark.rawValue, at: 32)
            store(watermark.logStartOffset.rawValue, at: 40)
            store(CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[4...])), at: 0)
        }
        return bytes
    }

    /// Reads one entry; nil when its checksum or its version is another one, or when no log can be so.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> (sequence: UInt64, watermark: Watermark)? {
        func load<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
            T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        guard load(0) == CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[4...])), load(4) == version else {
            return nil
        }
        let watermark = Watermark(
            topicID: load(16), partition: load(24), highWatermark: Offset(load(32)), logStartOffset: Offset(load(40)),
            leaderEpoch: LeaderEpoch(rawValue: load(28)))
        let sequence: UInt64 = load(8)
        // Further than any log gets: whoever wrote such numbers was not this file's writer.
        guard sequence < 1 << 63, watermark.logStartOffset >= .zero,
            watermark.logStartOffset <= watermark.highWatermark, watermark.highWatermark.rawValue < 1 << 62
        else { return nil }
        return (sequence, watermark)
    }
}
