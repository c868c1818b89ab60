// A socket with a name in a folder, at which other processes of the machine and of the same user connect.
// Whoever makes one must be sure to be the only one who does so in that folder: the engine holds the directory's lock.

internal import CDaybookShims
internal import DaybookModel
internal import Synchronization
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A listening socket. Nobody but its owner and the superuser can connect, from the first instant.
package final class LocalListener: Sendable {
    let descriptor: Int32
    package let path: FilePath
    private let folder: SocketFolder
    private let name: String
    private let isOpen = Atomic(true)

    /// So many may wait to be let in.
    private static let waitingLimit: Int32 = 64

    /// Listens at `path`. A socket that a process has left there when it ended is replaced in one step, so that whoever
    /// connects meets the old one or one that listens. Fails with `fileExists` where something stands there that is no
    /// socket, `fileNameTooLong` where the system cannot take so long a path, and as the file system does where it has no
    /// sockets.
    package init(_ path: FilePath) throws(FileError) {
        guard let name = path.lastComponent?.string else { throw FileError(.listen, path, .invalidArgument) }
        let folder = try SocketFolder(path.removingLastComponent(), for: .listen)
        let temporary = name + ".new"
        for name in [name, temporary] where try folder.isSocket(name) == false {
            throw FileError(.listen, path.removingLastComponent().appending(name), .fileExists)
        }
        try folder.remove(temporary)
        let descriptor = try checked(.listen, path) { daybook_socket_make() }
        do throws(FileError) {
            // On Linux the name gets the mode that the socket has; elsewhere this fails and the mode follows below. Nobody
            // can connect before `listen` in any case.
            _ = fchmod(descriptor, 0o600)
            try folder.withAddress(of: temporary, for: .listen) { bind(descriptor, $0, $1) }
            try folder.restrict(temporary)
            _ = try checked(.listen, path) { listen(descriptor, Self.waitingLimit) }
            try folder.rename(temporary, to: name)
        } catch {
            _ = libcClose(descriptor)
            // Left behind it would be in nobody's way: the next listener removes it.
            do throws(FileError) { try folder.remove(temporary) } catch {}
            throw error
        }
        self.descriptor = descriptor
        self.path = path
        self.folder = folder
        self.name = name
    }

    deinit {
        // Nobody is left to hear of a failure here; a name that stays is replaced by the next listener.
        do throws(FileError) { try close() } catch {}
    }

    /// The next connection; nil when nobody waits, or when whoever waited has gone.
    package func accept() throws(FileError) -> LocalSocket? {
        while true {
            let connected = daybook_socket_accept(descriptor)
            if connected >= 0 { return LocalSocket(descriptor: connected, path: path) }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK, ECONNABORTED: return nil
            default: throw FileError(.accept, path, Errno(rawValue: errno))
            }
        }
    }

    /// Takes the name away and stops listening. Connections go on. A second call does nothing.
    package func close() throws(FileError) {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        defer { _ = libcClose(descriptor) }
        try folder.remove(name)
    }
}

private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
