// The names of a swap of segments on disk: begun by compaction, gone through again by recovery after a crash. Every step
// can be repeated.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// A swap that has been written down in the partition's checkpoint.
struct SegmentSwapping {
    private let swap: SegmentSwap
    private let directory: FilePath
    private let pool: DescriptorPool

    init(_ swap: SegmentSwap, directory: FilePath, pool: DescriptorPool) {
        self.swap = swap
        self.directory = directory
        self.pool = pool
    }

    private var log: FilePath { directory.appending(SegmentName.log(swap.baseOffset)) }
    private var sidecar: FilePath { directory.appending(SegmentName.sidecar(swap.baseOffset)) }

    /// Gives the compacted segment its name: from here on it is what the partition holds.
    func rename() throws(FileError) {
        // The sidecar first: with the old segment it is of no use and is made anew; without it append times would be lost.
        for path in [sidecar, log] {
            do {
                try uninterrupted { () throws(FileError) in try pool.fileSystem.rename(cleaned(path), to: path) }
            } catch {
                // Renamed before the crash that this follows.
                guard error.errno == .noSuchFileOrDirectory else { throw error }
            }
        }
    }

    /// Makes the name durable and removes what has been replaced.
    func finish() throws(FileError) {
        try flushNames()
        for baseOffset in swap.replaced {
            for name in [SegmentName.sidecar(baseOffset), SegmentName.log(baseOffset)] {
                try pool.fileSystem.removeIfPresent(directory.appending(name))
            }
        }
        try flushNames()
    }

    /// Takes the temporary names away: of a compacted segment that is given up before any name has changed, or what a rename
    /// that a power cut left half done has left beside the real name.
    func removeCleaned() throws(FileError) {
        for path in [sidecar, log] { try pool.fileSystem.removeIfPresent(cleaned(path)) }
    }

    private func cleaned(_ path: FilePath) -> FilePath { FilePath(path.string + SegmentName.cleanedSuffix) }

    private func flushNames() throws(FileError) {
        try pool.withRoom { () throws(FileError) in try pool.fileSystem.flushDirectory(directory) }
    }
}
