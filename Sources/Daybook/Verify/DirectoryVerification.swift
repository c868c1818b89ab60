// Verification of what belongs to a data directory as a whole: state, registry, watermarks, quarantine, and whether a
// writer is at work. Says which partitions there are to check.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// One partition to check, and what the rest of the directory says about it.
struct VerificationSubject: Sendable {
    let topicPartition: TopicPartition
    /// Nil when the registry was lost: sidecars then tell their own.
    let topicID: UInt64?
    let watermark: Watermark?
    /// Nil when the state file was lost.
    let leaderEpoch: LeaderEpoch?
    let wasClosedCleanly: Bool
    let hasLiveWriter: Bool
    /// Bytes of its segments, for the progress.
    let size: Int
}

/// The checks of the small files.
struct DirectoryVerification {
    private let layout: DirectoryLayout
    private let fileSystem: any FileSystem
    private let isSnapshot: Bool
    private var report: VerificationReport

    init(layout: DirectoryLayout, fileSystem: any FileSystem) {
        self.layout = layout
        self.fileSystem = fileSystem
        isSnapshot = (try? fileSystem.exists(layout.manifest)) ?? false
        report = VerificationReport(directory: layout.root.string)
    }

    /// Checks, and returns what there is left to check.
    consuming func run() throws -> (VerificationReport, [VerificationSubject]) {
        guard try fileSystem.exists(layout.root) else {
            throw DaybookError(.directoryUnusable, "There is no data directory \(layout.root)")
        }
        let names = Set(try fileSystem.entries(of: layout.root))
        let hasFolders = names.contains { TopicPartition(folderName: $0) != nil }
        guard hasFolders || ["state", "topics", "topics.copy"].contains(where: names.contains) else {
            throw DaybookError(
                .directoryUnusable, "\(layout.root) is no data directory: it holds neither topics nor partitions")
        }
        let state = try checkState()
        report.wasClosedCleanly = state?.isClean ?? false
        report.hasLiveWriter = try !report.wasClosedCleanly && isLocked()
        if !report.wasClosedCleanly, !report.hasLiveWriter, state != nil, !isSnapshot {
            report.note("state", "the last writer did not close the directory; the next one recovers it")
        }
        let (registry, isRebuilt) = try checkRegistry()
        report.topicsCount = registry.topics.count
        let watermarks = try checkWatermarks(registry)
        noteOthers(names, registry)
        try noteQuarantine()
        var subjects: [VerificationSubject] = []
        for topic in registry.sorted {
            if topic.isDeleting {
                report.note("topics", "topic \(topic.name) is being deleted")
                continue
            }
            for topicPartition in topic.partitions {
                report.partitionsCount += 1
                subjects.append(
                    VerificationSubject(
                        topicPartition: topicPartition, topicID: isRebuilt ? nil : topic.id,
                        watermark: isRebuilt ? nil : watermarks[topic.firstSlot + Int(topicPartition.partition)],
                        // A snapshot says that it was not closed, and is complete all the same.
                        leaderEpoch: state?.leaderEpoch, wasClosedCleanly: report.wasClosedCleanly || isSnapshot,
                        hasLiveWriter: report.hasLiveWriter, size: try size(of: topicPartition)))
            }
        }
        return (report, subjects)
    }

    /// For the progress only: segments that a writer removes at this moment count for nothing.
    private func size(of topicPartition: TopicPartition) throws(FileError) -> Int {
        let folder = layout.partition(topicPartition)
        guard try fileSystem.exists(folder) else { return 0 }
        var size = 0
        for name in try fileSystem.entries(of: folder) where name.hasSuffix(".log") {
            do {
                size += try fileSystem.status(of: folder.appending(name)).size
            } catch {
                guard error.errno == .noSuchFileOrDirectory else { throw error }
            }
        }
        return size
    }

    /// Whether a writer holds the directory.
    ///
    /// Takes the lock for a moment, where there is a lock file, and only in a directory that nobody closed.
    private func isLocked() throws(FileError) -> Bool {
        guard try fileSystem.exists(layout.lock) else { return false }
        do throws(FileError) {
            try fileSystem.lock(layout.lock).release()
            return false
        } catch {
            // Who may not lock cannot tell; then nobody is blamed for what may be under way.
            return true
        }
    }

    // MARK: state and registry

    private mutating func checkState() throws -> DirectoryState? {
        guard let bytes = try AtomicFile.read(layout.state, in: fileSystem) else {
            report.find(.state, "state", "the file is missing; the directory counts as not properly closed")
            return nil
        }
        guard let state = try DirectoryState(decoding: bytes) else {
            report.find(
                .state, "state", positions: .zero..<Position(bytes.count),
                "the file is damaged; the directory counts as not properly closed")
            return nil
        }
        return state
    }

    private mutating func checkRegistry() throws -> (TopicRegistry, isRebuilt: Bool) {
        var copies: [(name: String, registry: TopicRegistry)] = []
        for path in layout.registries {
            let name = path.lastComponent?.string ?? path.string
            guard let bytes = try AtomicFile.read(path, in: fileSystem) else {
                report.find(.registry, name, "this copy of the topic registry is missing")
                continue
            }
            guard let registry = try TopicRegistry(decoding: bytes) else {
                report.find(
                    .registry, name, positions: .zero..<Position(bytes.count),
                    "this copy of the topic registry is damaged")
                continue
            }
            copies.append((name, registry))
        }
        if copies.count == 2, copies[0].registry != copies[1].registry {
            // Both are replaced one after the other: a crash, or a writer at this moment, is in between.
            let isBetween = copies[0].registry.generation != copies[1].registry.generation && !report.wasClosedCleanly
            report.report(
                isFinding: !isBetween, .registry, copies[1].name,
                "the two copies of the topic registry differ; the newer one counts")
        }
        if let newest = copies.max(by: { $0.registry.generation < $1.registry.generation }) {
            return (newest.registry, false)
        }
        return (try TopicRegistry.load(layout, in: fileSystem).registry, true)
    }

    // MARK: watermarks

    private mutating func checkWatermarks(_ registry: TopicRegistry) throws -> [Int: Watermark] {
        let name = "watermarks"
        guard let bytes = try AtomicFile.read(layout.watermarks, in: fileSystem) else {
            let isNeeded = report.wasClosedCleanly && !registry.topics.isEmpty
            report.report(isFinding: isNeeded, .watermark, name, "the file is missing")
            return [:]
        }
        var entries: [Int: [(sequence: UInt64, watermark: Watermark)]] = [:]
        bytes.withUnsafeBytes { buffer in
            for start in stride(from: 0, to: buffer.count, by: WatermarkFile.entrySize) {
                let end = min(start + WatermarkFile.entrySize, buffer.count)
                let entry = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
                // A place that nothing was ever written to.
                if entry.allSatisfy({ $0 == 0 }) { continue }
                if entry.count == WatermarkFile.entrySize, let decoded = WatermarkFile.decode(entry) {
                    entries[start / WatermarkFile.slotSize, default: []].append(decoded)
                } else {
                    report.report(
                        isFinding: !report.hasLiveWriter, .watermark, name, positions: Position(start)..<Position(end),
                        "an entry is damaged")
                }
            }
        }
        var watermarks: [Int: Watermark] = [:]
        for topic in registry.topics.values {
            for partition in topic.partitions {
                let slot = topic.firstSlot + Int(partition.partition)
                let own = (entries[slot] ?? []).filter {
                    $0.watermark.topicID == topic.id && $0.watermark.partition == partition.partition
                }
                watermarks[slot] = own.max { $0.sequence < $1.sequence }?.watermark
            }
        }
        return watermarks
    }

    // MARK: what else there is

    private mutating func noteOthers(_ names: Set<String>, _ registry: TopicRegistry) {
        let known = Set(registry.topics.values.flatMap { $0.partitions.map(\.description) })
            .union([
                "LOCK", "state", "topics", "topics.copy", "watermarks", "control", "control.new", "quarantine",
                "manifest",
            ])
        for name in names.sorted() where !known.contains(name) {
            let isFolder = TopicPartition(folderName: name) != nil
            report.note(name, isFolder ? "no topic claims this partition folder" : "Daybook does not know this file")
        }
    }

    private mutating func noteQuarantine() throws {
        let folder = layout.root.appending("quarantine")
        guard try fileSystem.exists(folder) else { return }
        let names = Set(try fileSystem.entries(of: folder))
        for name in names.sorted() {
            let file = "quarantine/" + name
            if name.hasSuffix(".manifest") {
                let text = try AtomicFile.read(folder.appending(name), in: fileSystem) ?? []
                let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
                let told = ["positions", "offsets", "reason"].compactMap { word in
                    lines.compactMap { $0.value(after: word) }.first.map { "\(word) \($0)" }
                }
                report.note(file, "bytes taken out of service: " + told.joined(separator: ", "))
            } else if !name.hasSuffix(".bytes") || !names.contains(String(name.dropLast(6)) + ".manifest") {
                report.note(file, "there is no manifest for this file")
            }
        }
    }
}
