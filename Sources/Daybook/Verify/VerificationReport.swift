// What verification found, as a value: the engine neither prints nor logs it.
// How it is found is in the files beside this one.

public import DaybookModel

/// The state of a data directory, as far as its bytes tell.
public struct VerificationReport: Sendable {
    /// Something that is not as it should be.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        /// What sort of finding it is. More may be added in later releases.
        public enum Kind: String, Sendable, CaseIterable {
            /// Bytes that are not what was written.
            case corruption
            /// The incomplete end of a log, as a crash leaves it; the next open for writing cuts it.
            case tornTail
            /// Offsets, files or folders that should be there and are not.
            case missing
            /// Two segments claim the same offsets.
            case overlap
            /// The checksum is right and still the records cannot be read.
            case undecodable
            /// A derived file is damaged, or does not agree with its segment. Costs time at the next open, no records.
            case sidecar
            case watermark
            /// A partition's checkpoint is damaged: compaction begins anew, deleted records may be readable again.
            case checkpoint
            case registry
            case state
            /// A transaction is committed in one partition and aborted in another: its decision was lost in between.
            case transaction
            /// A snapshot is not what its manifest says.
            case manifest
        }
        public let kind: Kind
        /// Relative to the data directory.
        public let file: String
        /// The bytes of the file that it is about, where it is about some.
        public let positions: Range<Position>?
        /// The offsets it concerns, where it concerns some.
        public let offsets: Range<Offset>?
        /// What is wrong, in a few words.
        public let reason: String

        public var description: String {
            var place = file
            if let positions { place += ", positions \(positions.lowerBound)..<\(positions.upperBound)" }
            if let offsets { place += ", offsets \(offsets.lowerBound)..<\(offsets.upperBound)" }
            return "\(kind.rawValue): \(place): \(reason)"
        }
    }

    /// Something worth knowing that is as it may be.
    public struct Note: Sendable, Hashable, CustomStringConvertible {
        /// Relative to the data directory.
        public let file: String
        public let reason: String

        public var description: String { "\(file): \(reason)" }
    }

    public let directory: String
    /// In the order of files and positions.
    public internal(set) var findings: [Finding] = []
    public internal(set) var notes: [Note] = []
    /// A writer had the directory open; what was under way at its end counts as a note.
    public internal(set) var hasLiveWriter = false
    /// The last writer closed the directory properly: then everything on disk must be whole.
    public internal(set) var wasClosedCleanly = false
    public internal(set) var topicsCount = 0
    public internal(set) var partitionsCount = 0
    public internal(set) var segmentsCount = 0
    public internal(set) var batchesCount: Int64 = 0
    public internal(set) var recordsCount: Int64 = 0
    /// Bytes of segments that were read.
    public internal(set) var bytes = ByteCount.bytes(0)
    public internal(set) var duration: Duration = .zero

    /// The segments that were read, by their files; for the comparison with a snapshot's manifest.
    var segments: [String: SegmentSum] = [:]
    /// How transactions ended, for the comparison of partitions.
    var transactions = TransactionVerification()

    /// Whether there are no findings.
    public var isClean: Bool { findings.isEmpty }

    init(directory: String) { self.directory = directory }

    mutating func find(
        _ kind: Finding.Kind, _ file: String, positions: Range<Position>? = nil, offsets: Range<Offset>? = nil,
        _ reason: String
    ) {
        findings.append(
            Finding(
                kind: kind, file: file, positions: positions?.isEmpty == true ? nil : positions,
                offsets: offsets?.isEmpty == true ? nil : offsets, reason: reason))
    }

    mutating func note(_ file: String, _ reason: String) { notes.append(Note(file: file, reason: reason)) }

    /// A finding where it counts, a note where it may be so.
    mutating func report(
        isFinding: Bool, _ kind: Finding.Kind, _ file: String, positions: Range<Position>? = nil,
        offsets: Range<Offset>? = nil, _ reason: String
    ) {
        if isFinding {
            find(kind, file, positions: positions, offsets: offsets, reason)
        } else {
            note(file, reason)
        }
    }

    /// Adds what was found in a part of the directory.
    mutating func add(_ part: VerificationReport) {
        findings += part.findings
        segments.merge(part.segments) { first, _ in first }
        transactions.add(part.transactions)
        notes += part.notes
        segmentsCount += part.segmentsCount
        batchesCount += part.batchesCount
        recordsCount += part.recordsCount
        bytes = .bytes(bytes.rawValue + part.bytes.rawValue)
    }

    mutating func sort() {
        findings.sort { ($0.file, $0.positions?.lowerBound ?? .zero) < ($1.file, $1.positions?.lowerBound ?? .zero) }
        notes.sort { $0.file < $1.file }
    }
}

/// All bytes of a segment's file.
struct SegmentSum: Hashable, Sendable {
    var size: Int
    /// CRC-32C; nil where the bytes were not all batches.
    var hash: UInt32?
}
