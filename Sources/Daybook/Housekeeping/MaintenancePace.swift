// How fast maintenance may go and when it has to stop. Asked before each batch or block of bytes.
// What is maintained is in `Partition+Maintenance`.

internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

/// Thrown where maintenance stops because its partition closes or it was told to. Nothing is wrong then.
struct MaintenanceStopped: Error {}

/// A rate, and whether to go on.
struct MaintenancePace: Sendable {
    let limit: RateLimit
    /// Hears of bytes that are about to be read.
    var note: @Sendable (Int) -> Void = { _ in }
    let mayGoOn: @Sendable () -> Bool

    /// Waits for the bytes' share; throws `MaintenanceStopped` when there is no going on.
    func take(_ bytes: Int, for partition: Partition) throws {
        note(bytes)
        limit.take(bytes)
        guard mayGoOn(), !partition.isClosing else { throw MaintenanceStopped() }
    }
}

/// A partition whose log is being compacted.
struct PartitionCompaction: CompactionOwner {
    let partition: Partition
    let pace: MaintenancePace

    func pace(_ bytes: Int) throws { try pace.take(bytes, for: partition) }

    func withLog<R: Sendable>(_ body: (PartitionLog) throws -> R) throws -> R { try partition.withLog(body) }

    func saveCheckpoint() throws { try partition.saveCheckpoint() }
    func note(_ progress: CompactionProgress) { partition.compaction.withLock { $0 = progress } }
}
