// A client's connection to a control socket: greeting, requests, and what to make of a process that does not behave. Calls block,
// on a thread that belongs to `ControlClient`; one at a time, but for `cancel`.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

/// One connection of a client.
final class ControlConnection: Sendable {
    private let socket: LocalSocket
    private let path: FilePath
    private let waiting: SocketWaiting
    private let limits: ControlLimits
    private let decoder: Mutex<ControlFrameDecoder>
    private let isCancelled = Atomic(false)
    /// Set while the two sides may not agree about what comes next.
    private let isSpoilt = Atomic(false)
    private let peer: SocketPeer?

    /// Who is at the other side, as the beginning of a sentence.
    private var subject: String { peer?.process.map { "Process \($0)" } ?? "The process that has the directory open" }

    /// The other side took longer than it may.
    private struct TooLate: Error {}

    /// The connection had ended before the request could be begun at the other side.
    struct NotAsked: Error {}

    init(_ path: FilePath, _ limits: ControlLimits) throws(FileError) {
        waiting = try SocketWaiting()
        socket = try LocalSocket.connect(to: path)
        peer = try? socket.peer()
        self.path = path
        self.limits = limits
        decoder = Mutex(ControlFrameDecoder(limit: limits.answerBytes))
    }

    func end() { socket.close() }

    /// Ends what is under way, at once.
    func cancel() {
        isCancelled.store(true, ordering: .releasing)
        waiting.wake()
    }

    /// Whether nothing can be asked any more; looks at what has arrived. Between requests nothing does but an end.
    var isOver: Bool {
        if isSpoilt.load(ordering: .acquiring) || isCancelled.load(ordering: .acquiring) { return true }
        var byte: UInt8 = 0
        do throws(FileError) {
            return try withUnsafeMutableBytes(of: &byte) { buffer in
                Result { () throws(FileError) in try socket.receive(into: buffer) }
            }.get() != nil
        } catch {
            return true
        }
    }

    // MARK: greeting

    /// Says hello, and returns who answers. Throws as `ControlClient.connectBlocking` does.
    func greet() throws -> LiveProcess {
        let hello = ControlFrame(
            .hello, ["versions": [.integer(ControlSession.version)], "release": .string(Daybook.release)])
        do {
            // Who does not want to listen says why before.
            do { try send(hello, within: limits.greeting) } catch is FileError {}
            guard let answer = try receive(within: limits.greeting) else {
                throw FileError(.receive, path, .connectionReset)
            }
            switch answer.kind {
            case .welcome: return try introduction(answer.value)
            case .failure: throw try DaybookError(controlValue: answer.value)
            default: throw ControlMalformed.unexpected(answer.kind)
            }
        } catch is TooLate {
            throw DaybookError(
                .serviceUnreachable,
                "\(subject) has not answered at \(path) within \(limits.greeting); it may be stopped, or too busy. Try again"
            )
        } catch let error as ControlMalformed {
            throw DaybookError(
                .serviceUnreachable, "\(subject) answers at \(path), but not as a daybook does: \(error)", cause: error)
        }
    }

    private func introduction(_ welcome: ControlValue) throws -> LiveProcess {
        LiveProcess(
            process: try peer?.process ?? welcome.field("process", as: Int32?.self),
            release: try welcome.field("release"), since: try welcome.field("since"))
    }

    // MARK: requests

    /// Asks, and waits for the answer for as long as it takes. Throws `NotAsked` when another connection should be made for it.
    func perform(
        _ verb: String, _ arguments: ControlValue, _ report: (ControlValue) -> Void
    ) throws -> ControlValue {
        isSpoilt.store(true, ordering: .releasing)
        let outcome: Result<ControlValue, DaybookError>
        do {
            outcome = try ask(verb, arguments, report)
        } catch is TooLate {
            throw lost(verb, "took nothing of the request within \(limits.stall)")
        } catch let error as ControlMalformed {
            throw lost(verb, "answered in a way that is not understood here (\(error))")
        } catch let error as FileError {
            if isCancelled.load(ordering: .acquiring) { throw CancellationError() }
            throw lost(verb, "went away (\(error.errno))")
        }
        isSpoilt.store(false, ordering: .releasing)
        return try outcome.get()
    }

    private func ask(
        _ verb: String, _ arguments: ControlValue, _ report: (ControlValue) -> Void
    ) throws -> Result<ControlValue, DaybookError> {
        let request = ControlFrame(.request, ["verb": .string(verb), "arguments": arguments])
        guard request.encoded(limit: limits.requestBytes) != nil else {
            return .failure(
                DaybookError(
                    .invalidRequest, "The command has more than the \(limits.requestBytes) bytes that it may have"))
        }
        // Begun only when it has arrived as a whole.
        do { try send(request, within: limits.stall) } catch is FileError { throw NotAsked() }
        while true {
            guard let frame = try receive(within: nil) else { throw lost(verb, "ended") }
            switch frame.kind {
            case .progress: report(frame.value)
            case .answer: return .success(frame.value)
            case .goodbye: throw NotAsked()
            case .failure: return .failure(explained(try DaybookError(controlValue: frame.value), verb))
            default: throw ControlMalformed.unexpected(frame.kind)
            }
        }
    }

    /// What was said inside the other process, as it is understood outside.
    private func explained(_ error: DaybookError, _ verb: String) -> DaybookError {
        switch error.code {
        case .closed:
            DaybookError(
                .closed,
                "\(subject) was closing the data directory when it was to carry out \"\(verb)\", and may have done it in part "
                    + "or not at all; run the command again")
        case .unknownCommand: DaybookError(.unknownCommand, "\(subject): \(error.message)")
        default: error
        }
    }

    private func lost(_ verb: String, _ what: String) -> DaybookError {
        DaybookError(
            .outcomeUnknown,
            "\(subject) \(what) before it had answered \"\(verb)\": whether that was carried out, in whole or in part, is not "
                + "known. Look, and run the command again where needed")
    }

    // MARK: frames

    /// Sends a frame as a whole; throws `TooLate` when the other side does not take it in time.
    private func send(_ frame: ControlFrame, within time: Duration) throws {
        let deadline = ContinuousClock.now + time
        var rest = (frame.encoded(limit: .max) ?? [])[...]
        while !rest.isEmpty {
            let count = try rest.withUnsafeBytes { bytes in
                Result { () throws(FileError) in try socket.send(bytes) }
            }.get()
            if let count { rest = rest.dropFirst(count) } else { try wait(until: deadline, sends: true) }
        }
    }

    /// The next frame; nil when the other side has closed. Throws `TooLate` when time is up; nil sets no limit.
    private func receive(within time: Duration?) throws -> ControlFrame? {
        let deadline = time.map { ContinuousClock.now + $0 }
        while true {
            if let frame = try decoder.withLock({ decoder in try decoder.next() }) { return frame }
            let count = try withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
                let count = try socket.receive(into: buffer)
                if let count {
                    decoder.withLock { $0.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
                }
                return count
            }
            if count == 0 { return nil }
            if count == nil { try wait(until: deadline, sends: false) }
        }
    }

    private func wait(until deadline: ContinuousClock.Instant?, sends: Bool) throws {
        let left = deadline.map { ContinuousClock.now.duration(to: $0) }
        if let left, left <= .zero { throw TooLate() }
        _ = try waiting.wait(for: [SocketWaiting.Watch(socket, receives: !sends, sends: sends)], timeout: left)
        if isCancelled.load(ordering: .acquiring) {
            // Whoever is at the other side sees that nobody waits any more.
            socket.close()
            throw CancellationError()
        }
    }
}
