// Who holds a lock, as far as the system tells: Linux lists all locks by file and process, other systems do not.
// Looks without touching the lock. Taking it is `FileSystem.lock`.

internal import DaybookModel
package import SystemPackage

/// A process that holds a lock.
package struct LockHolder: Hashable, Sendable {
    package var process: Int32
    /// What the process is called; nil where this process may not know.
    package var name: String?

    package init(process: Int32, name: String? = nil) {
        self.process = process
        self.name = name
    }

    /// The process that holds a lock on a file, from the list of all locks; nil when none is listed that still
    /// runs: processes of other containers and machines are not.
    package static func of(_ file: FileOwnership, in fileSystem: any FileSystem = PosixFileSystem()) -> LockHolder? {
        guard let list = try? AtomicFile.readAll("/proc/locks", in: fileSystem),
            let process = process(holding: file, in: String(decoding: list, as: UTF8.self))
        else { return nil }
        // The list keeps the number of who took the lock, also when that process has ended and a child of it holds on.
        guard (try? fileSystem.status(of: FilePath("/proc/\(process)"))) != nil else { return nil }
        return LockHolder(process: process, name: name(of: process, in: fileSystem))
    }

    /// What a process is called; nil where this process may not know.
    package static func name(of process: Int32, in fileSystem: any FileSystem = PosixFileSystem()) -> String? {
        let name = try? AtomicFile.readAll(FilePath("/proc/\(process)/comm"), in: fileSystem)
        return name.map { String(decoding: $0.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) }
    }

    /// Whether this system lists locks at all.
    package static func isListed(in fileSystem: any FileSystem = PosixFileSystem()) -> Bool {
        (try? fileSystem.status(of: "/proc/locks")) != nil
    }

    /// Finds the process in lines such as `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`. O(length).
    ///
    /// Some file systems, btrfs among them, list another device than they tell of the file; then the inode decides,
    /// where only one line has it.
    package static func process(holding file: FileOwnership, in list: String) -> Int32? {
        // The C library packs both numbers into one, the younger bits above the old ones.
        let major = file.device >> 8 & 0xFFF | file.device >> 32 & 0xFFFF_F000
        let minor = file.device & 0xFF | file.device >> 12 & 0xFFFF_FF00
        var others: [Int32] = []
        for line in list.split(separator: "\n") {
            let words = line.split(separator: " ")
            // A line with an arrow is somebody who waits.
            guard words.count >= 6, words[3] == "WRITE", let process = Int32(words[4]), process > 0 else { continue }
            let place = words[5].split(separator: ":")
            guard place.count == 3, UInt64(place[2]) == file.inode else { continue }
            if UInt64(place[0], radix: 16) == major, UInt64(place[1], radix: 16) == minor { return process }
            others.append(process)
        }
        return others.count == 1 ? others[0] : nil
    }
}

extension AtomicFile {
    /// The content of a file of the kernel's, which says that it is empty; at most a megabyte.
    package static func readAll(_ path: FilePath, in fileSystem: any FileSystem) throws(FileError) -> [UInt8] {
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(path, .read) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try file.readFully(into: buffer, at: .zero) }
        }.get()
        try file.close()
        return Array(bytes[..<count])
    }
}
