// The seam between the log and the disk. Two sides: `PosixFileSystem`, and the simulated or failing disks of the tests.
// One method is one system call, so that a test can fail, shorten or interrupt each; loops stand in the extensions.

package import DaybookModel
package import SystemPackage

/// A file system. Every call may block; none may be made on Swift's cooperative threads.
package protocol FileSystem: Sendable {
    /// Opens a file; it is closed by `File.close` or with its last reference.
    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File
    func status(of path: FilePath) throws(FileError) -> FileStatus
    /// The names in a folder, in no order, without `.` and `..`.
    func entries(of directory: FilePath) throws(FileError) -> [String]
    /// Fails with `fileExists` when something of that name is there.
    func createDirectory(_ path: FilePath) throws(FileError)
    /// Replaces what `destination` names, atomically; durable only after the folder has been flushed.
    func rename(_ source: FilePath, to destination: FilePath) throws(FileError)
    /// Gives a file a second name in the same file system: both name the same bytes. Durable only after the folder has been
    /// flushed. Fails with `fileExists` when something of that name is there, and where there are no such names with
    /// `improperLink`, `notSupported` or `notPermitted`.
    func link(_ existing: FilePath, to new: FilePath) throws(FileError)
    func removeFile(_ path: FilePath) throws(FileError)
    /// Removes an empty folder.
    func removeDirectory(_ path: FilePath) throws(FileError)
    /// Makes the names in a folder durable: files created, renamed and removed there.
    func flushDirectory(_ path: FilePath) throws(FileError)
    /// Takes the lock file at `path` for this process, or fails with `wouldBlock` at once; never removes the file.
    func lock(_ path: FilePath) throws(FileError) -> any FileLock
    /// How much room there is where `path` stands, which must exist.
    func space(at path: FilePath) throws(FileError) -> FileSystemSpace
}

/// An open file. Calls may come from several threads at once; places are given with each call.
package protocol File: AnyObject, Sendable {
    /// What the file was opened by.
    var path: FilePath { get }
    /// Reads once; returns how many bytes, 0 at the end of the file. May be short or interrupted.
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int
    /// Writes once; returns how many bytes. May be short or interrupted.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int
    /// Cuts or extends the file.
    func truncate(to size: Int) throws(FileError)
    /// Makes the file's bytes and its length durable. A failure is final for this descriptor: what was written since the
    /// last flush may be lost although a second try reports success.
    func flush() throws(FileError)
    func status() throws(FileError) -> FileStatus
    /// Further calls fail. Does not flush.
    func close() throws(FileError)
}

/// A lock held until it is released or the process ends.
package protocol FileLock: AnyObject, Sendable {
    func release()
}

/// What a file is opened for.
package enum FileAccess: Sendable {
    case read
    case readWrite
    /// Reads and writes; makes the file if there is none.
    case create
}

/// What the system says of a file or folder.
package struct FileStatus: Hashable, Sendable {
    package var isDirectory: Bool
    package var size: Int
    /// Milliseconds since 1970.
    package var modified: Timestamp

    package init(isDirectory: Bool, size: Int, modified: Timestamp) {
        self.isDirectory = isDirectory
        self.size = size
        self.modified = modified
    }
}

/// Room on a file system, in bytes.
package struct FileSystemSpace: Hashable, Sendable {
    /// What this process may still write.
    package var available: Int
    package var total: Int

    package init(available: Int, total: Int) {
        self.available = available
        self.total = total
    }
}

/// Makes a call again for as long as signals interrupt it. For calls that do nothing when they are interrupted: every
/// one of the seam but `close`, which is over in any case.
package func uninterrupted<Result>(_ call: () throws(FileError) -> Result) throws(FileError) -> Result {
    while true {
        do {
            return try call()
        } catch {
            guard error.errno == .interrupted else { throw error }
        }
    }
}

extension File {
    /// Reads until `buffer` is full or the file ends; returns how many bytes. Goes on after interruptions.
    package func readFully(
        into buffer: UnsafeMutableRawBufferPointer, at position: Position
    ) throws(FileError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let place = position.advanced(by: done)
            let count = try uninterrupted { () throws(FileError) in try read(into: rest, at: place) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all of `bytes`. Goes on after interruptions and short writes; after an error the file may hold a part.
    package func writeFully(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let place = position.advanced(by: done)
            let count = try uninterrupted { () throws(FileError) in try write(rest, at: place) }
            // A disk that takes nothing and reports nothing would keep us here for ever.
            guard count > 0 else { throw FileError(.write, path, .ioError) }
            done += count
        }
    }
}

extension FileSystem {
    /// Removes a file; nothing happens when there is none.
    package func removeIfPresent(_ path: FilePath) throws(FileError) {
        do {
            try uninterrupted { () throws(FileError) in try removeFile(path) }
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
    }

    /// Whether something of that name is there. Other failures than its absence are thrown.
    package func exists(_ path: FilePath) throws(FileError) -> Bool {
        do {
            _ = try uninterrupted { () throws(FileError) in try status(of: path) }
            return true
        } catch  where error.errno == .noSuchFileOrDirectory {
            return false
        }
    }
}
