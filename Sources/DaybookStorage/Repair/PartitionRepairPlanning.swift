// Finds out what has to be done to make a partition whole again. Looks at every byte and changes nothing. What counts as
// damage, as missing and as a torn tail is what recovery takes for it: readers lose nothing by a repair.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// Plans the repair of one partition. Blocks.
package struct PartitionRepairPlanning {
    let identity: LogIdentity
    let directory: FilePath
    let pool: DescriptorPool
    let indexInterval: ByteCount
    /// What checkpoints know to be durable.
    var knownRecoveryPoint: Offset
    let knownLogStart: Offset
    let wasClosedCleanly: Bool
    let isSameBoot: Bool
    /// Segments whose sidecar is known to be wrong or missing.
    let badSidecars: Set<Offset>
    let now: Timestamp
    var plan = PartitionRepairPlan()
    /// The swap that goes first, and is taken for done from then on.
    var swap: SegmentSwap?

    package init(
        identity: LogIdentity, directory: FilePath, pool: DescriptorPool, indexInterval: ByteCount,
        knownRecoveryPoint: Offset, logStartOffset: Offset, wasClosedCleanly: Bool, isSameBoot: Bool,
        badSidecars: Set<Offset>, now: Timestamp
    ) {
        self.identity = identity
        self.directory = directory
        self.pool = pool
        self.indexInterval = indexInterval
        self.knownRecoveryPoint = knownRecoveryPoint
        knownLogStart = logStartOffset
        self.wasClosedCleanly = wasClosedCleanly
        self.isSameBoot = isSameBoot
        self.badSidecars = badSidecars
        self.now = now
    }

    /// Looks at the whole partition. O(bytes).
    package consuming func run() throws(FileError) -> PartitionRepairPlan {
        plan.logStartOffset = knownLogStart
        var names: [String] = []
        if try pool.fileSystem.exists(directory) {
            names = try pool.withRoom { () throws(FileError) in try pool.fileSystem.entries(of: directory) }.sorted()
        } else {
            plan.actions.append(.createFolder)
        }
        // First of all: what is written from here on gets such a name for a while.
        for name in names where name.hasSuffix(".new") {
            setAside(name, "what was being written when a process ended")
        }
        try planCheckpoint(names)
        var files = try listSegments(names)
        // What lies wholly below the log start is no part of the log: retention removes it.
        let expired = zip(files, files.dropFirst()).prefix { $1.baseOffset <= plan.logStartOffset }.map(\.0.baseOffset)
        files.removeFirst(expired.count)
        let examined = try examine(files)
        planLeftovers(names, expired + examined.map(\.file.baseOffset))
        planSegments(examined)
        return plan
    }

    // MARK: checkpoint and files

    private mutating func planCheckpoint(_ names: [String]) throws(FileError) {
        guard names.contains(PartitionCheckpoint.fileName) else { return }
        guard let bytes = try PartitionCheckpoint.readBytes(in: directory, pool.fileSystem) else { return }
        guard let checkpoint = PartitionCheckpoint(decoding: bytes, topicID: identity.topicID) else {
            var fresh = PartitionCheckpoint(topicID: identity.topicID)
            fresh.logStartOffset = knownLogStart
            plan.actions.append(.writeCheckpoint(fresh, isFromCopy: false))
            return
        }
        if !PartitionCheckpoint.isWhole(bytes, topicID: identity.topicID) {
            plan.actions.append(.writeCheckpoint(checkpoint, isFromCopy: true))
        }
        plan.logStartOffset = max(plan.logStartOffset, checkpoint.logStartOffset)
        knownRecoveryPoint = max(knownRecoveryPoint, checkpoint.durableTo)
        guard let swap = checkpoint.swap else { return }
        self.swap = swap
        plan.actions.append(.finishSwap(swap))
    }

    /// A segment on disk.
    struct File {
        let baseOffset: Offset
        let path: FilePath
        let size: Position
        let modified: Timestamp
        /// Behind the name of its sidecar: not empty for a compacted segment that awaits its name.
        let suffix: String
    }

    private func listSegments(_ names: [String]) throws(FileError) -> [File] {
        let replaced = Set(swap?.replaced ?? [])
        var found: [File] = []
        var bases = names.compactMap { SegmentName.baseOffset(ofLog: $0) }
        if let base = swap?.baseOffset, !bases.contains(base) { bases.append(base) }
        for base in bases.sorted() where base.rawValue < 1 << 62 && !replaced.contains(base) {
            let name = SegmentName.log(base)
            let isCleaned = swap?.baseOffset == base && names.contains(name + SegmentName.cleanedSuffix)
            guard isCleaned || names.contains(name) else { continue }
            // The sidecar gets its name first: it may have it already.
            let sidecar = SegmentName.sidecar(base) + SegmentName.cleanedSuffix
            let suffix = isCleaned && names.contains(sidecar) ? SegmentName.cleanedSuffix : ""
            let path = directory.appending(isCleaned ? name + SegmentName.cleanedSuffix : name)
            let status = try uninterrupted { () throws(FileError) in try pool.fileSystem.status(of: path) }
            guard !status.isDirectory else { continue }
            found.append(
                File(
                    baseOffset: base, path: path, size: Position(status.size), modified: status.modified,
                    suffix: suffix))
        }
        return found
    }

    /// Whatever bears a name that Daybook gives and belongs to nothing.
    private mutating func planLeftovers(_ names: [String], _ bases: [Offset]) {
        let kept = Set(bases)
        for name in names {
            let isSwapping = swap.map { Self.names(of: $0).contains(name) } ?? false
            if isSwapping || name == PartitionCheckpoint.fileName { continue }
            if name.hasSuffix(SegmentName.cleanedSuffix) {
                setAside(name, "a segment that was never put in place")
            } else if let base = Self.baseOffset(ofSidecar: name), !kept.contains(base) {
                setAside(name, "its segment is not there")
            } else if name.hasSuffix(SegmentName.logSuffix),
                SegmentName.baseOffset(ofLog: name).map({ $0.rawValue >= 1 << 62 }) ?? true
            {
                setAside(name, "no segment is called so")
            }
        }
    }

    private mutating func setAside(_ name: String, _ reason: String) {
        let action = PartitionRepairAction.setAside(file: name, reason: reason)
        if !plan.actions.contains(action) { plan.actions.append(action) }
    }

    private static func names(of swap: SegmentSwap) -> [String] {
        let base = [SegmentName.log(swap.baseOffset), SegmentName.sidecar(swap.baseOffset)]
        return base + base.map { $0 + SegmentName.cleanedSuffix }
            + swap.replaced.flatMap { [SegmentName.log($0), SegmentName.sidecar($0)] }
    }

    private static func baseOffset(ofSidecar name: String) -> Offset? {
        guard name.hasSuffix(SegmentName.sidecarSuffix) else { return nil }
        return SegmentName.baseOffset(
            ofLog: name.dropLast(SegmentName.sidecarSuffix.count) + SegmentName.logSuffix)
    }
}
