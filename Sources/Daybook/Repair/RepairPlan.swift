// What a repair would do, as a value: shown to a person first, and carried out as it is. How it is found out is in
// `DirectoryRepairPlanning`; how it is carried out, in `Daybook+Repair`.

public import DaybookModel
internal import DaybookStorage

/// What there is to be done to make a data directory whole again.
public struct RepairPlan: Sendable, Hashable {
    /// One thing to do. Each can be done again after a crash in the midst of it, and none destroys a byte.
    public struct Action: Sendable, Hashable, CustomStringConvertible {
        /// What sort of action it is. More may be added in later releases.
        public enum Kind: String, Sendable, CaseIterable {
            /// A segment is written anew without the bytes that are damaged; their offsets are marked as lost.
            case rewriteSegment
            /// A segment is made that marks offsets as lost which are in no file.
            case fillGap
            /// A file or folder is moved to `quarantine`.
            case setAside
            /// A derived file is made anew.
            case rebuildSidecar
            /// A swap of segments that a crash interrupted is gone on with.
            case finishSwap
            case createFolder
            case writeCheckpoint
            case writeRegistry
            case writeWatermarks
            case writeState
        }
        public let kind: Kind
        /// Relative to the data directory.
        public let file: String
        /// What is done, and why.
        public let reason: String
        /// Bytes that go to `quarantine`.
        public let bytes: ByteCount
        /// Offsets that no reader can get; after the repair that is written down in the log.
        public let lostOffsets: [Range<Offset>]
        let work: Work

        public var description: String {
            var text = "\(file): \(reason)"
            if !lostOffsets.isEmpty {
                let ranges = lostOffsets.map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: ", ")
                text += "; offsets \(ranges) are lost"
            }
            if bytes.rawValue > 0 { text += "; \(bytes.rawValue) bytes go to quarantine" }
            return text
        }
    }

    /// What an action is for those who carry it out.
    enum Work: Sendable, Hashable {
        case partition(LogIdentity, indexInterval: ByteCount, PartitionRepairAction)
        case setAside(file: String, reason: String)
        /// A copy of what was there goes to quarantine.
        case replace(file: String, bytes: [UInt8])
    }

    public let directory: String
    /// In the order in which they are carried out.
    public internal(set) var actions: [Action] = []
    /// What is worth knowing and needs no action, or cannot be mended.
    public internal(set) var notes: [String] = []
    /// Every file with its size and its time as they were when the plan was made.
    var appearance: [String] = []

    /// Whether there is nothing to be done.
    public var isEmpty: Bool { actions.isEmpty }
    /// How many offsets are lost, in all partitions.
    public var lostOffsetsCount: Int64 {
        actions.flatMap(\.lostOffsets).reduce(0) { $0 + $1.lowerBound.distance(to: $1.upperBound) }
    }

    init(directory: String) { self.directory = directory }
}

/// What a repair has done.
public struct RepairReport: Sendable, Hashable {
    /// All actions of the plan.
    public let actions: [RepairPlan.Action]
    public let duration: Duration
}

extension RepairPlan.Action {
    /// The action of a partition, in words.
    init(_ action: PartitionRepairAction, of identity: LogIdentity, indexInterval: ByteCount, bytes: Int) {
        let folder = "\(identity.topicPartition)"
        var lost: [Range<Offset>] = []
        switch action {
        case .createFolder:
            (kind, file, reason) = (.createFolder, folder, "the partition's folder is missing and is made again")
        case .writeCheckpoint(_, let isFromCopy):
            (kind, file) = (.writeCheckpoint, "\(folder)/\(PartitionCheckpoint.fileName)")
            reason =
                isFromCopy
                ? "one of its two copies is damaged, and it is written anew from the other one"
                : "damaged, or another topic's, and is written anew; compaction begins from the start"
        case .finishSwap(let swap):
            (kind, file) = (.finishSwap, "\(folder)/\(SegmentName.log(swap.baseOffset))")
            reason = "a swap of segments was interrupted and is finished"
        case .setAside(let name, let why):
            (kind, file, reason) = (.setAside, "\(folder)/\(name)", why)
        case .rewrite(let rewrite):
            kind = rewrite.replaces ? .rewriteSegment : .fillGap
            file = "\(folder)/\(SegmentName.log(rewrite.baseOffset))"
            reason =
                rewrite.replaces
                ? "written anew without what is damaged" : "made to mark offsets that are in no file"
            lost = rewrite.lostOffsets
        case .rebuildSidecar(let rebuilding):
            (kind, file) = (.rebuildSidecar, "\(folder)/\(SegmentName.sidecar(rebuilding.baseOffset))")
            reason = "missing, damaged or out of date, and is made anew"
        }
        lostOffsets = lost
        self.bytes = .bytes(bytes)
        work = .partition(identity, indexInterval: indexInterval, action)
    }
}
