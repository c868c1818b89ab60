// Waiting for many sockets at once, on one thread that others can wake. Costs nothing while nothing happens.
// Which sockets, and what is done with them, is for whoever waits.

internal import CDaybookShims
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where one thread sleeps until a socket has something for it, somebody wakes it, or time is up.
package final class SocketWaiting: Sendable {
    /// A socket, and what to wait for: something to receive, a new connection or the end of one, or room to send.
    package struct Watch {
        fileprivate let descriptor: Int32
        fileprivate let receives: Bool
        fileprivate let sends: Bool

        package init(_ listener: LocalListener) { (descriptor, receives, sends) = (listener.descriptor, true, false) }

        /// With neither of the two only the end of the connection is waited for.
        package init(_ socket: LocalSocket, receives: Bool = true, sends: Bool = false) {
            (descriptor, self.receives, self.sends) = (socket.descriptor, receives, sends)
        }
    }

    /// What a socket is ready for. One whose connection has ended is ready for both: the call tells.
    package struct Readiness: Hashable, Sendable {
        package var receives = false
        package var sends = false
    }

    private let reader: Int32
    private let writer: Int32
    private let isAwake = Atomic(false)

    package init() throws(FileError) {
        var ends: (Int32, Int32) = (-1, -1)
        _ = try checked(.wait, "a pipe") { daybook_pipe_make(&ends.0, &ends.1) }
        (reader, writer) = ends
    }

    deinit {
        _ = libcClose(reader)
        _ = libcClose(writer)
    }

    /// Ends the wait under way, or the next one. May be called from any thread; many calls are as good as one.
    package func wake() {
        guard !isAwake.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        // A pipe that is full wakes as well.
        while libcWrite(writer, &byte, 1) < 0, errno == EINTR {}
    }

    /// Sleeps until a socket is ready, `wake` is called, or `timeout` has passed; nil waits as long as it takes. Returns what
    /// each socket is ready for, in the order of `watches`. For one thread at a time. O(sockets).
    package func wait(for watches: [Watch], timeout: Duration?) throws(FileError) -> [Readiness] {
        var entries = watches.map { watch in
            pollfd(
                fd: watch.descriptor, events: Int16((watch.receives ? POLLIN : 0) | (watch.sends ? POLLOUT : 0)),
                revents: 0)
        }
        entries.append(pollfd(fd: reader, events: Int16(POLLIN), revents: 0))
        let count = poll(&entries, nfds_t(entries.count), Self.milliseconds(timeout))
        guard count >= 0 else {
            // Interrupted: nothing is ready, and whoever waits looks at the time and comes back.
            if errno == EINTR { return watches.map { _ in Readiness() } }
            throw FileError(.wait, "sockets", Errno(rawValue: errno))
        }
        if entries[watches.count].revents != 0 { drain() }
        return entries.dropLast().map { entry in
            let events = Int32(entry.revents)
            let isOver = events & Int32(POLLERR | POLLHUP | POLLNVAL) != 0
            return Readiness(
                receives: isOver || events & Int32(POLLIN) != 0, sends: isOver || events & Int32(POLLOUT) != 0)
        }
    }

    private func drain() {
        var bytes: (UInt64, UInt64) = (0, 0)
        while withUnsafeMutableBytes(of: &bytes, { libcRead(reader, $0.baseAddress, $0.count) }) > 0 {}
        // Only now: who wakes from here on writes again, and what was told before is seen by this thread.
        isAwake.store(false, ordering: .sequentiallyConsistent)
    }

    /// Rounded up, so that time is up when the wait ends for that reason.
    private static func milliseconds(_ timeout: Duration?) -> Int32 {
        guard let timeout else { return -1 }
        let (seconds, attoseconds) = timeout.components
        if seconds < 0 || timeout <= .zero { return 0 }
        if seconds > 86_400 { return 86_400_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func libcRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
private func libcWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
