// What opening a data directory found, as a value: the engine neither prints nor logs it.
// Put together from what `LogRecovery` says of each partition.

public import DaybookModel
internal import DaybookStorage

/// What opening found and did.
public struct RecoveryReport: Sendable {
    /// Something worth telling about one partition.
    public struct Finding: Sendable, CustomStringConvertible {
        /// What sort of thing it is.
        public enum Kind: String, Sendable {
            /// The incomplete last writes of a crash: normal. A writer's open cuts them and keeps the bytes in `quarantine`.
            case tornTail
            /// Bytes that were once good and are not. A copy is in `quarantine`; readers get a gap.
            case corruption
            /// Offsets that were once there and are in no file. Readers get a gap.
            case missing
            /// A transaction was open whose decision cannot be read: it ends as its marker in another partition says; where there
            /// is none it is aborted, although it may have been committed.
            case lostDecision
            /// A derived file was missing or of no use; a writer's open has made it anew.
            case rebuiltSidecar
            /// A partition's checkpoint is damaged. With one of its two copies sound nothing is lost and a writer's open has made
            /// it anew; with none, records that were deleted in the middle of a segment are readable again.
            case damagedCheckpoint
        }
        public let topicPartition: TopicPartition
        public let kind: Kind
        /// What was found, where, and what became of it.
        public let description: String
    }

    /// The last writer closed the directory properly.
    public internal(set) var wasClosedCleanly = true
    /// The incarnation that began with this open.
    public internal(set) var leaderEpoch = LeaderEpoch.zero
    public internal(set) var partitionsCount = 0
    public internal(set) var segmentsCount = 0
    /// Bytes that had to be read and checked.
    public internal(set) var scannedBytes = 0
    /// Records that were written but not known to be durable: kept, and flushed before they are shown.
    public internal(set) var recoveredRecords: Int64 = 0
    public internal(set) var findings: [Finding] = []
    /// Things in the directory that Daybook does not know and has left alone.
    public internal(set) var strangers: [String] = []
    /// What was wrong with the topic registry, if anything.
    public internal(set) var registryNote: String?
    public internal(set) var duration: Duration = .zero

    /// Adds transactions that ended without a decision where there should have been one. `isDamaged`: some states of transactions
    /// cannot be read.
    mutating func add(_ plan: TransactionRecoveryPlan, isDamaged: Bool) {
        for mark in plan.marks where mark.transactionalID == nil {
            let which = "the transaction of producer \(mark.producer.rawValue) that was open"
            let text: String
            if let witness = mark.witness {
                text = "\(which) is committed, as it is in \(witness), although the decision is not there any more"
            } else if isDamaged {
                text =
                    "\(which) is aborted, because no decision can be read; some states of transactions are damaged, and it may have "
                    + "been decided otherwise"
            } else {
                continue
            }
            findings.append(Finding(topicPartition: mark.topicPartition, kind: .lostDecision, description: text))
        }
    }

    /// Adds what one partition's recovery found. Opened for reading, nothing was changed: a writer's open will do that.
    mutating func add(_ partition: PartitionRecovery, isReadOnly: Bool) {
        partitionsCount += 1
        segmentsCount += partition.segmentsCount
        scannedBytes += partition.scannedBytes
        recoveredRecords += partition.recoveredRecords
        func note(_ kind: Finding.Kind, _ text: String) {
            findings.append(Finding(topicPartition: partition.topicPartition, kind: kind, description: text))
        }
        if let torn = partition.tornTail {
            note(
                .tornTail,
                "torn tail in segment \(torn.segment) at position \(torn.position): \(torn.byteCount) bytes "
                    + (isReadOnly ? "that the next writer cuts and keeps" : "cut and kept")
                    + " in quarantine (\(torn.reason))")
        }
        for (segment, byteCount) in partition.setAside {
            note(
                .tornTail,
                "torn tail: segment \(segment), \(byteCount) bytes, was written behind bytes that a power cut took, before "
                    + "any of them was flushed; "
                    + (isReadOnly ? "the next writer moves it to quarantine" : "moved to quarantine"))
        }
        for (segment, damage) in partition.damage {
            note(
                .corruption,
                "corruption in segment \(segment) at positions \(damage.positions.lowerBound)..<"
                    + "\(damage.positions.upperBound), offsets \(damage.offsets.lowerBound)..<\(damage.offsets.upperBound) "
                    + "cannot be read (\(damage.reason))")
        }
        for range in partition.missing {
            note(.missing, "offsets \(range.lowerBound)..<\(range.upperBound) were once durable and are in no file")
        }
        switch partition.checkpointDamage {
        case .oneCopy:
            note(
                .damagedCheckpoint,
                "one of the two copies in the checkpoint was damaged; the other one is whole"
                    + (isReadOnly ? ", and the next writer makes it anew" : " and it was made anew"))
        case .everything:
            note(
                .damagedCheckpoint,
                "the checkpoint is damaged or another topic's, and counts for nothing: compaction begins from the start, and "
                    + "records that were deleted in the middle of a segment may be readable again")
        case nil: break
        }
        for segment in partition.rebuiltSidecars {
            note(
                .rebuiltSidecar,
                "the sidecar of segment \(segment) was missing or of no use"
                    + (isReadOnly ? "; it is scanned instead" : " and was made anew"))
        }
    }
}
