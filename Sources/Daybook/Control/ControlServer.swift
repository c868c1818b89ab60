// The socket's thread as the rest of the daybook sees it: begin, stop, and be gone.
// What the thread does is in `ControlLoop`.

internal import DaybookFiles
internal import Synchronization

/// Takes commands at a socket, on a thread of its own that sleeps when nothing happens.
final class ControlServer: Sendable {
    /// Carries out a call; `report` may be told how far it has come.
    typealias Perform =
        @Sendable (ControlCall, _ report: @escaping @Sendable (ControlValue) -> Void) async throws ->
        ControlValue

    /// What the thread is told by others.
    enum Message: Sendable {
        case reported(connection: Int, ControlValue)
        /// With the frame that says what came of it.
        case finished(connection: Int, [UInt8])
        case beginClosing
        case finishClosing(@Sendable () -> Void)
        case abandon(@Sendable () -> Void)
    }

    private let messages: Mailbox

    /// What the thread has been told and has not looked at.
    final class Mailbox: Sendable {
        private let waiting: SocketWaiting
        private let messages = Mutex<[Message]>([])

        init(_ waiting: SocketWaiting) { self.waiting = waiting }

        func post(_ message: Message) {
            messages.withLock { $0.append(message) }
            waiting.wake()
        }

        func take() -> [Message] {
            messages.withLock { messages in
                defer { messages = [] }
                return messages
            }
        }
    }

    /// Begins at once. The thread holds `perform`, and ends with `finishClosing` or `abandon`.
    init(
        _ listener: LocalListener, _ limits: ControlLimits = ControlLimits(), welcome: ControlValue,
        perform: @escaping Perform
    ) throws(FileError) {
        let waiting = try SocketWaiting()
        let messages = Mailbox(waiting)
        self.messages = messages
        startThread {
            ControlLoop(
                listener, waiting, messages, limits, welcome: welcome, user: SystemIdentity.userIdentifier,
                perform: perform
            ).run()
        }
    }

    /// Takes the socket's name away and no more connections; requests at work are cancelled and go on until they end.
    func beginClosing() { messages.post(.beginClosing) }

    /// Returns when all requests have been answered, or have had their time, and the thread is about to end.
    func finishClosing() async {
        await withCheckedContinuation { continuation in
            messages.post(.finishClosing { continuation.resume() })
        }
    }

    /// Takes the socket's name away, ends all connections, and calls `release` on the thread before that ends.
    func abandon(then release: @escaping @Sendable () -> Void) { messages.post(.abandon(release)) }
}
