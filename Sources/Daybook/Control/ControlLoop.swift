// The thread of the control socket: waits for connections and bytes, hands requests to tasks, sends what they answer. One thread
// for all of them, none of whose calls waits for anybody in particular, so no client can hold up another one.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// Everything that happens at a control socket. Belongs to one thread.
final class ControlLoop {
    private let listener: LocalListener
    private let waiting: SocketWaiting
    private let messages: ControlServer.Mailbox
    private let limits: ControlLimits
    private let welcome: ControlValue
    /// Whose commands are taken, apart from the superuser's.
    private let user: UInt32
    private let perform: ControlServer.Perform
    private let begun = ContinuousClock.now

    private var connections: [Int: Connection] = [:]
    private var nextNumber = 0
    private var isListening = true
    /// When connections are let in again; the process had no descriptor left.
    private var listensAgain: Duration?
    private var closing: (deadline: Duration, done: @Sendable () -> Void)?
    private var isDone = false

    private struct Connection {
        let socket: LocalSocket
        var session: ControlSession
        var work: Task<Void, Never>?
    }

    init(
        _ listener: LocalListener, _ waiting: SocketWaiting, _ messages: ControlServer.Mailbox,
        _ limits: ControlLimits, welcome: ControlValue, user: UInt32, perform: @escaping ControlServer.Perform
    ) {
        self.listener = listener
        self.waiting = waiting
        self.messages = messages
        self.limits = limits
        self.welcome = welcome
        self.user = user
        self.perform = perform
    }

    /// Whether a user's commands are taken by a process that runs as `owner`.
    static func admits(_ user: UInt32, owner: UInt32) -> Bool { user == owner || user == 0 }

    private var now: Duration { begun.duration(to: .now) }

    func run() {
        while !isDone {
            let numbers = connections.keys.sorted()
            var watches = numbers.map { number in
                let connection = connections[number]!
                return SocketWaiting.Watch(connection.socket, sends: !connection.session.pending.isEmpty)
            }
            let watchesListener = isListening && listensAgain == nil && connections.count < 2 * limits.connections
            if watchesListener { watches.append(SocketWaiting.Watch(listener)) }
            let ready = wait(for: watches)
            for message in messages.take() { take(message) }
            for (number, ready) in zip(numbers, ready) where connections[number] != nil {
                if ready.sends { send(number) }
                if ready.receives { receive(number) }
            }
            if watchesListener, isListening, ready.last?.receives == true { letIn() }
            elapse()
        }
    }

    private func wait(for watches: [SocketWaiting.Watch]) -> [SocketWaiting.Readiness] {
        let deadlines = connections.values.map(\.session.deadline) + [listensAgain, closing?.deadline]
        let timeout = deadlines.compactMap { $0 }.min().map { $0 - now }
        do throws(FileError) {
            return try waiting.wait(for: watches, timeout: timeout)
        } catch {
            // The system has no memory for it. Nobody can be served; what the rest of the daybook says is still heard.
            stopListening()
            dropConnections()
            let pause = Monitor()
            pause.withLock { pause.wait(nanoseconds: 100_000_000) }
            return []
        }
    }

    private func elapse() {
        let now = now
        for number in connections.keys.sorted() {
            if let actions = connections[number]?.session.elapse(now: now) { act(actions, number) }
        }
        if let again = listensAgain, again <= now { listensAgain = nil }
        guard let closing else { return }
        let isAtWork = connections.values.contains { $0.session.isWorking || !$0.session.pending.isEmpty }
        if isAtWork, now < closing.deadline { return }
        for number in connections.keys.sorted() { goodbye(number) }
        endEverything()
        closing.done()
    }

    // MARK: connections

    private func letIn() {
        do throws(FileError) {
            while connections.count < 2 * limits.connections, let socket = try listener.accept() {
                let now = now
                nextNumber += 1
                connections[nextNumber] = Connection(
                    socket: socket,
                    session: refusal(socket).map { ControlSession(refusing: $0, limits, now: now) }
                        ?? ControlSession(limits, welcome: welcome, now: now))
                send(nextNumber)
            }
        } catch {
            // No descriptors are left, most likely: whoever waits goes on waiting, and this thread does not spin.
            listensAgain = now + .seconds(1)
        }
    }

    /// Why a connection is not let in; nil when it is.
    private func refusal(_ socket: LocalSocket) -> DaybookError? {
        guard let peer = try? socket.peer(), Self.admits(peer.user, owner: user) else {
            return DaybookError(
                .notPermitted,
                "The process takes commands of its own user (\(user)) and of the superuser only; run the command as one of them"
            )
        }
        guard connections.count < limits.connections else {
            return DaybookError(
                .serviceUnreachable,
                "The process is busy with \(connections.count) other connections to its control socket; try again")
        }
        return nil
    }

    private func receive(_ number: Int) {
        guard let socket = connections[number]?.socket else { return }
        var actions: [ControlSession.Action]?
        // One buffer a round: a client that never pauses must not keep the others waiting.
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            let count: Int?
            do throws(FileError) { count = try socket.receive(into: buffer) } catch { count = 0 }
            guard let count else { return }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            actions =
                count == 0
                ? connections[number]?.session.receiveEnd() : connections[number]?.session.receive(bytes, now: now)
        }
        if let actions { act(actions, number) }
        send(number)
    }

    private func send(_ number: Int) {
        while let connection = connections[number], !connection.session.pending.isEmpty {
            let count: Int?
            do throws(FileError) {
                count = try connection.session.pending.withUnsafeBytes { bytes in
                    Result { () throws(FileError) in try connection.socket.send(bytes) }
                }.get()
            } catch {
                if let actions = connections[number]?.session.receiveEnd() { act(actions, number) }
                return
            }
            guard let count else { return }
            if let actions = connections[number]?.session.sent(count, now: now) { act(actions, number) }
        }
    }

    private func act(_ actions: [ControlSession.Action], _ number: Int) {
        for action in actions {
            switch action {
            case .start(let call): start(call, number)
            case .cancel: connections[number]?.work?.cancel()
            case .endSending:
                // A connection that has gone meanwhile tells so at the next wait.
                do throws(FileError) { try connections[number]?.socket.endSending() } catch {}
            case .end: connections.removeValue(forKey: number)?.socket.close()
            }
        }
    }

    // MARK: requests

    private func start(_ call: ControlCall, _ number: Int) {
        let work = Self.work(call, number, perform, messages, limits.answerBytes)
        connections[number]?.work = work
        if !isListening { work.cancel() }
    }

    private static func work(
        _ call: ControlCall, _ number: Int, _ perform: @escaping ControlServer.Perform,
        _ messages: ControlServer.Mailbox, _ limit: Int
    ) -> Task<Void, Never> {
        Task {
            let frame: ControlFrame
            do {
                let answer = try await perform(call) { messages.post(.reported(connection: number, $0)) }
                frame = ControlFrame(.answer, answer)
            } catch {
                frame = ControlFrame(.failure, DaybookError(telling: error).controlValue)
            }
            messages.post(.finished(connection: number, encoded(frame, limit: limit)))
        }
    }

    private static func encoded(_ frame: ControlFrame, limit: Int) -> [UInt8] {
        let tooLong = DaybookError(
            .other, "What the command has to say has more than the \(limit) bytes that are allowed")
        // The second one always fits.
        return frame.encoded(limit: limit)
            ?? ControlFrame(.failure, tooLong.controlValue).encoded(limit: .max) ?? []
    }

    private func take(_ message: ControlServer.Message) {
        switch message {
        case .reported(let number, let value):
            connections[number]?.session.report(value, now: now)
            send(number)
        case .finished(let number, let frame):
            connections[number]?.work = nil
            connections[number]?.session.finish(frame, now: now)
            send(number)
        case .beginClosing:
            stopListening()
            for connection in connections.values { connection.work?.cancel() }
        case .finishClosing(let done):
            stopListening()
            closing = (now + limits.grace, done)
        case .abandon(let release):
            endEverything()
            release()
        }
    }

    /// Tells whoever is still there that nothing will come any more, as far as that can be sent at once.
    private func goodbye(_ number: Int) {
        let error = DaybookError(
            .closed,
            "The process has closed the data directory; whether the command was carried out before is not known")
        guard let actions = connections[number]?.session.close(error, now: now) else { return }
        act(actions, number)
        send(number)
    }

    private func stopListening() {
        guard isListening else { return }
        isListening = false
        // A name that stays behind leads nowhere, and the next writer replaces it.
        do throws(FileError) { try listener.close() } catch {}
    }

    private func dropConnections() {
        for connection in connections.values {
            connection.work?.cancel()
            connection.socket.close()
        }
        connections = [:]
    }

    private func endEverything() {
        stopListening()
        dropConnections()
        isDone = true
    }
}
