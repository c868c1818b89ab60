// Sidecars out of arbitrary bytes, beside segments that are sound. A sidecar that is not one costs time and no record; one
// that lies, with a checksum that is right, must still do no harm to the process. Called by `FuzzTarget.sidecar`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

/// The target `sidecar`. Choice 0: blocks get checksums that are right. Choice 1: beside the last segment, not the first.
/// Choice 2: the log was closed properly. Choice 3: everything was known to be durable.
enum SidecarFuzzing {
    static func run(_ input: FuzzInput) throws {
        var bytes = input.bytes
        if input.chooses(0) { mend(&bytes) }
        let sample = try FuzzLog.sample.get()
        var files = sample.files
        let names = files.keys.filter { $0.hasSuffix(SegmentName.sidecarSuffix) }.sorted()
        let name = names[input.chooses(1) ? 1 : 0]
        let genuine = files[name]!
        files[name] = bytes
        let stage = try FuzzLog(files)
        var before = FuzzLog.Before(wasClosedCleanly: input.chooses(2))
        if input.chooses(3) { before.recoveryPoint = sample.content.end }
        let log = try stage.open(before)
        let content = try FuzzLog.read(log)
        _ = try stage.verify()
        if !isForged(bytes, genuine) {
            try promise(content == sample.content, "a sidecar that is not one has cost a record")
        }
        _ = try stage.append(to: log)
        _ = try FuzzLog.read(log)
        try log.close()
        _ = try FuzzLog.read(try stage.open(FuzzLog.Before()))
    }

    /// Whether a block is sound that Daybook has not written.
    private static func isForged(_ bytes: [UInt8], _ genuine: [UInt8]) -> Bool {
        let blocks = SidecarInspection(genuine).summaries.map { slice(genuine, $0.positions) }
        return SidecarInspection(bytes).summaries.contains { !blocks.contains(slice(bytes, $0.positions)) }
    }

    private static func slice(_ bytes: [UInt8], _ positions: Range<Position>) -> [UInt8] {
        Array(bytes[positions.lowerBound.rawValue..<positions.upperBound.rawValue])
    }

    /// Gives the blocks, as far as their lengths lead from one to the next, checksums that are right.
    private static func mend(_ bytes: inout [UInt8]) {
        var place = 0
        while place + SidecarLayout.body <= bytes.count {
            let length = bytes[place + SidecarLayout.blockLength..<place + SidecarLayout.blockLength + 4]
                .reduce(0) { $0 << 8 | Int($1) }
            guard length >= SidecarLayout.body, place + length <= bytes.count else { return }
            let block = bytes[place..<place + length]
            let before = block[..<(place + SidecarLayout.checksum)].withUnsafeBytes { CRC32C.checksum($0) }
            let checksum = block[(place + SidecarLayout.checksum + 4)...]
                .withUnsafeBytes { CRC32C.checksum($0, continuing: before) }
            for index in 0..<4 {
                bytes[place + SidecarLayout.checksum + index] = UInt8(truncatingIfNeeded: checksum >> (24 - 8 * index))
            }
            place += length
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let files = try FuzzLog.sample.get().files
        let sidecars = files.keys.filter { $0.hasSuffix(SegmentName.sidecarSuffix) }.sorted().compactMap { files[$0] }
        return sidecars.enumerated().flatMap { index, bytes -> [[UInt8]] in
            let place = UInt8(index << 1)
            return [
                [place] + bytes, [place | 1] + bytes, [place | 5] + bytes, [place | 9] + bytes,
                [place] + bytes.dropLast(5), [place ^ 2] + bytes, [place],
            ]
        }
    }
}
