// Whole files and folders in quarantine: moved there, or copied before something else takes their place. Ranges of
// segments are kept by `Quarantine.keep`.

package import DaybookFiles
package import DaybookModel
internal import DaybookRecords
package import SystemPackage

extension Quarantine {
    /// Moves a file or a folder of the data directory to quarantine; nothing happens when it is not there. Durable when
    /// it returns; after a crash it is at its old place or in quarantine, whole, and the call can be made again.
    ///
    /// The manifest comes first: it says where the bytes will be, and a name that has one but no bytes is taken again.
    package func move(_ path: FilePath, reason: String, now: Timestamp) throws(FileError) {
        guard try fileSystem.exists(path) else { return }
        try createDirectory()
        let name = relativeName(of: path)
        var number = 1
        var copy = directory.appending("\(name).bytes")
        while try fileSystem.exists(copy) {
            number += 1
            copy = directory.appending("\(name)-\(number).bytes")
        }
        let manifest = FilePath(String(copy.string.dropLast(6)) + ".manifest")
        try AtomicFile.replace(manifest, with: text(path, reason, now), in: fileSystem)
        try uninterrupted { () throws(FileError) in try fileSystem.rename(path, to: copy) }
        // The new name first: a power cut may leave both, never none.
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(directory) }
        let folder = path.removingLastComponent()
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(folder) }
    }

    /// Copies a small file of the data directory to quarantine, durably; nothing happens when it is not there. The name is
    /// made of a checksum of its bytes: a second call makes no second copy.
    package func keepCopy(of path: FilePath, reason: String, now: Timestamp) throws(FileError) {
        guard let bytes = try AtomicFile.read(path, in: fileSystem) else { return }
        try createDirectory()
        let checksum = bytes.withUnsafeBytes { CRC32C.checksum($0) }
        let name = "\(relativeName(of: path))-\(String(checksum, radix: 16))"
        let manifest = directory.appending(name + ".manifest")
        if try !fileSystem.exists(manifest) {
            try AtomicFile.replace(directory.appending(name + ".bytes"), with: bytes, in: fileSystem)
            try AtomicFile.replace(manifest, with: text(path, reason, now), in: fileSystem)
        }
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(directory) }
    }

    private func text(_ path: FilePath, _ reason: String, _ now: Timestamp) -> [UInt8] {
        let text = """
            daybook-quarantine 1
            file \(path)
            reason \(reason)
            time-ms \(now.rawValue)

            """
        return Array(text.utf8)
    }

    /// The path from the data directory on, as one name.
    private func relativeName(of path: FilePath) -> String {
        var path = path
        guard path.removePrefix(dataDirectory) else { return path.lastComponent?.string ?? "file" }
        return path.components.map(\.string).joined(separator: "-")
    }
}
