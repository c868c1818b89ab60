// The file of watermarks out of arbitrary bytes: entries that are not sound are as good as none, and what is written is
// read back. Called by `FuzzTarget.watermarks`.

internal import Daybook
internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import SystemPackage

/// The target `watermarks`. Choice 0: entries get checksums that are right.
enum WatermarkFuzzing {
    private static let path: FilePath = "/watermarks"
    private static let slots: [(slot: Int, topicID: UInt64, partition: Int32)] = [
        (0, 0xD0, 0), (1, 0xD0, 1), (7, 0xD1, 0),
    ]

    static func run(_ input: FuzzInput) throws {
        var bytes = input.bytes
        if input.chooses(0) { mend(&bytes) }
        let fileSystem = SimulatedDisk()
        let file = try fileSystem.open(path, .create)
        try bytes.withUnsafeBytes { try file.writeFully($0, at: .zero) }
        try file.close()

        let pool = DescriptorPool(fileSystem: fileSystem, limit: 4)
        let watermarks = WatermarkFile(path: path, pool: pool, isReadOnly: false)
        for (slot, watermark) in watermarks.read(slots) {
            try promise(slots.contains { $0.slot == slot }, "a watermark was read that nobody asked for")
            let wanted = slots.first { $0.slot == slot }
            try promise(
                watermark.topicID == wanted?.topicID && watermark.partition == wanted?.partition,
                "a watermark of another partition was read")
            try promise(
                watermark.logStartOffset >= .zero && watermark.highWatermark >= watermark.logStartOffset,
                "a watermark was read that no log can have")
        }
        for round in 1...3 {
            let written = Watermark(
                topicID: 0xD0, partition: 0, highWatermark: Offset(Int64(round)), logStartOffset: .zero,
                leaderEpoch: LeaderEpoch(rawValue: 1))
            try watermarks.write(written, slot: 0)
            let another = WatermarkFile(path: path, pool: pool, isReadOnly: true)
            try promise(another.read(slots)[0] == written, "a watermark that was written is not read back")
        }
        try watermarks.flush()
        try watermarks.close()
    }

    private static func mend(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count - WatermarkFile.entrySize + 1, by: WatermarkFile.entrySize) {
            let checksum = bytes[start + 4..<start + WatermarkFile.entrySize].withUnsafeBytes { CRC32C.checksum($0) }
            for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: checksum >> (24 - 8 * index)) }
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let pool = DescriptorPool(fileSystem: SimulatedDisk(), limit: 4)
        let file = WatermarkFile(path: path, pool: pool, isReadOnly: false)
        for round in 0..<2 {
            for (slot, topicID, partition) in slots {
                let watermark = Watermark(
                    topicID: topicID, partition: partition, highWatermark: Offset(Int64(10 * round + 5)),
                    logStartOffset: Offset(2), leaderEpoch: LeaderEpoch(rawValue: 1))
                try file.write(watermark, slot: slot)
            }
        }
        try file.flush()
        try file.close()
        let bytes = try AtomicFile.read(path, in: pool.fileSystem) ?? []
        var last = bytes
        for index in 8..<16 { last[index] = 0xFF }
        return [[0] + bytes, [1] + bytes, [1] + last, [0] + bytes.dropLast(30), [0]]
    }
}
