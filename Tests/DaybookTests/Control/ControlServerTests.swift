// The control socket's thread with real sockets: many clients, slow ones, rude ones, and those that go away.

import DaybookFiles
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite struct ControlServerTests {
    /// A server in a folder of its own, without a daybook.
    private final class Stage: Sendable {
        let folder: TemporaryDirectory
        let server: ControlServer
        var path: FilePath { folder.filePath.appending("control") }

        init(_ limits: ControlLimits = patient, _ perform: @escaping ControlServer.Perform = echo) throws {
            folder = try TemporaryDirectory()
            server = try ControlServer(
                LocalListener(folder.filePath.appending("control")), limits,
                welcome: ["version": 1, "release": "0.0.1", "process": 1, "since": 5], perform: perform)
        }

        deinit { server.abandon {} }

        /// Tests that run beside others have to wait for them at times.
        static var patient: ControlLimits {
            var limits = ControlLimits()
            (limits.greeting, limits.idle, limits.stall) = (.seconds(600), .seconds(600), .seconds(600))
            return limits
        }

        static let echo: ControlServer.Perform = { call, _ in ["verb": .string(call.verb), "arguments": call.arguments]
        }

        func client() throws -> ControlClient { try ControlClient.connectBlocking(to: path, limits: Self.patient) }

        /// A connection that speaks in bytes; with `hello` it has been greeted.
        func raw(hello: Bool = true) throws -> RawClient {
            let client = try RawClient(path)
            if hello {
                try client.send(ControlFrame(.hello, ["versions": [1], "release": "0.0.1"]))
                #expect(try client.next()?.kind == .welcome)
            }
            return client
        }
    }

    @Test func `Many clients are served at once, each with its own answers`() async throws {
        let stage = try Stage()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask {
                    let client = try stage.client()
                    #expect(client.live.since == Timestamp(milliseconds: 5) && client.live.release == "0.0.1")
                    for round in 0..<20 {
                        let arguments: ControlValue = [.integer(Int64(number)), .integer(Int64(round))]
                        let answer = try await client.perform("echo", arguments)
                        #expect(answer == ["verb": "echo", "arguments": arguments])
                    }
                    client.close()
                }
            }
            try await group.waitForAll()
        }
        await stage.server.finishClosing()
        #expect(try PosixFileSystem().entries(of: stage.folder.filePath) == [])
    }

    @Test func `Large arguments and answers go both ways, larger ones are told of`() async throws {
        let stage = try Stage()
        let client = try stage.client()
        let text = ControlValue.string(String(repeating: "x", count: 1_000_000))
        #expect(try await client.perform("echo", text) == ["verb": "echo", "arguments": text])
        await #expect(throws: DaybookError.self) {
            try await client.perform("echo", .string(String(repeating: "x", count: 2_000_000)))
        }
        let talkative = try Stage { _, _ in .string(String(repeating: "x", count: 17 << 20)) }
        let error = await #expect(throws: DaybookError.self) { try await talkative.client().perform("tell") }
        #expect(error?.code == .other && error?.message.contains("bytes") == true)
    }

    @Test func `Progress arrives before the answer`() async throws {
        let stage = try Stage { _, report in
            report(1)
            return 2
        }
        let seen = Mutex<[ControlValue]>([])
        let answer = try await stage.client().perform("count") { value in seen.withLock { $0.append(value) } }
        #expect(answer == 2)
        #expect(seen.withLock { $0 } == [1])
    }

    @Test func `Errors arrive with code, message and place; those of others with their description`() async throws {
        struct Foreign: Error, CustomStringConvertible { let description = "the till is empty" }
        let orders = TopicPartition(folderName: "orders-3")
        let stage = try Stage { call, _ in
            if call.verb == "foreign" { throw Foreign() }
            throw DaybookError(.offsetOutOfRange, "too far", topicPartition: orders, offset: 7)
        }
        let client = try stage.client()
        let error = await #expect(throws: DaybookError.self) { try await client.perform("x") }
        #expect(error?.code == .offsetOutOfRange && error?.message == "too far")
        #expect(error?.topicPartition == orders && error?.offset == 7)
        let foreign = await #expect(throws: DaybookError.self) { try await client.perform("foreign") }
        #expect(foreign?.code == .other && foreign?.message == "the till is empty")
    }

    @Test func `A client that takes nothing holds up nobody, and is let go`() async throws {
        var limits = Stage.patient
        limits.stall = .milliseconds(20)
        let stage = try Stage(limits) { call, _ in
            .string(String(repeating: "x", count: call.verb == "much" ? 4 << 20 : 1))
        }
        let slow = try stage.raw()
        try slow.send(ControlFrame(.request, ["verb": "much"]))
        let other = try stage.client()
        for _ in 0..<20 { #expect(try await other.perform("little") == "x") }
        try await onThread { try slow.waitForEnd() }
    }

    @Test func `A client that says nothing, or half of something, is let go`() async throws {
        var limits = Stage.patient
        limits.greeting = .milliseconds(20)
        let quick = try Stage(limits)
        let silent = try quick.raw(hello: false)
        try await onThread { try silent.waitForEnd() }
        // It is still there for others.
        #expect(try quick.raw(hello: false).isOpen())
        limits = Stage.patient
        limits.frame = .milliseconds(20)
        let stage = try Stage(limits)
        let half = try stage.raw()
        try half.send(bytes: [0, 0, 0, 9, 3, 7])
        #expect(try await onThread { try half.next() }?.kind == .goodbye)
        #expect(try await onThread { try half.next() } == nil)
    }

    @Test func `Nonsense ends a connection with a reason, and no other one`() async throws {
        let stage = try Stage()
        let other = try stage.client()
        for bytes in [[0x7F, 0xFF, 0xFF, 0xFF], Array("GET / HTTP/1.0\r\n\r\n".utf8), [0, 0, 0, 1, 77]] as [[UInt8]] {
            for hello in [false, true] {
                let rude = try stage.raw(hello: hello)
                try rude.send(bytes: bytes)
                let told = try await onThread { try rude.next() }
                #expect(told?.kind == .failure)
                #expect(try await onThread { try rude.next() } == nil)
            }
        }
        #expect(try await other.perform("echo") == ["verb": "echo", "arguments": nil])
    }

    @Test func `More connections than are let in are told so`() async throws {
        var limits = Stage.patient
        limits.connections = 2
        let stage = try Stage(limits)
        let clients = [try stage.client(), try stage.client()]
        let error = #expect(throws: DaybookError.self) { try stage.client() }
        #expect(error?.code == .serviceUnreachable && error?.message.contains("busy") == true)
        clients[0].close()
        let third = try await onThread {
            // Closing takes its time to be seen.
            for _ in 0..<100_000 { if let client = try? stage.client() { return client } }
            return try stage.client()
        }
        #expect(try await third.perform("echo") == ["verb": "echo", "arguments": nil])
        #expect(try await clients[1].perform("echo") == ["verb": "echo", "arguments": nil])
    }

    @Test func `Whoever goes away cancels what was asked`() async throws {
        let (started, cancelled) = (Gate(), Gate())
        let stage = try Stage { _, _ in
            await withTaskCancellationHandler {
                started.open()
                await cancelled.wait()
            } onCancel: {
                cancelled.open()
            }
            throw CancellationError()
        }
        // A task that is cancelled.
        let client = try stage.client()
        let task = Task { try await client.perform("wait") }
        await started.wait()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await cancelled.wait()
        // It makes another connection for the next request, until it is closed.
        await #expect(throws: DaybookError.self) { try await client.perform("wait") }
        client.close()
        let error = await #expect(throws: DaybookError.self) { try await client.perform("wait") }
        #expect(error?.code == .closed)
    }

    @Test func `A client whose connection has ended meanwhile makes another one`() async throws {
        var limits = Stage.patient
        // Long enough to ask in, on a busy machine too.
        limits.idle = .seconds(1)
        let stage = try Stage(limits)
        let client = try stage.client()
        for number in 0..<3 {
            let other = try stage.raw()
            #expect(try await onThread { try other.next() }?.kind == .goodbye)
            #expect(
                try await client.perform("echo", .integer(Int64(number))) == [
                    "verb": "echo", "arguments": .integer(Int64(number)),
                ])
        }
        await stage.server.finishClosing()
        let error = await #expect(throws: DaybookError.self) { try await client.perform("echo") }
        #expect(error?.code == .closed && error?.message.contains("has gone meanwhile") == true)
    }

    @Test func `A process that is killed takes its connections along, and that cancels too`() async throws {
        let (started, cancelled) = (Gate(), Gate())
        let stage = try Stage { _, _ in
            await withTaskCancellationHandler {
                started.open()
                await cancelled.wait()
            } onCancel: {
                cancelled.open()
            }
            return nil
        }
        let client = try stage.raw()
        try client.send(ControlFrame(.request, ["verb": "wait"]))
        await started.wait()
        client.close()
        await cancelled.wait()
    }

    @Test func `Closing answers what can be answered, and waits for nobody longer than a while`() async throws {
        var limits = Stage.patient
        limits.grace = .milliseconds(20)
        let (started, never) = (Gate(), Gate())
        let stage = try Stage(limits) { call, _ in
            if call.verb == "stubborn" {
                started.open()
                await never.wait()
            }
            return "done"
        }
        let (client, idle) = (try stage.client(), try stage.raw())
        let stubborn = Task { try await client.perform("stubborn") }
        await started.wait()
        stage.server.beginClosing()
        await stage.server.finishClosing()
        #expect(try PosixFileSystem().entries(of: stage.folder.filePath) == [])
        let error = await #expect(throws: DaybookError.self) { try await stubborn.value }
        #expect(error?.code == .closed && error?.message.contains("stubborn") == true)
        #expect(try await onThread { try idle.next() }?.kind == .goodbye)
        #expect(try await onThread { try idle.next() } == nil)
        never.open()
    }

    @Test func `Only the process's own user and the superuser are let in`() {
        for (user, owner, isLetIn) in [
            (0, 0, true), (0, 1000, true), (1000, 1000, true), (1001, 1000, false), (1, 0, false),
        ] {
            #expect(ControlLoop.admits(UInt32(user), owner: UInt32(owner)) == isLetIn)
        }
    }
}

/// Opened once; whoever waits goes on then.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
