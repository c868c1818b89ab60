// The list of what a snapshot holds, with hashes: text with a checksum, written last. A snapshot is what it says, or damaged.
// Written by `BackupRun`; read by the next backup, by verification and by restoring.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage

/// The file `manifest` of a snapshot.
struct BackupManifest: Equatable, Sendable {
    /// One segment: `<topic>-<partition>/<base>.log`.
    struct Segment: Equatable, Sendable {
        var baseOffset: Offset
        var nextOffset: Offset
        var size: Int
        /// CRC-32C of all bytes, as they are.
        var hash: UInt32
        /// The bytes are also those of the source's file.
        var isShared: Bool
        /// The bytes were read, and had this hash. Otherwise it is what the source's sidecar said.
        var isChecked: Bool
    }

    struct Partition: Equatable, Sendable {
        var topicPartition: TopicPartition
        var topicID: UInt64
        var logStartOffset: Offset
        var highWatermark: Offset
        var segments: [Segment] = []
    }

    /// One of the small files.
    struct SmallFile: Equatable, Sendable {
        var name: String
        var size: Int
        var hash: UInt32
    }

    var source: String
    var time: Timestamp
    var leaderEpoch: LeaderEpoch
    var files: [SmallFile] = []
    var partitions: [Partition] = []
    /// What the source had lost already.
    var losses: [BackupLoss] = []

    private static let kind = "daybook-backup"

    /// Reads a snapshot's manifest; nil when there is none. Throws `.damaged` when there is one that is not whole.
    static func read(_ layout: DirectoryLayout, in fileSystem: any FileSystem) throws -> BackupManifest? {
        guard let bytes = try AtomicFile.read(layout.manifest, limit: 1 << 30, in: fileSystem) else { return nil }
        if let manifest = try BackupManifest(decoding: bytes) { return manifest }
        throw DaybookError(
            .damaged,
            "\(layout.manifest) is damaged, so nobody can tell whether the snapshot is whole; use another snapshot. To look at "
                + "this one, open it for reading")
    }

    // MARK: text

    func encoded() -> [UInt8] {
        var lines = [
            "source \(source.split(whereSeparator: \.isNewline).joined(separator: " "))", "time-ms \(time.rawValue)",
            "epoch \(leaderEpoch)",
        ]
        for file in files { lines.append("file \(file.name) size=\(file.size) hash=\(hex(file.hash))") }
        for partition in partitions {
            lines.append(
                "partition \(partition.topicPartition) id=\(String(partition.topicID, radix: 16)) "
                    + "start=\(partition.logStartOffset) watermark=\(partition.highWatermark)")
            for segment in partition.segments {
                lines.append(
                    "segment \(segment.baseOffset) next=\(segment.nextOffset) size=\(segment.size) "
                        + "hash=\(hex(segment.hash)) shared=\(segment.isShared ? 1 : 0) checked=\(segment.isChecked ? 1 : 0)"
                )
            }
        }
        for loss in losses {
            let reason = loss.reason.split(whereSeparator: \.isNewline).joined(separator: " ")
            lines.append(
                "loss \(loss.topicPartition) from=\(loss.gap.baseOffset) next=\(loss.gap.nextOffset) reason=\(reason)")
        }
        return ChecksummedText(kind: Self.kind, version: DirectoryLayout.formatVersion, lines: lines).encoded()
    }

    /// Nil when the bytes are damaged; throws when they are of another version.
    init?(decoding bytes: [UInt8]) throws(DaybookError) {
        guard let text = ChecksummedText(decoding: bytes, kind: Self.kind) else { return nil }
        guard text.version == DirectoryLayout.formatVersion else {
            throw DaybookError(
                .unsupportedFormat,
                "The snapshot's manifest has format \(text.version), this release reads format "
                    + "\(DirectoryLayout.formatVersion); use the Daybook release that wrote it")
        }
        (source, time, leaderEpoch) = ("", .none, .zero)
        for line in text.lines {
            if let value = line.value(after: "source") {
                source = value
            } else if let value = line.value(after: "time-ms") {
                time = Timestamp(milliseconds: Int64(value) ?? -1)
            } else if let value = line.value(after: "epoch") {
                leaderEpoch = LeaderEpoch(rawValue: Int32(value) ?? 0)
            } else if let value = line.value(after: "file") {
                guard let file = SmallFile(Fields(value)) else { return nil }
                files.append(file)
            } else if let value = line.value(after: "partition") {
                guard let partition = Partition(Fields(value)) else { return nil }
                partitions.append(partition)
            } else if let value = line.value(after: "segment") {
                guard let segment = Segment(Fields(value)), !partitions.isEmpty else { return nil }
                partitions[partitions.count - 1].segments.append(segment)
            } else if let value = line.value(after: "loss") {
                guard let loss = BackupLoss(Fields(value)) else { return nil }
                losses.append(loss)
            }
        }
    }

    init(source: String, time: Timestamp, leaderEpoch: LeaderEpoch) {
        (self.source, self.time, self.leaderEpoch) = (source, time, leaderEpoch)
    }

    /// A partition's entry. O(partitions).
    func partition(_ topicPartition: TopicPartition, topicID: UInt64) -> Partition? {
        partitions.first { $0.topicPartition == topicPartition && $0.topicID == topicID }
    }
}

private func hex(_ hash: UInt32) -> String { String(hash, radix: 16) }

/// A line's first word and its `name=value` pairs; `reason` takes the rest of the line.
private struct Fields {
    let first: String
    private var values: [Substring: Substring] = [:]

    init(_ text: String) {
        var words = text[...]
        if let reason = text.firstRange(of: " reason=") {
            values["reason"] = text[reason.upperBound...]
            words = text[..<reason.lowerBound]
        }
        let parts = words.split(separator: " ")
        first = parts.first.map(String.init) ?? ""
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { values[pair[0]] = pair[1] }
        }
    }

    subscript(_ name: Substring) -> Substring? { values[name] }
    func offset(_ name: Substring) -> Offset? {
        values[name].flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : Offset($0) }
    }
    func size() -> Int? { values["size"].flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 } }
    func hash() -> UInt32? { values["hash"].flatMap { UInt32($0, radix: 16) } }
}

extension BackupManifest.SmallFile {
    fileprivate init?(_ fields: Fields) {
        guard let size = fields.size(), let hash = fields.hash() else { return nil }
        self.init(name: fields.first, size: size, hash: hash)
    }
}

extension BackupManifest.Partition {
    fileprivate init?(_ fields: Fields) {
        guard let topicPartition = TopicPartition(folderName: fields.first),
            let topicID = fields["id"].flatMap({ UInt64($0, radix: 16) }), let start = fields.offset("start"),
            let watermark = fields.offset("watermark")
        else { return nil }
        self.init(
            topicPartition: topicPartition, topicID: topicID, logStartOffset: start, highWatermark: watermark)
    }
}

extension BackupManifest.Segment {
    fileprivate init?(_ fields: Fields) {
        guard let base = Int64(fields.first), base >= 0, let next = fields.offset("next"), next.rawValue >= base,
            let size = fields.size(), let hash = fields.hash()
        else { return nil }
        self.init(
            baseOffset: Offset(base), nextOffset: next, size: size, hash: hash, isShared: fields["shared"] == "1",
            isChecked: fields["checked"] == "1")
    }
}

extension BackupLoss {
    fileprivate init?(_ fields: Fields) {
        guard let topicPartition = TopicPartition(folderName: fields.first), let base = fields.offset("from"),
            let next = fields.offset("next"), base < next
        else { return nil }
        self.init(topicPartition, base..<next, String(fields["reason"] ?? ""))
    }

    init(_ topicPartition: TopicPartition, _ offsets: Range<Offset>, _ reason: String) {
        self.topicPartition = topicPartition
        gap = Gap(baseOffset: offsets.lowerBound, nextOffset: offsets.upperBound, cause: .quarantined)
        self.reason = reason
    }
}
