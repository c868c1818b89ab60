// How other processes reach an opened daybook: which commands it takes, and the socket `control` in the data directory at
// which it takes them. The socket's thread is `ControlLoop`, what is said there `ControlSession`.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization

/// The commands that a daybook carries out for other processes.
///
/// The socket is made when a directory is opened for writing, with ``Configuration/hasControlSocket``, and goes when it is
/// closed. Only the user that the process runs as, and the superuser, can connect. Daybook's own commands are there from the
/// beginning; layers above add theirs with `handle`.
public final class Control: Sendable {
    /// Carries a request out and returns its answer, or throws; `DaybookError`s keep their code, message and place on the way,
    /// of other errors the description arrives. Runs in a task of its own, which is cancelled when whoever asked has gone.
    public typealias Handler = @Sendable (ControlRequest) async throws -> ControlValue

    private struct State {
        weak var daybook: Daybook?
        var handlers: [String: Handler] = [:]
        /// Which of those were put in place by `takeOver`, and by which call.
        var owners: [String: Int] = [:]
        var takenOverCount = 0
        var server: ControlServer?
        /// Verbs at work for other processes, by the order in which they began.
        var atWork: [Int: String] = [:]
        var begunCount = 0
        var failure: DaybookError?
        var isClosed = false
    }
    private let state = Mutex(State())

    init() {}

    /// Whether there is a socket at which commands are taken.
    public var isReachable: Bool { state.withLock { $0.server != nil } }

    /// Why there is no socket although one was wanted, for example because the file system has none; the daybook works without
    /// one all the same. Nil when there is one, and when none was wanted.
    public var failure: DaybookError? { state.withLock { $0.failure } }

    /// Has requests with that verb carried out by `handler`, until the daybook closes or `stopHandling` is called. The handler
    /// is held so long, with everything that it holds. Traps when the verb has a handler already. With no socket the handler is
    /// never called.
    public func handle(_ verb: String, _ handler: @escaping Handler) {
        let isNew = state.withLock { state in
            if state.isClosed { return true }
            return state.handlers.updateValue(handler, forKey: verb) == nil
        }
        precondition(isNew, "a verb has one handler at a time; stop the other one first: \(verb)")
    }

    /// Has requests for commands of that type carried out. Traps when their verb has a handler already.
    public func handle<Command: ControlCommand>(_ type: Command.Type) {
        handle(type.verb) { [weak self] request in
            guard let daybook = self?.state.withLock({ $0.daybook }) else { throw DaybookError.closed }
            let command = try Command(controlValue: request.arguments)
            return try await command.run(on: daybook) { request.report($0) }.controlValue
        }
    }

    /// Forgets the handler of a verb. Requests under way go on.
    public func stopHandling(_ verb: String) { state.withLock { $0.handlers[verb] = nil } }

    /// A handler that `takeOver` has put in place.
    package struct Registration: Sendable {
        fileprivate let verb: String
        fileprivate let number: Int
    }

    /// As `handle`, but in the place of whoever handles the verb now: for layers above of whose parts the last one counts.
    package func takeOver(_ verb: String, _ handler: @escaping Handler) -> Registration {
        let (registration, old) = state.withLock { state in
            state.takenOverCount += 1
            let registration = Registration(verb: verb, number: state.takenOverCount)
            if state.isClosed { return (registration, nil as Handler?) }
            state.owners[verb] = registration.number
            return (registration, state.handlers.updateValue(handler, forKey: verb))
        }
        // What it held goes outside of the lock.
        withExtendedLifetime(old) {}
        return registration
    }

    /// Forgets that handler, unless somebody has taken the verb over since. Requests under way go on.
    package func release(_ registration: Registration) {
        let old = state.withLock { state -> Handler? in
            guard state.owners[registration.verb] == registration.number else { return nil }
            state.owners[registration.verb] = nil
            return state.handlers.removeValue(forKey: registration.verb)
        }
        withExtendedLifetime(old) {}
    }

    /// Whether somebody carries out requests with that verb.
    package func isHandled(_ verb: String) -> Bool { state.withLock { $0.handlers[verb] != nil } }

    /// The verbs of the requests that are being carried out for other processes, first come first.
    public var verbsAtWork: [String] {
        state.withLock { state in state.atWork.sorted { $0.key < $1.key }.map(\.value) }
    }

    // MARK: the daybook's side

    /// Begins to take commands for `daybook`.
    func start(_ daybook: Daybook) async {
        state.withLock { $0.daybook = daybook }
        handleOwnCommands()
        if daybook.mayHaveControlSocket { await daybook.services.io.run { self.listen(daybook) } }
    }

    /// Blocks for a few calls on names.
    private func listen(_ daybook: Daybook) {
        do throws(FileError) {
            let server = try ControlServer(
                LocalListener(daybook.layout.control), welcome: daybook.introduction
            ) { [weak self] call, report in
                guard let self else { throw DaybookError.closed }
                let number = self.state.withLock { state in
                    state.begunCount += 1
                    state.atWork[state.begunCount] = call.verb
                    return state.begunCount
                }
                defer { self.state.withLock { $0.atWork[number] = nil } }
                return try await self.perform(call, report)
            }
            state.withLock { $0.server = server }
        } catch {
            state.withLock { state in
                state.failure = DaybookError(
                    .inputOutput,
                    "There is no control socket, so commands from other processes do not reach this one: \(error)",
                    cause: error)
            }
        }
    }

    private func handleOwnCommands() {
        handle(CreateTopic.self)
        handle(AlterTopic.self)
        handle(DeleteTopic.self)
        handle(DeleteRecords.self)
        handle(ResetOffsets.self)
        handle(DeleteGroup.self)
        handle(DescribeMembers.self)
        handle(CompactTopic.self)
        handle(ScrubTopics.self)
        handle(FlushTopics.self)
        handle(DescribeDaybook.self)
    }

    func perform(
        _ call: ControlCall, _ report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> ControlValue {
        guard let handler = state.withLock({ $0.handlers[call.verb] }) else {
            throw DaybookError(
                .unknownCommand,
                "The process knows no command \"\(call.verb)\": its release (\(Daybook.release)) has none, or the part of a program "
                    + "that carries it out is not at work there")
        }
        return try await handler(ControlRequest(call, report: report))
    }

    /// Takes no more requests; those at work are told that they are not wanted any more.
    func beginClosing() { state.withLock { $0.server }?.beginClosing() }

    /// Returns when the socket is gone, and every request under way has been answered or its time was up.
    func finishClosing() async {
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        await server?.finishClosing()
        forgetHandlers()
    }

    /// The daybook is gone without having been closed: takes the socket away, then calls `release`.
    func abandon(then release: @escaping @Sendable () -> Void) {
        let server = state.withLock { $0.server }
        forgetHandlers()
        if let server { server.abandon(then: release) } else { release() }
    }

    private func forgetHandlers() {
        // Let go outside of the lock: whatever they hold may call back when it goes.
        let handlers = state.withLock { state in
            state.isClosed = true
            defer { state.handlers = [:] }
            return state.handlers
        }
        withExtendedLifetime(handlers) {}
    }
}

extension Daybook {
    /// Simulated disks and others that tests put in place have no sockets.
    fileprivate var mayHaveControlSocket: Bool {
        configuration.hasControlSocket && !isReadOnly && configuration.executor == nil
            && configuration.fileSystem is PosixFileSystem
    }

    /// What whoever connects is told of this process.
    fileprivate var introduction: ControlValue {
        [
            "version": .integer(ControlSession.version), "release": .string(Self.release),
            "process": Int64(SystemIdentity.processIdentifier).controlValue,
            "since": opened.controlValue,
        ]
    }
}
