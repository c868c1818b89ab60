// Signals interrupt system calls; nobody above this file should have to think of it for calls that concern names.
// Calls of open files are repeated by the extensions of `File`, where some go on with the rest instead.

internal import DaybookModel
package import SystemPackage

/// A file system whose calls are made again for as long as signals interrupt them. Open files are as they come.
package struct UninterruptedFileSystem: FileSystem {
    private let base: any FileSystem

    package init(_ base: any FileSystem) { self.base = base }

    package func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        try uninterrupted { () throws(FileError) in try base.open(path, access) }
    }

    package func status(of path: FilePath) throws(FileError) -> FileStatus {
        try uninterrupted { () throws(FileError) in try base.status(of: path) }
    }

    package func entries(of directory: FilePath) throws(FileError) -> [String] {
        try uninterrupted { () throws(FileError) in try base.entries(of: directory) }
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.createDirectory(path) }
    }

    package func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.rename(source, to: destination) }
    }

    package func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.link(existing, to: new) }
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.removeFile(path) }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.removeDirectory(path) }
    }

    package func flushDirectory(_ path: FilePath) throws(FileError) {
        try uninterrupted { () throws(FileError) in try base.flushDirectory(path) }
    }

    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        try uninterrupted { () throws(FileError) in try base.lock(path) }
    }

    package func space(at path: FilePath) throws(FileError) -> FileSystemSpace {
        try uninterrupted { () throws(FileError) in try base.space(at: path) }
    }
}
