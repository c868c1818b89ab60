// One partition's log on a simulated disk, for tests in which the power goes: the same calls on the disk whenever the same is
// done again.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage

/// A log that is opened again after each power cut. What was done to it is the test's to know.
struct PowerCutStage {
    let clock = ManualClock(Timestamp(milliseconds: 1_000_000))
    let disk: SimulatedDisk
    private let identity: LogIdentity
    private let segmentBytes: ByteCount

    init(seed: UInt64, segmentBytes: ByteCount) throws {
        disk = SimulatedDisk(seed: seed, clock: clock)
        identity = LogIdentity(topicPartition: TopicPartition(topic: try TopicName("orders"), partition: 0), topicID: 7)
        self.segmentBytes = segmentBytes
        for path in ["/data", "/data/orders-0"] as [FilePath] { try disk.createDirectory(path) }
        for path in ["/", "/data"] as [FilePath] { try disk.flushDirectory(path) }
    }

    /// Opens what the disk holds, with everything below `durable` known to be there.
    func open(durable: Offset) throws -> (log: PartitionLog, report: PartitionRecovery) {
        let files = disk.processFileSystem
        return try LogRecovery(
            identity: identity, directory: "/data/orders-0",
            configuration: LogConfiguration(
                segmentBytes: segmentBytes, segmentMilliseconds: .max, maximumBatchBytes: .kibibytes(64),
                indexIntervalBytes: .bytes(100)),
            pool: DescriptorPool(fileSystem: files, limit: 8),
            quarantine: Quarantine(dataDirectory: "/data", fileSystem: files),
            leaderEpoch: LeaderEpoch(rawValue: 1), knownRecoveryPoint: durable, now: clock.now()
        ).run()
    }
}
