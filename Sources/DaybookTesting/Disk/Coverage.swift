// What a simulation has really met: how often each fault struck and each outcome of a crash was drawn.
// Counted by `SimulatedDisk`; a run that reports a zero has not tested that kind.

/// Counts of faults and crash outcomes. Add those of several runs.
package struct Coverage: Hashable, Sendable, CustomStringConvertible {
    /// Something that goes wrong, or a way in which a crash leaves the disk.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        // Calls.
        case refusedIO = "call refused with EIO"
        case refusedSpace = "call refused with ENOSPC"
        case interrupted = "call interrupted"
        case refusedOther = "call refused otherwise"
        case shortRead = "short read"
        case shortWrite = "short write"
        case tornWrite = "torn write"
        case flushFailure = "failed flush"
        case directoryFlushFailure = "failed flush of a folder"
        case writeBackFailure = "failed write-back"
        case diskFull = "disk full"
        case bitRot = "bytes changed on the disk"
        // Crashes.
        case processCrash = "process killed"
        case machineCrash = "power cut"
        case tornByCrash = "write cut off by a crash"
        case nothingSurvived = "power cut: nothing unflushed survived"
        case everythingSurvived = "power cut: everything survived"
        case onlyFirstSurvived = "power cut: only the first survived"
        case onlyLastSurvived = "power cut: only the last survived"
        case sectorKept = "unflushed sector survived"
        case sectorOld = "unflushed sector is as it was"
        case sectorZero = "unflushed sector is zeros"
        case sectorGarbage = "unflushed sector is garbage"
        case sectorForeign = "unflushed sector is another file's"
        case sectorAbandoned = "sector of a failed flush is as it was"
        case laterSectorOnly = "a sector survived, an earlier one did not"
        case sizeOld = "length is the old one"
        case sizeNew = "length is the new one"
        case sizeBetween = "length is one between"
        case nameKept = "unflushed name survived"
        case nameLost = "unflushed name did not survive"
        case renameHalf = "rename left both names"
        case renamesReordered = "later rename undone, earlier one kept"
        case olderRenameWon = "older rename of a name came last"
    }

    private var counts: [Kind: Int] = [:]

    package init() {}

    package subscript(kind: Kind) -> Int { counts[kind, default: 0] }

    /// Adds `times` occurrences.
    package mutating func count(_ kind: Kind, _ times: Int = 1) { counts[kind, default: 0] += times }

    /// Kinds that never occurred.
    package var missing: [Kind] { Kind.allCases.filter { self[$0] == 0 } }

    package static func += (a: inout Coverage, b: Coverage) { a.counts.merge(b.counts, uniquingKeysWith: +) }

    /// One line a kind: how often, and what.
    package var description: String {
        Kind.allCases.map { kind in
            let count = String(self[kind])
            return String(repeating: " ", count: max(0, 10 - count.count)) + count + "  " + kind.rawValue
        }.joined(separator: "\n")
    }
}
