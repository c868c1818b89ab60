// Which start of which machine this is: bytes in the page cache outlive a killed process, but not a restart.
// Asked by the engine when it opens a directory; the answer is kept in the directory's state.

internal import DaybookModel
internal import SystemPackage

/// Names of the running system and process.
package enum SystemIdentity {
    /// Differs from one start of the machine to the next; nil where the system does not tell.
    package static func bootIdentifier(in fileSystem: any FileSystem = PosixFileSystem()) -> String? {
        let fileSystem = UninterruptedFileSystem(fileSystem)
        guard let file = try? fileSystem.open("/proc/sys/kernel/random/boot_id", .read) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 64)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.readFully(into: $0, at: .zero) }) else {
            return nil
        }
        let text = String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }

    package static var processIdentifier: Int32 { getpid() }

    /// The user that this process acts as.
    package static var userIdentifier: UInt32 { geteuid() }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif
