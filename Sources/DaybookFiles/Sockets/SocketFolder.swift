// The folder that a local socket stands in, and how to name the socket to the kernel, whose addresses hold about a hundred
// bytes while paths may have thousands. Used by `LocalListener` and `LocalSocket`.

internal import CDaybookShims
internal import DaybookModel
internal import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open folder. Names are looked up in that folder, whatever becomes of its path.
final class SocketFolder: Sendable {
    private let descriptor: Int32
    let path: FilePath

    init(_ path: FilePath, for operation: FileError.Operation) throws(FileError) {
        let folder: FilePath = path.isEmpty ? "." : path
        descriptor = try checked(operation, folder) { folder.withPlatformString { daybook_folder_open($0) } }
        self.path = folder
    }

    deinit { _ = libcClose(descriptor) }

    /// Whether something of that name is a socket; nil when there is nothing.
    func isSocket(_ name: String) throws(FileError) -> Bool? {
        var status = stat()
        do {
            _ = try checked(.status, path.appending(name)) { fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) }
        } catch  where error.errno == .noSuchFileOrDirectory {
            return nil
        }
        return status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Lets nobody but the owner connect.
    func restrict(_ name: String) throws(FileError) {
        _ = try checked(.listen, path.appending(name)) { fchmodat(descriptor, name, 0o600, 0) }
    }

    func rename(_ name: String, to other: String) throws(FileError) {
        _ = try checked(.rename, path.appending(name)) { renameat(descriptor, name, descriptor, other) }
    }

    /// Removes a name; nothing happens when there is none.
    func remove(_ name: String) throws(FileError) {
        do {
            _ = try checked(.remove, path.appending(name)) { unlinkat(descriptor, name, 0) }
        } catch  where error.errno == .noSuchFileOrDirectory {}
    }

    /// Makes a call with the address of a name in this folder. Throws `fileNameTooLong` where the path does not fit and
    /// the system has no shorter one for an open folder.
    func withAddress(
        of name: String, for operation: FileError.Operation, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(FileError) {
        let full = path.appending(name)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        var bytes = Array(full.string.utf8)
        if bytes.count >= capacity {
            // Linux lists a process's descriptors as links.
            bytes = Array("/proc/self/fd/\(descriptor)/\(name)".utf8)
            guard bytes.count < capacity, access("/proc/self/fd/\(descriptor)", F_OK) == 0 else {
                throw FileError(operation, full, .fileNameTooLong)
            }
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        _ = try checked(operation, full) {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}

private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
