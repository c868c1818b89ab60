// Small files that are read and replaced as a whole: registries, states, manifests.
// Not for segments, which only grow, and not for sidecars, which can be derived.

package import SystemPackage
internal import DaybookModel

extension File {
    /// Writes a whole array at the beginning of the file.
    fileprivate func writeFully(_ bytes: [UInt8]) throws(FileError) {
        try bytes.withUnsafeBytes { buffer -> Result<Void, FileError> in
            Result { () throws(FileError) in try writeFully(buffer, at: .zero) }
        }.get()
    }
}

/// Whole-file reads and atomic, durable replacement.
package enum AtomicFile {
    /// The content of a file of at most `limit` bytes, or nil when there is none. Larger files throw `fileTooLarge`.
    package static func read(
        _ path: FilePath, limit: Int = 64 << 20, in fileSystem: any FileSystem
    ) throws(FileError) -> [UInt8]? {
        let file: any File
        do {
            file = try uninterrupted { () throws(FileError) in try fileSystem.open(path, .read) }
        } catch  where error.errno == .noSuchFileOrDirectory {
            return nil
        }
        let size = try uninterrupted { () throws(FileError) in try file.status() }.size
        guard size <= limit else { throw FileError(.read, path, .fileTooLarge) }
        // All empty arrays are one object, to which an array without room would write its count: a race between threads.
        guard size > 0 else {
            try file.close()
            return []
        }
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            do throws(FileError) {
                count = try file.readFully(into: UnsafeMutableRawBufferPointer(buffer), at: .zero)
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw failure }
        try file.close()
        return bytes
    }

    /// Replaces the file at `path` by `bytes`: durable when it returns, and after a crash either the old or the new
    /// content is there, whole. After an error that may be either; the file `….new` may be left, and goes with the next call.
    package static func replace(
        _ path: FilePath, with bytes: [UInt8], in fileSystem: any FileSystem
    ) throws(FileError) {
        let temporary = FilePath(path.string + ".new")
        // Not written over: a rename that a power cut left half done may have given the file both names.
        try fileSystem.removeIfPresent(temporary)
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(temporary, .create) }
        try file.writeFully(bytes)
        try uninterrupted { () throws(FileError) in try file.flush() }
        try file.close()
        try uninterrupted { () throws(FileError) in try fileSystem.rename(temporary, to: path) }
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(path.removingLastComponent()) }
    }
}
