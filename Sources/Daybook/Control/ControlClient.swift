// Asks the process that has a data directory open, at its control socket. What is said on a connection is `ControlConnection`'s
// matter; how to choose between this and opening the directory is `Administration`'s.

internal import DaybookFiles
public import DaybookModel
internal import Synchronization
package import SystemPackage

/// The process that has a data directory open, as it introduces itself.
public struct LiveProcess: Sendable, Hashable {
    /// Nil where the system does not tell and the process has not said.
    public let process: Int32?
    /// The release of Daybook that it was built with.
    public let release: String
    /// When it opened the directory.
    public let since: Timestamp
}

/// A way to a control socket. Thread-safe: requests are made one after the other. Connects anew when the connection has ended
/// between two of them. Ended by `close` or with its last reference.
package final class ControlClient: Sendable {
    package let live: LiveProcess
    private let path: FilePath
    private let limits: ControlLimits
    /// Nil once closed.
    private let connection: Mutex<ControlConnection?>
    /// Waiting for an answer blocks; it does so here.
    private let worker = WorkerPool(threads: 1)

    private init(_ connection: ControlConnection, _ live: LiveProcess, _ path: FilePath, _ limits: ControlLimits) {
        self.connection = Mutex(connection)
        self.live = live
        self.path = path
        self.limits = limits
    }

    deinit { close() }

    /// Connects to the socket at `path` and exchanges greetings. Blocks, for the time of a greeting at most.
    ///
    /// Throws `FileError` as `LocalSocket.connect` does when there is nobody, with `connectionReset` when whoever was there went
    /// away before saying anything, and `.serviceUnreachable` or `.notPermitted` when there is somebody who cannot be talked to.
    package static func connectBlocking(
        to path: FilePath, limits: ControlLimits = ControlLimits()
    ) throws -> ControlClient {
        let connection = try ControlConnection(path, limits)
        return ControlClient(connection, try connection.greet(), path, limits)
    }

    /// Has the process carry out a command and returns its answer. `report` hears how far it has come, if anything is told.
    ///
    /// When the task is cancelled nobody waits any more, and the command ends where it can. Throws what the command threw,
    /// `.unknownCommand`, `.outcomeUnknown` when the process went away before it answered, and `.closed` when it was gone before
    /// it was asked.
    package func perform(
        _ verb: String, _ arguments: ControlValue = .null,
        report: @escaping @Sendable (ControlValue) -> Void = { _ in }
    ) async throws -> ControlValue {
        let turn = Turn()
        return try await withTaskCancellationHandler {
            try await worker.run { () throws in
                for _ in 0..<3 {
                    let connection = try self.usableConnection()
                    try turn.begin(connection)
                    do {
                        return try connection.perform(verb, arguments, report)
                    } catch is ControlConnection.NotAsked {}
                }
                throw DaybookError(
                    .serviceUnreachable,
                    "The process ends each connection before it can be asked to \"\(verb)\"; try again")
            }
        } onCancel: {
            turn.cancel()
        }
    }

    private func usableConnection() throws -> ControlConnection {
        guard let current = connection.withLock({ $0 }) else {
            throw DaybookError(.closed, "The connection to the control socket has been closed; make another one")
        }
        guard current.isOver else { return current }
        let another: ControlConnection
        do {
            another = try ControlConnection(path, limits)
            _ = try another.greet()
        } catch let error as FileError {
            throw DaybookError(
                .closed, "The process that had the data directory open has gone meanwhile (\(error))", cause: error)
        }
        let isWanted = connection.withLock { connection in
            if connection != nil { connection = another }
            return connection != nil
        }
        guard isWanted else { throw CancellationError() }
        return another
    }

    /// Ends the connection; a request under way is cancelled.
    package func close() {
        let current = connection.withLock { connection in
            defer { connection = nil }
            return connection
        }
        guard let current else { return }
        current.cancel()
        // Behind whatever is under way, which ends now.
        worker.submit { current.end() }
        worker.stop()
    }

    /// One request's time on the connection, and whether anybody still waits for it.
    private final class Turn: Sendable {
        private let state = Mutex<(connection: ControlConnection?, isCancelled: Bool)>((nil, false))

        func begin(_ connection: ControlConnection) throws {
            let isCancelled = state.withLock { state in
                state.connection = connection
                return state.isCancelled
            }
            if isCancelled { throw CancellationError() }
        }

        func cancel() {
            let connection = state.withLock { state in
                state.isCancelled = true
                return state.connection
            }
            connection?.cancel()
        }
    }
}
