// What stands where in a data directory, and the version of all of it.
// No other file spells out a name of the data directory, except those inside a partition's folder.

internal import DaybookModel
internal import DaybookFiles
internal import SystemPackage

/// The names in a data directory.
struct DirectoryLayout: Sendable {
    let root: FilePath

    /// Held by the writing process; never removed.
    var lock: FilePath { root.appending("LOCK") }
    /// How the last writer left the directory.
    var state: FilePath { root.appending("state") }
    /// The topics and their configuration, twice: either copy is enough.
    var registries: [FilePath] { [root.appending("topics"), root.appending("topics.copy")] }
    /// What is durable, partition by partition.
    var watermarks: FilePath { root.appending("watermarks") }

    /// The socket at which the writing process takes commands; there is one only while it runs.
    var control: FilePath { root.appending("control") }
    /// What a snapshot holds; there is one in snapshots only.
    var manifest: FilePath { root.appending("manifest") }

    func partition(_ topicPartition: TopicPartition) -> FilePath { root.appending(topicPartition.description) }

    /// The version of the formats in the directory. Raised when a release writes what older ones cannot read.
    static let formatVersion = 1
}

extension FileSystem {
    /// Makes a folder and the folders above it, durably. Those that are there already are left alone; with `flushingAll`
    /// their names are made durable too, because whoever made them may have been stopped before that.
    func createDirectories(_ path: FilePath, flushingAll: Bool = false) throws(FileError) {
        if path.isEmpty || path == "/" { return }
        let isThere = try exists(path)
        if isThere, !flushingAll { return }
        let parent = path.removingLastComponent()
        try createDirectories(parent, flushingAll: flushingAll)
        if !isThere {
            do { try createDirectory(path) } catch  where error.errno == .fileExists {}
        }
        do { try flushDirectory(parent.isEmpty ? "." : parent) } catch {
            // A folder that is not ours, or one of a file system without folders to flush, was not made by us either.
            let isForeign = [.permissionDenied, .notPermitted, .invalidArgument, .notSupported].contains(error.errno)
            guard isThere, isForeign else { throw error }
        }
    }

    /// Removes a file, or a folder with everything in it; nothing happens when there is none. Does not follow links.
    func removeTree(_ path: FilePath) throws(FileError) {
        do {
            return try uninterrupted { () throws(FileError) in try removeFile(path) }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return }
            // Linux says that it is a folder, Darwin that it is not permitted.
            guard error.errno == .isDirectory || error.errno == .notPermitted else { throw error }
        }
        for name in try uninterrupted({ () throws(FileError) in try entries(of: path) }) {
            try removeTree(path.appending(name))
        }
        try uninterrupted { () throws(FileError) in try removeDirectory(path) }
    }

    /// Removes a file; nothing happens when there is none.
    func removeIfThere(_ path: FilePath) throws(FileError) {
        do {
            try uninterrupted { () throws(FileError) in try removeFile(path) }
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
    }
}
