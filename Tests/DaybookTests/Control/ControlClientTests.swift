// What a client makes of a process that does not behave: silence, nonsense, another version, an end in the middle.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite struct ControlClientTests {
    private static let welcome = ControlFrame(.welcome, ["version": 1, "release": "0.0.1", "process": 1, "since": 5])

    /// Connects to whatever `serve` makes of the first connection, and asks.
    private func ask(
        _ limits: ControlLimits? = nil, _ serve: @escaping @Sendable (RawClient) throws -> Void
    ) async throws -> ControlValue {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("control")
        let listener = try LocalListener(path)
        let server = OwnThread { try serve(try RawClient(acceptedBy: listener)) }
        // Beside other tests a thread may have to wait for its turn.
        var patient = ControlLimits()
        patient.greeting = .seconds(600)
        let limits = limits ?? patient
        let answer: Result<ControlValue, any Error>
        do {
            let client = try await onThread { try ControlClient.connectBlocking(to: path, limits: limits) }
            answer = .success(try await client.perform("compact"))
            client.close()
        } catch {
            answer = .failure(error)
        }
        do { try await server.value } catch { Issue.record(error) }
        return try answer.get()
    }

    private func failure(
        _ limits: ControlLimits? = nil, _ serve: @escaping @Sendable (RawClient) throws -> Void
    ) async throws -> DaybookError {
        let error = await #expect(throws: DaybookError.self) { try await ask(limits, serve) }
        return try #require(error)
    }

    @Test func `A process that does as it should is understood`() async throws {
        let answer = try await ask { server in
            #expect(try server.next()?.kind == .hello)
            try server.send(Self.welcome)
            let request = try server.next()
            #expect(try request?.value.field("verb") == "compact")
            try server.send(ControlFrame(.progress, 1))
            try server.send(ControlFrame(.answer, 2))
        }
        #expect(answer == 2)
    }

    @Test func `A process that says nothing is told of after a while`() async throws {
        var limits = ControlLimits()
        limits.greeting = .milliseconds(20)
        let error = try await failure(limits) { server in
            _ = try server.next()
            try server.waitForEnd()
        }
        #expect(error.code == .serviceUnreachable && error.message.contains("has not answered"))
    }

    @Test func `Nonsense is told of`() async throws {
        for bytes in [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 1, 77], Array("HTTP/1.1 400".utf8)] as [[UInt8]] {
            var error = try await failure { server in
                _ = try server.next()
                try server.send(bytes: bytes)
            }
            #expect(error.code == .serviceUnreachable && error.message.contains("not as a daybook does"))
            error = try await failure { server in
                _ = try server.next()
                try server.send(Self.welcome)
                _ = try server.next()
                try server.send(bytes: bytes)
            }
            #expect(error.code == .outcomeUnknown && error.message.contains("compact"))
        }
        let error = try await failure { server in
            _ = try server.next()
            try server.send(ControlFrame(.answer, nil))
        }
        #expect(error.code == .serviceUnreachable)
    }

    @Test func `A process of another version says so`() async throws {
        let told: ControlValue = ["code": "serviceUnreachable", "message": "version 7"]
        let error = try await failure { server in
            _ = try server.next()
            try server.send(ControlFrame(.failure, told))
        }
        #expect(error.code == .serviceUnreachable && error.message == "version 7")
    }

    @Test func `A process that goes away before it has said anything counts as none`() async throws {
        let error = await #expect(throws: FileError.self) { try await ask { $0.close() } }
        #expect(error?.errno == .connectionReset || error?.errno == .brokenPipe)
    }

    @Test func `A process that goes away in the middle leaves open what it has done`() async throws {
        let error = try await failure { server in
            _ = try server.next()
            try server.send(Self.welcome)
            _ = try server.next()
            try server.send(ControlFrame(.progress, 1))
            server.close()
        }
        #expect(error.code == .outcomeUnknown)
        #expect(error.message.contains("\"compact\"") && error.message.contains("not known"))
    }

    @Test func `Being closed and not knowing a command are told from outside`() async throws {
        for (code, wanted) in [("closed", "closing the data directory"), ("unknownCommand", "Process")] {
            let error = try await failure { server in
                _ = try server.next()
                try server.send(Self.welcome)
                _ = try server.next()
                try server.send(ControlFrame(.failure, ["code": .string(code), "message": "the message"]))
            }
            #expect(error.code.description == code && error.message.contains(wanted))
        }
    }
}
