// One call on a file system as a test sees it: its kind, its place, and how it ended.
// Recorded by `FaultyFileSystem` and `SimulatedDisk`, which ask their faults about each one.

internal import DaybookFiles
package import DaybookModel
package import SystemPackage

/// The calls of the file-system seam.
package enum FileCallKind: String, Sendable, Hashable, CaseIterable {
    // Of the file system.
    case open, status, entries, createDirectory, rename, link, removeFile, removeDirectory, flushDirectory, lock, space
    // Of an open file.
    case read, write, truncate, flush, fileStatus, close

    /// Calls that change what is on disk, or whether it stays there.
    package static let changing: Set<FileCallKind> = [
        .createDirectory, .rename, .link, .removeFile, .removeDirectory, .flushDirectory, .write, .truncate, .flush,
    ]
}

extension FileCallKind {
    /// What the system's errors call it.
    var operation: FileError.Operation {
        switch self {
        case .open: .open
        case .status, .fileStatus, .space: .status
        case .entries: .list
        case .createDirectory: .createDirectory
        case .rename: .rename
        case .link: .link
        case .removeFile, .removeDirectory: .remove
        case .flushDirectory: .flushDirectory
        case .lock: .lock
        case .read: .read
        case .write: .write
        case .truncate: .truncate
        case .flush: .flush
        case .close: .close
        }
    }
}

/// One call.
package struct FileCall: Sendable {
    /// How the call ended.
    package enum Outcome: Hashable, Sendable {
        case done
        case short
        case failed(Errno)
    }

    /// Counts all calls of one file system, from 0.
    package let number: Int
    package let kind: FileCallKind
    package let path: FilePath
    /// Which open file: numbers are given at open, from 0, and never again. Nil for calls of the file system.
    package let descriptor: Int?
    /// Where a read or write begins.
    package let position: Position?
    /// Bytes asked for, or the size that `truncate` sets.
    package let count: Int?
    /// What the test's plan made of the call. A call that the real disk refused counts as done.
    package internal(set) var outcome = Outcome.done
}
