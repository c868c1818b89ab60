// One end of a connection between two processes of one machine. No call waits: who wants to wait asks `SocketWaiting`.
// What is said over it is no concern of this folder.

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

/// Who is at the other side of a socket, as the kernel noted it down when the connection was made.
package struct SocketPeer: Hashable, Sendable {
    /// The number of the user.
    package var user: UInt32
    /// Nil where the system does not tell.
    package var process: Int32?

    package init(user: UInt32, process: Int32? = nil) {
        self.user = user
        self.process = process
    }
}

/// A connected socket. Used by one thread at a time; closed by `close` or with its last reference.
package final class LocalSocket: Sendable {
    let descriptor: Int32
    /// Where it was connected, for messages.
    package let path: FilePath
    private let isOpen = Atomic(true)

    init(descriptor: Int32, path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close() }

    /// Connects to the socket at `path`. Fails with `noSuchFileOrDirectory` where there is none, `connectionRefused` where
    /// nobody listens any more, `permissionDenied` where its owner wants to hear from nobody else, and
    /// `resourceTemporarilyUnavailable` where too many wait to be let in.
    package static func connect(to path: FilePath) throws(FileError) -> LocalSocket {
        guard let name = path.lastComponent?.string else { throw FileError(.connect, path, .invalidArgument) }
        let folder = try SocketFolder(path.removingLastComponent(), for: .connect)
        let socket = LocalSocket(descriptor: try checked(.connect, path) { daybook_socket_make() }, path: path)
        try uninterrupted { () throws(FileError) in
            try folder.withAddress(of: name, for: .connect) { libcConnect(socket.descriptor, $0, $1) }
        }
        return socket
    }

    /// Who is at the other side.
    package func peer() throws(FileError) -> SocketPeer {
        var user: UInt32 = 0
        var process: Int32 = 0
        _ = try checked(.status, path) { daybook_socket_peer(descriptor, &user, &process) }
        return SocketPeer(user: user, process: process > 0 ? process : nil)
    }

    /// Takes what has arrived; returns how many bytes, 0 when the other side has closed, nil when there is nothing yet.
    package func receive(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int? {
        try attempt(.receive) { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    }

    /// Hands over as much as there is room for; returns how many bytes, nil when there is no room yet. Fails with
    /// `brokenPipe` or `connectionReset` when the other side has gone.
    package func send(_ bytes: UnsafeRawBufferPointer) throws(FileError) -> Int? {
        try attempt(.send) { daybook_socket_send(descriptor, bytes.baseAddress, bytes.count) }
    }

    private func attempt(_ operation: FileError.Operation, _ call: () -> Int) throws(FileError) -> Int? {
        while true {
            let count = call()
            if count >= 0 { return count }
            if errno == EINTR { continue }
            if errno == EAGAIN || errno == EWOULDBLOCK { return nil }
            throw FileError(operation, path, Errno(rawValue: errno))
        }
    }

    /// Tells the other side that nothing more will be sent; what it sends can still be received. A socket that is closed while
    /// something has not been received takes back what the other side has not received yet.
    package func endSending() throws(FileError) {
        _ = try checked(.send, path) { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Ends the connection. A second call does nothing.
    package func close() {
        // What was sent is the kernel's by now; nothing is left that could fail.
        if isOpen.exchange(false, ordering: .relaxed) { _ = libcClose(descriptor) }
    }
}

private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func libcConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    connect(descriptor, address, size)
}
