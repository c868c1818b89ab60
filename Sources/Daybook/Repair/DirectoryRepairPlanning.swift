// Plans the repair of a data directory: its small files, what belongs to no topic, and each partition in which
// verification has found something. Changes nothing. What a partition needs is the business of `PartitionRepairPlanning`.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// Makes the plan for one directory. Blocks.
struct DirectoryRepairPlanning {
    private let layout: DirectoryLayout
    private let pool: DescriptorPool
    private let verified: VerificationReport
    private let now: Timestamp
    private var plan: RepairPlan

    init(layout: DirectoryLayout, pool: DescriptorPool, verified: VerificationReport, now: Timestamp) {
        self.layout = layout
        self.pool = pool
        self.verified = verified
        self.now = now
        plan = RepairPlan(directory: layout.root.string)
    }

    private var fileSystem: any FileSystem { pool.fileSystem }

    consuming func run() throws -> RepairPlan {
        let state = try AtomicFile.read(layout.state, in: fileSystem).flatMap { try DirectoryState(decoding: $0) }
        try planUnfinished()
        let registry = try planRegistry()
        try planStrangers(registry)
        let watermarks = WatermarkFile(path: layout.watermarks, pool: pool, isReadOnly: true)
        let topics = registry.sorted.filter { !$0.isDeleting }
        let slots = topics.flatMap { topic in
            topic.partitions.map { (topic.firstSlot + Int($0.partition), topic.id, $0.partition) }
        }
        let known = watermarks.read(slots)
        let needsWatermarks = verified.findings.contains { $0.kind == .watermark }
        var entries: [Int: Watermark] = [:]
        var epoch = [state?.leaderEpoch, known.values.map(\.leaderEpoch).max()].compactMap { $0 }.max()
        for topic in topics {
            for topicPartition in topic.partitions {
                let slot = topic.firstSlot + Int(topicPartition.partition)
                let suspicion = try suspicion(of: topicPartition)
                entries[slot] = known[slot]
                guard needsWatermarks || state == nil || suspicion.isGiven else { continue }
                let partition = try plan(topicPartition, of: topic, known[slot], state, suspicion.badSidecars)
                epoch = [epoch, partition.highestEpoch].compactMap { $0 }.max()
                entries[slot] = Watermark(
                    topicID: topic.id, partition: topicPartition.partition,
                    highWatermark: state?.isClean == true ? partition.logEndOffset : partition.recoveryPoint,
                    logStartOffset: partition.logStartOffset, leaderEpoch: epoch ?? .zero)
            }
        }
        if needsWatermarks { planWatermarks(entries) }
        planState(state, epoch ?? .zero)
        noteUnmended()
        return plan
    }

    private mutating func replace(
        _ kind: RepairPlan.Action.Kind, _ path: FilePath, with bytes: [UInt8], _ reason: String
    ) throws(FileError) {
        let file = path.lastComponent?.string ?? path.string
        let size = try fileSystem.exists(path) ? fileSystem.status(of: path).size : 0
        plan.actions.append(
            RepairPlan.Action(
                kind: kind, file: file, reason: reason, bytes: .bytes(size), lostOffsets: [],
                work: .replace(file: file, bytes: bytes)))
    }

    // MARK: registry and strangers

    private mutating func planRegistry() throws -> TopicRegistry {
        var sound: [TopicRegistry] = []
        var bad: [FilePath] = []
        for path in layout.registries {
            let found = try AtomicFile.read(path, in: fileSystem).flatMap { try TopicRegistry(decoding: $0) }
            if let found { sound.append(found) } else { bad.append(path) }
        }
        if let newest = sound.max(by: { $0.generation < $1.generation }) {
            for path in bad {
                try replace(
                    .writeRegistry, path, with: newest.encoded(),
                    "missing or damaged, and is written anew from the other copy")
            }
            if bad.isEmpty, sound[0] != sound[1] {
                for (path, copy) in zip(layout.registries, sound) where copy != newest {
                    try replace(.writeRegistry, path, with: newest.encoded(), "older than the other copy, which counts")
                }
            }
            return newest
        }
        let rebuilt = try TopicRegistry.rebuilt(from: layout, fileSystem)
        for path in layout.registries {
            try replace(
                .writeRegistry, path, with: rebuilt.encoded(), "both copies are lost; written anew from the folders")
        }
        for topic in rebuilt.sorted {
            plan.notes.append(
                "topic \(topic.name): its \(topic.partitionsCount) partitions are known by their folders; its settings "
                    + "and the day of its creation are lost, it gets the default settings: set them with topic alter")
        }
        return rebuilt
    }

    private mutating func planStrangers(_ registry: TopicRegistry) throws(FileError) {
        let known = Set(registry.topics.values.flatMap { $0.partitions.map(\.description) })
        for name in try fileSystem.entries(of: layout.root).sorted() {
            let status = try fileSystem.status(of: layout.root.appending(name))
            if status.isDirectory, TopicPartition(folderName: name) != nil, !known.contains(name) {
                setAside(name, "no topic claims this partition folder", try size(of: name))
            }
        }
    }

    /// First of all: what is written from here on gets such a name for a while.
    private mutating func planUnfinished() throws(FileError) {
        for name in try fileSystem.entries(of: layout.root).sorted() where name.hasSuffix(".new") {
            let status = try fileSystem.status(of: layout.root.appending(name))
            if !status.isDirectory { setAside(name, "what was being written when a process ended", status.size) }
        }
    }

    private mutating func setAside(_ name: String, _ reason: String, _ bytes: Int) {
        plan.actions.append(
            RepairPlan.Action(
                kind: .setAside, file: name, reason: reason, bytes: .bytes(bytes),
                lostOffsets: [], work: .setAside(file: name, reason: reason)))
    }

    private func size(of folder: String) throws(FileError) -> Int {
        let path = layout.root.appending(folder)
        var sum = 0
        for name in try fileSystem.entries(of: path) { sum += try fileSystem.status(of: path.appending(name)).size }
        return sum
    }

    // MARK: partitions

    /// Whether a partition has to be looked at, and which of its sidecars are wrong.
    private func suspicion(of topicPartition: TopicPartition) throws -> (isGiven: Bool, badSidecars: Set<Offset>) {
        let folder = topicPartition.description
        let own = verified.findings.filter { $0.file == folder || $0.file.hasPrefix(folder + "/") }
        func base(_ sidecar: some StringProtocol) -> Offset? {
            guard sidecar.hasSuffix(SegmentName.sidecarSuffix) else { return nil }
            return SegmentName.baseOffset(
                ofLog: sidecar.dropLast(SegmentName.sidecarSuffix.count) + SegmentName.logSuffix)
        }
        var bad = Set(own.filter { $0.kind == .sidecar }.compactMap { base($0.file.dropFirst(folder.count + 1)) })
        let path = layout.partition(topicPartition)
        guard try fileSystem.exists(path) else { return (true, []) }
        let names = Set(try fileSystem.entries(of: path))
        let bases = names.compactMap { SegmentName.baseOffset(ofLog: $0) }.sorted()
        bad.formUnion(bases.dropLast().filter { !names.contains(SegmentName.sidecar($0)) })
        let hasLeftovers = names.contains { name in
            name.hasSuffix(".new") || name.hasSuffix(SegmentName.cleanedSuffix)
                || name.hasSuffix(SegmentName.logSuffix) && SegmentName.baseOffset(ofLog: name) == nil
                || base(name).map { !bases.contains($0) } ?? false
        }
        return (!own.isEmpty || !bad.isEmpty || hasLeftovers, bad)
    }

    private mutating func plan(
        _ topicPartition: TopicPartition, of topic: Topic, _ watermark: Watermark?, _ state: DirectoryState?,
        _ badSidecars: Set<Offset>
    ) throws -> PartitionRepairPlan {
        let identity = LogIdentity(topicPartition: topicPartition, topicID: topic.id)
        let boot = SystemIdentity.bootIdentifier()
        let folder = layout.partition(topicPartition)
        let indexInterval = topic.configuration.log.indexIntervalBytes
        let partition = try PartitionRepairPlanning(
            identity: identity, directory: folder, pool: pool, indexInterval: indexInterval,
            knownRecoveryPoint: watermark?.highWatermark ?? .zero, logStartOffset: watermark?.logStartOffset ?? .zero,
            wasClosedCleanly: state?.isClean ?? false,
            isSameBoot: state?.bootIdentifier != nil && state?.bootIdentifier == boot, badSidecars: badSidecars,
            now: now
        ).run()
        for action in partition.actions {
            plan.actions.append(
                RepairPlan.Action(
                    action, of: identity, indexInterval: indexInterval, bytes: try bytes(of: action, in: folder)))
        }
        plan.notes += partition.notes
        return partition
    }

    /// How many bytes an action takes to quarantine.
    private func bytes(of action: PartitionRepairAction, in folder: FilePath) throws(FileError) -> Int {
        let name: String
        switch action {
        case .createFolder, .finishSwap: return 0
        case .rewrite(let rewrite): return rewrite.lostBytes
        case .setAside(let file, _): name = file
        case .writeCheckpoint: name = PartitionCheckpoint.fileName
        case .rebuildSidecar(let rebuilding): name = SegmentName.sidecar(rebuilding.baseOffset)
        }
        let path = folder.appending(name)
        return try fileSystem.exists(path) ? fileSystem.status(of: path).size : 0
    }

    // MARK: watermarks and state

    private mutating func planWatermarks(_ entries: [Int: Watermark]) {
        var bytes = [UInt8](repeating: 0, count: ((entries.keys.max() ?? -1) + 1) * WatermarkFile.slotSize)
        for (slot, watermark) in entries {
            let place = slot * WatermarkFile.slotSize + WatermarkFile.entrySize
            bytes.replaceSubrange(
                place..<place + WatermarkFile.entrySize, with: WatermarkFile.encode(1, watermark))
        }
        plan.actions.append(
            RepairPlan.Action(
                kind: .writeWatermarks, file: "watermarks",
                reason: "missing or damaged, and is written anew from its sound entries and the segments",
                bytes: .bytes(0),
                lostOffsets: [], work: .replace(file: "watermarks", bytes: bytes)))
    }

    /// The directory counts as not properly closed from now on: last, because everything before was planned for one that
    /// was, if it was.
    private mutating func planState(_ before: DirectoryState?, _ epoch: LeaderEpoch) {
        var after = DirectoryState(isClean: false, leaderEpoch: epoch, bootIdentifier: before?.bootIdentifier)
        if let before { after.nextProducerID = before.nextProducerID }
        let isRaised = before.map { $0.leaderEpoch < epoch } ?? true
        guard isRaised || !plan.actions.isEmpty && before != after else { return }
        plan.actions.append(
            RepairPlan.Action(
                kind: .writeState, file: "state",
                reason: before == nil
                    ? "missing or damaged, and is written anew; the next open recovers and raises the leader epoch"
                    : "the next open recovers and raises the leader epoch",
                bytes: .bytes(0), lostOffsets: [], work: .replace(file: "state", bytes: after.encoded())))
    }

    private mutating func noteUnmended() {
        for finding in verified.findings where finding.kind == .undecodable {
            plan.notes.append("\(finding.description): the bytes are what was written, there is nothing to mend")
        }
    }
}
