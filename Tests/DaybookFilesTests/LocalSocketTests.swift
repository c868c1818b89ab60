// Local sockets: who may connect, what becomes of names that others have left, long paths, and waiting.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@Suite("Local sockets")
struct LocalSocketTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private var path: FilePath { folder.filePath.appending("control") }

    private func permissions(_ path: FilePath) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path.string)[.posixPermissions] as? Int)
    }

    @Test func `A socket is its owner's alone, and its name goes with it`() throws {
        let listener = try LocalListener(path)
        #expect(try permissions(path) == 0o600)
        #expect(try PosixFileSystem().entries(of: folder.filePath) == ["control"])
        try listener.close()
        try listener.close()
        #expect(try PosixFileSystem().entries(of: folder.filePath) == [])
    }

    @Test func `Bytes go both ways, and each side knows who the other one is`() throws {
        let listener = try LocalListener(path)
        #expect(try listener.accept() == nil)
        let client = try LocalSocket.connect(to: path)
        let server = try #require(try listener.accept())
        #expect(try client.receive() == nil)
        #expect(try client.send(Array("ping".utf8)) == 4)
        #expect(try server.receive() == Array("ping".utf8))
        #expect(try server.send(Array("pong".utf8)) == 4)
        #expect(try client.receive() == Array("pong".utf8))
        for socket in [client, server] {
            let peer = try socket.peer()
            #expect(peer.user == SystemIdentity.userIdentifier)
            #expect(peer.process == nil || peer.process == SystemIdentity.processIdentifier)
        }
        client.close()
        client.close()
        #expect(try server.receive() == [])
        let error = failure { () throws(FileError) in
            for _ in 0..<2 { _ = try server.send(Array("x".utf8)) }
        }
        #expect(error?.errno == .brokenPipe || error?.errno == .connectionReset)
    }

    @Test func `A full connection takes no more until somebody receives`() throws {
        let listener = try LocalListener(path)
        let client = try LocalSocket.connect(to: path)
        let server = try #require(try listener.accept())
        var sent = 0
        while let count = try server.send([UInt8](repeating: 1, count: 1 << 16)) { sent += count }
        #expect(sent > 0)
        var received = 0
        while let bytes = try client.receive() { received += bytes.count }
        #expect(received == sent)
        #expect(try server.send([1]) == 1)
    }

    @Test func `A name that a process has left is replaced, and nobody listens there until then`() throws {
        let left = try leaveSocket()
        #expect(failure { () throws(FileError) in _ = try LocalSocket.connect(to: left) }?.errno == .connectionRefused)
        let listener = try LocalListener(left)
        _ = try LocalSocket.connect(to: left)
        #expect(try listener.accept() != nil)
    }

    /// A socket whose listener has gone without taking its name away, as signal 9 leaves it.
    private func leaveSocket() throws -> FilePath {
        let first = try LocalListener(folder.filePath.appending("first"))
        try PosixFileSystem().rename(first.path, to: path)
        try first.close()
        return path
    }

    @Test func `What is no socket is not replaced`() throws {
        let file = try PosixFileSystem().open(path, .create)
        try file.writeAll([1, 2, 3])
        #expect(failure { () throws(FileError) in _ = try LocalListener(path) }?.errno == .fileExists)
        #expect(try PosixFileSystem().status(of: path).size == 3)
        try PosixFileSystem().rename(path, to: folder.filePath.appending("control.new"))
        #expect(failure { () throws(FileError) in _ = try LocalListener(path) }?.errno == .fileExists)
        #expect(try PosixFileSystem().entries(of: folder.filePath) == ["control.new"])
    }

    @Test func `What an attempt that was cut short has left is in nobody's way`() throws {
        let first = try LocalListener(folder.filePath.appending("first"))
        try PosixFileSystem().rename(first.path, to: folder.filePath.appending("control.new"))
        try first.close()
        let listener = try LocalListener(path)
        #expect(try PosixFileSystem().entries(of: folder.filePath) == ["control"])
        try listener.close()
    }

    @Test func `Where nobody is there is nothing to connect to`() throws {
        #expect(
            failure { () throws(FileError) in _ = try LocalSocket.connect(to: path) }?.errno == .noSuchFileOrDirectory)
        let nowhere = folder.filePath.appending("nowhere").appending("control")
        for error in [
            failure({ () throws(FileError) in _ = try LocalSocket.connect(to: nowhere) }),
            failure({ () throws(FileError) in _ = try LocalListener(nowhere) }),
        ] {
            #expect(error?.errno == .noSuchFileOrDirectory)
            #expect(error?.description.contains(folder.path) == true)
        }
    }

    #if os(Linux)
        @Test func `A path may be far longer than an address`() throws {
            var deep = folder.filePath
            for _ in 0..<20 {
                deep.append(String(repeating: "x", count: 100))
                try PosixFileSystem().createDirectory(deep)
            }
            let path = deep.appending("control")
            let listener = try LocalListener(path)
            #expect(try permissions(path) == 0o600)
            let client = try LocalSocket.connect(to: path)
            let server = try #require(try listener.accept())
            #expect(try client.send([7]) == 1)
            #expect(try server.receive() == [7])
            try listener.close()
            #expect(try PosixFileSystem().entries(of: deep) == [])
        }
    #endif

    @Test func `A folder that is moved takes its socket along`() throws {
        let (old, new) = (folder.filePath.appending("old"), folder.filePath.appending("new"))
        try PosixFileSystem().createDirectory(old)
        let listener = try LocalListener(old.appending("control"))
        try PosixFileSystem().rename(old, to: new)
        try PosixFileSystem().createDirectory(old)
        let other = try LocalListener(old.appending("control"))
        try listener.close()
        #expect(try PosixFileSystem().entries(of: new) == [])
        _ = try LocalSocket.connect(to: old.appending("control"))
        #expect(try other.accept() != nil)
    }

    // MARK: waiting

    @Test func `A wait ends when there is something to receive, room to send, or nobody left`() throws {
        let waiting = try SocketWaiting()
        let listener = try LocalListener(path)
        #expect(try waiting.wait(for: [.init(listener)], timeout: .zero).map(\.receives) == [false])
        let client = try LocalSocket.connect(to: path)
        #expect(try waiting.wait(for: [.init(listener)], timeout: nil).map(\.receives) == [true])
        let server = try #require(try listener.accept())
        #expect(
            try waiting.wait(for: [.init(listener), .init(server)], timeout: .zero).map(\.receives) == [false, false])
        #expect(try waiting.wait(for: [.init(server, sends: true)], timeout: nil).map(\.sends) == [true])
        _ = try client.send([1])
        #expect(
            try waiting.wait(for: [.init(listener), .init(server)], timeout: nil).map(\.receives) == [false, true])
        #expect(try server.receive() == [1])
        client.close()
        let end = try waiting.wait(for: [.init(server, receives: false)], timeout: nil)
        #expect(end.map(\.receives) == [true] && end.map(\.sends) == [true])
    }

    @Test func `Whoever waits can be woken, before and meanwhile, and is woken once`() async throws {
        let waiting = try SocketWaiting()
        for _ in 0..<1000 { waiting.wake() }
        #expect(try waiting.wait(for: [], timeout: nil) == [])
        // Nothing is left of it: this one ends by its time.
        #expect(try waiting.wait(for: [], timeout: .milliseconds(1)) == [])
        let rounds = 200
        let seen = Count()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await onThread { while seen.value < rounds { waiting.wake() } } }
            group.addTask {
                await onThread {
                    for _ in 0..<rounds {
                        do { _ = try waiting.wait(for: [], timeout: nil) } catch { Issue.record(error) }
                        seen.raise()
                    }
                }
            }
        }
        #expect(seen.value == rounds)
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func raise() { count.add(1, ordering: .relaxed) }
}

/// Runs what may block on a thread of its own.
private func onThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        Thread {
            body()
            continuation.resume()
        }.start()
    }
}

extension LocalSocket {
    /// What has arrived; nil when nothing has, nothing when the other side has closed.
    fileprivate func receive() throws(FileError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try receive(into: buffer) }
        }.get()
        return count.map { Array(bytes[..<$0]) }
    }

    fileprivate func send(_ bytes: [UInt8]) throws(FileError) -> Int? {
        try bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try send(buffer) } }.get()
    }
}
