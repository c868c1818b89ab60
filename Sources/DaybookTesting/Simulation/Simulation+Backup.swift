// Backups in a history: made of the live directory, restored into another one, opened there and compared with what the
// directory held when the backup was made. A snapshot that was answered for survives every crash.

internal import Daybook
internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

extension Simulation {
    private static let backups = "/backups"

    /// A snapshot that was answered for.
    struct SnapshotModel {
        let path: String
        /// What it must hold: everything that was in the log when it was made.
        var topics: [TopicModel]
        let leaderEpoch: LeaderEpoch
    }

    func backUp(_ random: inout SeededGenerator) async throws {
        var options = BackupOptions(sharesBytes: Bool.random(using: &random))
        options.check = BackupOptions.Check.allCases.randomElement(using: &random)!
        if Bool.random(using: &random) { options.keep = Int.random(in: 1...3, using: &random) }
        note("back up, \(options.sharesBytes ? "sharing" : "copying") bytes, checking \(options.check.rawValue)")
        do {
            let report = try await engine().backup(to: Self.backups, options: options)
            var held = topics
            for topic in held.indices where !held[topic].isHidden {
                for partition in held[topic].partitions.indices {
                    // It was flushed first.
                    held[topic].partitions[partition].flushed()
                    if !topics[topic].isHidden { topics[topic].partitions[partition].flushed() }
                }
            }
            snapshots.removeAll { snapshot in report.removed.contains { snapshot.path.hasSuffix("/" + $0) } }
            snapshots.append(SnapshotModel(path: report.snapshot, topics: held, leaderEpoch: leaderEpoch))
        } catch {
            // It may have been complete, and older ones have gone for it.
            if options.keep != nil { snapshots = [] }
            try tolerate(error, while: "making a backup")
        }
    }

    /// Restores a snapshot, opens what has come of it, compares, and takes it away again.
    func restore(_ random: inout SeededGenerator) async throws {
        guard let snapshot = snapshots.randomElement(using: &random) else { return }
        let target = "/restored-\(current)"
        note("restore \(snapshot.path)")
        do {
            // What rots in a file that the directory shares with the snapshot is damaged in both.
            let report = try await Daybook.restore(
                snapshot.path, to: target, allowsDamage: true, in: configuration())
            guard report.leaderEpoch > snapshot.leaderEpoch else {
                throw Violation("epoch \(report.leaderEpoch) follows a snapshot of epoch \(snapshot.leaderEpoch)")
            }
            let restored = try await Daybook.open(target, configuration: configuration())
            try await compare(restored, snapshot)
            try await restored.close()
            try remove(FilePath(target))
        } catch {
            try tolerate(error, while: "restoring \(snapshot.path)")
        }
    }

    private func compare(_ restored: Daybook, _ snapshot: SnapshotModel) async throws {
        let names = Set(restored.topics.map(\.name.description))
        for topic in snapshot.topics where !topic.isHidden {
            guard names.contains(topic.name) else { throw Violation("topic \(topic.name) is not in \(snapshot.path)") }
            for partition in topic.partitions {
                let start = try await restored.offsets(partition.topicPartition).logStartOffset.rawValue
                let all = try await readAll(partition.topicPartition, of: restored, from: start)
                var model = partition
                do throws(Violation) {
                    try model.recover(start: start, all.numbers, afterPowerCut: false)
                } catch {
                    throw Violation("restored from \(snapshot.path): \(error)")
                }
            }
        }
    }

    private func remove(_ folder: FilePath) throws(FileError) {
        let fileSystem = disk.processFileSystem
        for name in try fileSystem.entries(of: folder) {
            let path = folder.appending(name)
            if try fileSystem.status(of: path).isDirectory {
                try remove(path)
            } else {
                try fileSystem.removeFile(path)
            }
        }
        try fileSystem.removeDirectory(folder)
    }
}
