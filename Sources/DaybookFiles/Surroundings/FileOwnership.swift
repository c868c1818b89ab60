// Whose a file is, what sort of thing it is, and whether this process may write to it.
// What that means for a data directory is judged by whoever asks.

internal import DaybookModel
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the system says of a name in a folder; links are not followed.
package struct FileOwnership: Hashable, Sendable {
    /// What stands behind a name.
    package enum Kind: Hashable, Sendable {
        case file, folder, link, other
    }

    package var kind: Kind
    /// The number of the user it belongs to.
    package var owner: UInt32
    /// Whether this process may read and write it. For the superuser: unless the file system is mounted read-only.
    package var isWritable: Bool
    /// Names the file together with `inode`, among all of the machine.
    package var device: UInt64
    package var inode: UInt64

    package init(kind: Kind, owner: UInt32, isWritable: Bool = true, device: UInt64 = 0, inode: UInt64 = 0) {
        self.kind = kind
        self.owner = owner
        self.isWritable = isWritable
        self.device = device
        self.inode = inode
    }

    /// Asks the system; nil when there is nothing of that name. Two system calls.
    package static func of(_ path: FilePath) throws(FileError) -> FileOwnership? {
        var status = stat()
        do {
            _ = try checked(.status, path) { path.withPlatformString { lstat($0, &status) } }
        } catch  where error.errno == .noSuchFileOrDirectory {
            return nil
        }
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .other
            }
        let wanted = R_OK | W_OK | (kind == .folder ? X_OK : 0)
        return FileOwnership(
            kind: kind, owner: status.st_uid, isWritable: path.withPlatformString { access($0, wanted) } == 0,
            device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(status.st_ino))
    }
}
