// A segment out of arbitrary bytes: what is opened, read and verified must be the valid batches before the first bad one,
// byte for byte, and a second open must find what the first one left. Called by `FuzzTarget.segment`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

/// The target `segment`. Choice 0: batches get checksums that are right. Choice 1: the log was closed properly. Choices 2
/// to 4: how much was known to be durable.
enum SegmentFuzzing {
    private static let recoveryPoints: [Int64] = [0, 0, 1, 3, 6, 9, 1000, 1 << 40]

    static func run(_ input: FuzzInput) throws {
        var bytes = input.bytes
        if input.chooses(0) { mend(&bytes) }
        let name = SegmentName.log(.zero)
        let stage = try FuzzLog([name: bytes])
        var before = FuzzLog.Before(
            recoveryPoint: Offset(recoveryPoints[Int(input.choices >> 2 & 7)]), wasClosedCleanly: input.chooses(1))

        before.isReadOnly = true
        let files = try stage.files()
        let seen = try FuzzLog.read(try stage.open(before))
        try promise(try stage.files() == files, "opening for reading has changed a file")
        try check(seen, against: bytes)

        before.isReadOnly = false
        let log = try stage.open(before)
        var content = try FuzzLog.read(log)
        try promise(content == seen, "a writer recovers other batches than a reader sees")
        _ = try stage.verify()
        if before.wasClosedCleanly { try log.flush() }
        let base = log.logEndOffset
        content.batches[base] = try stage.append(to: log)
        content.end = log.logEndOffset
        try log.close()

        let again = try stage.open(FuzzLog.Before(recoveryPoint: content.end))
        let found = try FuzzLog.read(again)
        try promise(found.end == content.end, "a second open ends at \(found.end), the first one at \(content.end)")
        try promise(found.batches == content.batches, "a second open finds other batches than the first")
        try again.close()
        let report = try stage.verify()
        try promise(report.recordsCount >= 1, "verification does not see what was appended")
    }

    /// Gives the batches, as far as their lengths lead from one to the next, checksums that are right.
    private static func mend(_ bytes: inout [UInt8]) {
        var place = 0
        while place + BatchHeader.size <= bytes.count {
            let length = bytes[place + BatchLayout.batchLength..<place + BatchLayout.batchLength + 4]
                .reduce(0) { $0 << 8 | Int($1) }
            let size = length + BatchLayout.lengthOverhead
            guard size >= BatchHeader.size, place + size <= bytes.count else { return }
            BatchFuzzing.mend(&bytes, at: place, size: size)
            place += size
        }
    }

    private static func check(_ content: FuzzLog.Content, against bytes: [UInt8]) throws {
        for (offset, batch) in validPrefix(of: bytes) {
            try promise(content.batches[offset] == batch, "the valid batch at offset \(offset) cannot be read")
        }
        for batch in content.batches.values {
            try promise(contains(bytes, batch), "a batch was read that does not stand in the file")
        }
    }

    /// The batches before the first that may be called bad, found in the simplest way there is.
    private static func validPrefix(of bytes: [UInt8]) -> [(Offset, [UInt8])] {
        bytes.withUnsafeBytes { buffer in
            var batches: [(Offset, [UInt8])] = []
            var (place, expected, epoch) = (0, Offset.zero, LeaderEpoch(rawValue: -1))
            func header(at place: Int) -> BatchHeader? {
                try? BatchHeader(decoding: UnsafeRawBufferPointer(rebasing: buffer[min(place, buffer.count)...]))
            }
            while let batch = header(at: place), place + batch.batchSize <= buffer.count {
                let whole = UnsafeRawBufferPointer(rebasing: buffer[place..<place + batch.batchSize])
                guard (try? batch.verifyChecksum(of: whole)) != nil, batch.baseOffset == expected,
                    batch.leaderEpoch >= epoch
                else { break }
                // No checksum covers an epoch: where one falls, it cannot be told from here which of the two is wrong.
                if let next = header(at: place + batch.batchSize), next.leaderEpoch < batch.leaderEpoch { break }
                batches.append((expected, Array(whole)))
                (place, expected, epoch) = (place + batch.batchSize, batch.nextOffset, batch.leaderEpoch)
            }
            return batches
        }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (0...bytes.count - part.count).contains { bytes[$0...].starts(with: part) }
    }

    static func seeds() throws -> [[UInt8]] {
        let files = try FuzzLog.sample.get().files
        guard let sealed = files[SegmentName.log(.zero)] else { return [] }
        var rotten = sealed
        rotten[sealed.count / 2] ^= 1
        let single = try BatchFuzzing.batch([Record(key: "a", value: "b")])
        let later = try BatchFuzzing.batch([Record(key: "a", value: "b")], baseOffset: 1, epoch: 4)
        return [
            [0] + sealed, [2] + sealed, [1] + sealed, [0x10] + rotten, [2] + rotten, [0] + sealed.dropLast(7),
            [1] + single + later, [0] + single + [UInt8](repeating: 0, count: 80) + later, [0x1C], [0],
            [0x14] + single + single, [2] + later,
        ]
    }
}
