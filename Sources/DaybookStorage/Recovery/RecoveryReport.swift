// What opening a log found and did. A value: the engine shows it, storage logs nothing.
// Filled in by `LogRecovery`.

package import DaybookModel

/// The incomplete end of a log after a crash: a normal event, not corruption.
package struct TornTail: Sendable, Hashable {
    /// The segment's base offset.
    package let segment: Offset
    /// Where the valid bytes end.
    package let position: Position
    /// Bytes cut; kept in quarantine.
    package let byteCount: Int
    package let reason: InvalidBatch
}

/// What one partition's recovery found.
package struct PartitionRecovery: Sendable {
    package let topicPartition: TopicPartition
    package internal(set) var segmentsCount = 0
    /// Bytes read and checked, because no sidecar vouched for them.
    package internal(set) var scannedBytes = 0
    /// Records found above the recovery point: written, not known to be durable, kept.
    package internal(set) var recoveredRecords: Int64 = 0
    package internal(set) var tornTail: TornTail?
    /// Segments that were written behind the torn tail, before a flush of any of it: moved to quarantine as a part of it.
    package internal(set) var setAside: [(segment: Offset, byteCount: Int)] = []
    /// Bytes that were once good and are not: kept where they are, a copy in quarantine.
    package internal(set) var damage: [(segment: Offset, damage: Damage)] = []
    /// Offsets that are in no file although later ones, or the recovery point, say that they were.
    package internal(set) var missing: [Range<Offset>] = []
    /// Segments whose sidecar was missing or of no use and was made anew.
    package internal(set) var rebuiltSidecars: [Offset] = []
    /// What was wrong with the partition's checkpoint, if anything.
    package internal(set) var checkpointDamage: CheckpointDamage?

    /// Damage to a checkpoint.
    package enum CheckpointDamage: Sendable {
        /// One of its two copies; a writer has made it anew.
        case oneCopy
        /// Nothing in it can be used: damaged, or another topic's.
        case everything
    }

    init(topicPartition: TopicPartition) { self.topicPartition = topicPartition }

    /// Whether there is anything to tell beside the cost.
    package var isUneventful: Bool {
        tornTail == nil && setAside.isEmpty && damage.isEmpty && missing.isEmpty && rebuiltSidecars.isEmpty
            && checkpointDamage == nil
    }
}
