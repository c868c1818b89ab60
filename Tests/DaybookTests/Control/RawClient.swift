// A connection of a test's own that speaks in frames or in bytes, and the other side of one: to say what no client of ours says.

import Daybook
import DaybookFiles
import Foundation
import Synchronization
import SystemPackage

/// One end of a connection. Calls wait until something happens.
final class RawClient: Sendable {
    private let socket: LocalSocket
    private let waiting: SocketWaiting
    private let decoder = Mutex(ControlFrameDecoder(limit: 32 << 20))

    init(_ socket: LocalSocket) throws {
        self.socket = socket
        waiting = try SocketWaiting()
    }

    convenience init(_ path: FilePath) throws { try self.init(try LocalSocket.connect(to: path)) }

    /// The next one who connects.
    convenience init(acceptedBy listener: LocalListener) throws {
        let waiting = try SocketWaiting()
        while true {
            if let socket = try listener.accept() {
                try self.init(socket)
                return
            }
            _ = try waiting.wait(for: [.init(listener)], timeout: nil)
        }
    }

    func send(_ frame: ControlFrame) throws { try send(bytes: frame.encoded(limit: .max) ?? []) }

    func send(bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            if let count = try rest.withUnsafeBytes({ try socket.send($0) }) {
                rest = rest.dropFirst(count)
            } else {
                _ = try waiting.wait(for: [.init(socket, receives: false, sends: true)], timeout: nil)
            }
        }
    }

    /// The next frame; nil at the end.
    func next() throws -> ControlFrame? {
        while true {
            if let frame = try decoder.withLock({ try $0.next() }) { return frame }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count: Int?
            do throws(FileError) {
                count = try buffer.withUnsafeMutableBytes { bytes in
                    Result { () throws(FileError) in try socket.receive(into: bytes) }
                }.get()
            } catch {
                // What had not been read when the other side closed.
                guard error.errno == .connectionReset else { throw error }
                return nil
            }
            switch count {
            case 0?: return nil
            case let count?: buffer[..<count].withUnsafeBytes { bytes in decoder.withLock { $0.append(bytes) } }
            case nil: _ = try waiting.wait(for: [.init(socket)], timeout: nil)
            }
        }
    }

    /// Returns when the other side has closed, and takes nothing of what was sent.
    func waitForEnd() throws { _ = try waiting.wait(for: [.init(socket, receives: false)], timeout: nil) }

    /// Whether the other side has not closed yet.
    func isOpen() throws -> Bool {
        try waiting.wait(for: [.init(socket, receives: false)], timeout: .zero).map(\.receives) == [false]
    }

    func close() { socket.close() }
}

/// Something that may block, on a thread of its own that runs from here on, however busy the cooperative threads are.
final class OwnThread<R: Sendable>: Sendable {
    private let outcome = Mutex<Result<R, any Error>?>(nil)
    private let isDone = Gate()

    init(_ body: @escaping @Sendable () throws -> R) {
        Thread {
            let result = Result { try body() }
            self.outcome.withLock { $0 = result }
            self.isDone.open()
        }.start()
    }

    var value: R {
        get async throws {
            await isDone.wait()
            guard let outcome = outcome.withLock({ $0 }) else { throw CancellationError() }
            return try outcome.get()
        }
    }
}

/// Runs what may block on a thread of its own.
func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<R, any Error>) in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}
