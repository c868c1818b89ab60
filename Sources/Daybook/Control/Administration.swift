// Where commands on a data directory are carried out: in the process that has it open, if there is one, otherwise here, with the
// directory opened for that. The same command either way, and a sentence where neither is possible.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// Carries out commands on a data directory, wherever that has to be done.
///
/// ```swift
/// let administration = try await Administration.open("/var/lib/orders")
/// let deleted = try await administration.perform(DeleteRecords(topic: "orders", partition: 0, before: .offset(1000)))
/// try await administration.close()
/// ```
public final class Administration: Sendable {
    private enum Site {
        case opened(Daybook)
        case live(ControlClient)
    }
    private let site: Site

    private init(_ site: Site) { self.site = site }

    /// Commands are carried out on a daybook that is open in this process already. `close` closes it.
    public convenience init(_ daybook: Daybook) { self.init(.opened(daybook)) }

    /// Reaches the process that has `directory` open for writing, through its control socket; where there is none, opens the
    /// directory with `configuration`, which counts in that case alone.
    ///
    /// Throws what `Daybook.open` throws; `.directoryLocked` when the directory is held by a process without a control socket,
    /// `.notPermitted` when that listens to another user alone, and `.serviceUnreachable` when it does not answer or speaks
    /// another version of the protocol. Waits for a process that is about to open or to close the directory, for three seconds
    /// at most.
    public static func open(
        _ directory: String, configuration: Configuration = Configuration(createsDirectory: false)
    ) async throws -> Administration {
        try await open(directory, configuration: configuration, patience: .seconds(3))
    }

    /// The same, waiting for a process that opens or closes the directory for another time.
    package static func open(
        _ directory: String, configuration: Configuration = Configuration(createsDirectory: false), patience: Duration
    ) async throws -> Administration {
        let configuration = try configuration.validated()
        guard configuration.fileSystem is PosixFileSystem, configuration.executor == nil else {
            return Administration(try await Daybook.open(directory, configuration: configuration))
        }
        let layout = DirectoryLayout(root: FilePath(directory))
        let worker = WorkerPool(threads: 1)
        defer { worker.stop() }
        let deadline = ContinuousClock.now + patience
        while true {
            let contact = try await worker.run { () throws in try Contact(layout) }
            if case .live(let client) = contact { return Administration(.live(client)) }
            do {
                return Administration(try await Daybook.open(directory, configuration: configuration))
            } catch let error as DaybookError where error.code == .directoryLocked {
                guard contact.mayChange, ContinuousClock.now < deadline else {
                    throw await worker.run { contact.explanation(layout) }
                }
            }
            await worker.run {
                let pause = Monitor()
                pause.withLock { pause.wait(nanoseconds: 50_000_000) }
            }
            try Task.checkCancellation()
        }
    }

    /// The process that carries out the commands; nil when it is this one.
    public var live: LiveProcess? {
        guard case .live(let client) = site else { return nil }
        return client.live
    }

    /// The daybook, when the commands are carried out in this process.
    public var daybook: Daybook? {
        guard case .opened(let daybook) = site else { return nil }
        return daybook
    }

    /// Carries out a command and returns what it came to. `report` hears how far it has come, ten times a second at most.
    ///
    /// Throws what the command throws, with code, message and place as if it had been carried out here; and, when another
    /// process carries it out, `.unknownCommand` when that does not know it, `.outcomeUnknown` when it went away before it had
    /// answered. A cancelled task ends the command where it can be ended.
    public func perform<Command: ControlCommand>(
        _ command: Command, report: @escaping @Sendable (ControlValue) -> Void = { _ in }
    ) async throws -> Command.Answer {
        switch site {
        case .opened(let daybook):
            let reporter = ProgressReporter(report)
            return try await command.run(on: daybook) { reporter.report($0) }
        case .live(let client):
            let value = try await client.perform(Command.verb, command.controlValue, report: report)
            do {
                return try Command.Answer(controlValue: value)
            } catch {
                throw DaybookError(
                    .serviceUnreachable,
                    "The process has carried out \"\(Command.verb)\" and answered in a way that is not understood here: "
                        + "\(error.message)", cause: error)
            }
        }
    }

    /// The same for a command that has no type here, by its verb: in this process whatever `Control.handle` was given.
    public func perform(
        _ verb: String, _ arguments: ControlValue = .null,
        report: @escaping @Sendable (ControlValue) -> Void = { _ in }
    ) async throws -> ControlValue {
        switch site {
        case .opened(let daybook):
            try await daybook.control.perform(ControlCall(verb: verb, arguments: arguments), report)
        case .live(let client): try await client.perform(verb, arguments, report: report)
        }
    }

    /// Closes the directory where it was opened for this, and hangs up otherwise.
    public func close() async throws {
        switch site {
        case .opened(let daybook): try await daybook.close()
        case .live(let client): client.close()
        }
    }
}

extension Daybook {
    /// Asks the process that has `directory` open for writing to make durable what it has appended so far, and returns true when it
    /// has; false when nobody has it open, or nobody who can be reached.
    public static func flushLiveProcess(of directory: String) async throws -> Bool {
        let layout = DirectoryLayout(root: FilePath(directory))
        let worker = WorkerPool(threads: 1)
        defer { worker.stop() }
        guard case .live(let client)? = try? await worker.run({ () throws in try Contact(layout) }) else {
            return false
        }
        defer { client.close() }
        _ = try await client.perform(FlushTopics.verb)
        return true
    }
}

/// What trying to reach a directory's process came to.
enum Contact: Sendable {
    case live(ControlClient)
    case none(FileError)

    /// Blocks, for the time of a greeting at most. Throws when there is somebody who cannot be talked to.
    init(_ layout: DirectoryLayout) throws {
        do {
            self = .live(try ControlClient.connectBlocking(to: layout.control))
        } catch let error as FileError {
            self = .none(error)
        }
    }

    private var error: FileError? {
        guard case .none(let error) = self else { return nil }
        return error
    }

    private var isForbidden: Bool { error?.errno == .permissionDenied || error?.errno == .notPermitted }

    /// Whether trying again may help.
    var mayChange: Bool { !isForbidden }

    /// Why the directory's process cannot be reached, when it is known that there is one. Blocks.
    func explanation(_ layout: DirectoryLayout) -> DaybookError {
        let holder = (try? FileOwnership.of(layout.lock)).flatMap { LockHolder.of($0) }
        let who =
            holder.map { "Process \($0.process)\($0.name.map { " (\($0))" } ?? "")" } ?? "A process that cannot be seen"
        if isForbidden {
            return DaybookError(
                .notPermitted,
                "\(who) writes to \(layout.root) and takes commands of another user alone; run the command as that user, or as "
                    + "the superuser", cause: error)
        }
        let reason =
            switch error?.errno {
            case .noSuchFileOrDirectory:
                "has no control socket there: it was opened without one, is of an older release, or is not ready yet"
            case .connectionRefused: "does not listen at its control socket, which an earlier process has left"
            default: "cannot be reached through its control socket (\(error.map { "\($0)" } ?? "it is gone"))"
            }
        return DaybookError(
            .directoryLocked, "\(who) writes to \(layout.root) and \(reason). Stop it, or try again later", cause: error
        )
    }
}
