// One connection of the control socket, without a socket: what it does about frames, silence, and nonsense.

import Daybook
import Testing

@Suite struct ControlSessionTests {
    private static let hello = ControlFrame(.hello, ["versions": [1, 2], "release": "0.0.1"])
    private static let request = ControlFrame(.request, ["verb": "compact", "arguments": ["topic": "orders"]])
    private static let answer = ControlFrame(.answer, ["done": true])

    /// A connection that a client has said hello on, with what it was told.
    private func greeted(_ limits: ControlLimits = ControlLimits()) -> ControlSession {
        var session = ControlSession(limits, welcome: ["version": 1, "process": 4711], now: .zero)
        #expect(session.receive(Self.hello) == [])
        #expect(session.take() == [ControlFrame(.welcome, ["version": 1, "process": 4711])])
        return session
    }

    @Test func `A request is begun, answered, and followed by the next one`() {
        var session = greeted()
        for _ in 0..<3 {
            #expect(
                session.receive(Self.request) == [.start(ControlCall(verb: "compact", arguments: ["topic": "orders"]))])
            #expect(session.isWorking && session.deadline == nil)
            session.report(1, now: .zero)
            #expect(session.take() == [ControlFrame(.progress, 1)])
            session.finish(Self.answer.encoded(limit: 100) ?? [], now: .zero)
            #expect(session.take() == [Self.answer])
            #expect(!session.isWorking)
        }
        #expect(session.receiveEnd() == [.end])
    }

    @Test func `Progress that nobody takes is not piled up`() {
        var session = greeted()
        _ = session.receive(Self.request)
        for number in 0..<1000 { session.report(.integer(Int64(number)), now: .zero) }
        #expect(session.take() == [ControlFrame(.progress, 0)])
        session.report(7, now: .zero)
        session.finish(Self.answer.encoded(limit: 100) ?? [], now: .zero)
        session.report(8, now: .zero)
        #expect(session.take() == [ControlFrame(.progress, 7), Self.answer])
    }

    @Test func `A client that goes away cancels its request`() {
        var session = greeted()
        _ = session.receive(Self.request)
        #expect(session.receiveEnd() == [.cancel, .end])
        session.finish(Self.answer.encoded(limit: 100) ?? [], now: .zero)
        #expect(session.take() == [])
        #expect(session.elapse(now: .seconds(1000)) == [])
    }

    @Test func `A client of another version is told so`() throws {
        var session = ControlSession(ControlLimits(), welcome: nil, now: .zero)
        #expect(session.receive(ControlFrame(.hello, ["versions": [2, 3], "release": "9.0.0"])) == [])
        let told = try failure(session.peek())
        #expect(told.code == .serviceUnreachable && told.message.contains("version 1") && told.message.contains("2, 3"))
        #expect(session.take(ends: true).count == 1)
    }

    @Test(arguments: [
        request, ControlFrame(.welcome, nil), ControlFrame(.answer, 1), ControlFrame(.failure, nil),
        ControlFrame(.progress, nil),
    ])
    func `Who does not say hello first is told so, and heard no more`(frame: ControlFrame) throws {
        var session = ControlSession(ControlLimits(), welcome: nil, now: .zero)
        #expect(session.receive(frame) == [])
        #expect(try failure(session.peek()).code == .invalidRequest)
        #expect(session.receive(Self.hello) == [])
        #expect(session.take(ends: true).count == 1)
    }

    @Test func `Who has been told goodbye has some time to read that`() {
        var limits = ControlLimits()
        limits.greeting = .seconds(1)
        for closes in [true, false] {
            var session = ControlSession(limits, welcome: nil, now: .zero)
            #expect(session.receive(Self.request) == [])
            #expect(session.sent(session.pending.count, now: .seconds(5)) == [.endSending])
            #expect(session.receive(Self.request) == [])
            #expect(session.pending.isEmpty && session.deadline == .seconds(6))
            #expect(closes ? session.receiveEnd() == [.end] : session.elapse(now: .seconds(6)) == [.end])
        }
    }

    @Test func `A second request before the first one's answer ends both`() throws {
        var session = greeted()
        let bytes = (Self.request.encoded(limit: 1000) ?? []) + (Self.request.encoded(limit: 1000) ?? [])
        let actions = bytes.withUnsafeBytes { session.receive($0, now: .zero) }
        #expect(actions == [.start(ControlCall(verb: "compact", arguments: ["topic": "orders"])), .cancel])
        #expect(try failure(session.peek()).code == .invalidRequest)
        #expect(session.take(ends: true).count == 1)
    }

    @Test func `A request without a verb, and bytes that are no frame, end the connection with a reason`() throws {
        for bytes in [
            ControlFrame(.request, ["arguments": 1]).encoded(limit: 100) ?? [],
            ControlFrame(.request, 5).encoded(limit: 100) ?? [],
            [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], Array("GET /".utf8),
        ] {
            var session = greeted()
            #expect(bytes.withUnsafeBytes { session.receive($0, now: .zero) } == [])
            #expect(try failure(session.peek()).code == .invalidRequest)
            #expect(session.take(ends: true).count == 1)
        }
    }

    // MARK: time

    @Test func `Silence, half a frame, idling and a full connection have their times`() {
        var limits = ControlLimits()
        (limits.greeting, limits.frame, limits.idle, limits.stall) = (
            .seconds(1), .seconds(2), .seconds(3), .seconds(4)
        )
        // Nothing is said at all, or only a part.
        for count in [0, 3, 7] {
            var session = ControlSession(limits, welcome: nil, now: .seconds(10))
            _ = (Self.hello.encoded(limit: 100) ?? []).prefix(count).withUnsafeBytes {
                session.receive($0, now: .seconds(10.5))
            }
            #expect(session.deadline == .seconds(11))
            #expect(session.elapse(now: .seconds(10.9)) == [])
            #expect(session.elapse(now: .seconds(11)) == [.end])
        }
        // A frame that comes a byte at a time is as slow as one that stops.
        var session = greeted(limits)
        #expect(session.deadline == .seconds(3))
        for (number, byte) in (Self.request.encoded(limit: 100) ?? []).prefix(10).enumerated() {
            _ = [byte].withUnsafeBytes { session.receive($0, now: .seconds(1) + .milliseconds(number)) }
        }
        #expect(session.deadline == .seconds(3))
        #expect(session.elapse(now: .seconds(3)) == [])
        #expect(session.take(now: .seconds(3), ends: true) == [ControlFrame(.goodbye, nil)])
        // Idle between requests; not while one is at work.
        session = greeted(limits)
        #expect(session.receive(Self.request).count == 1)
        #expect(session.elapse(now: .seconds(1_000_000)) == [])
        session.finish(Self.answer.encoded(limit: 100) ?? [], now: .seconds(20))
        #expect(session.take(now: .seconds(20)).count == 1)
        #expect(session.deadline == .seconds(23))
        #expect(session.elapse(now: .seconds(23)) == [])
        // What arrives from here on is not begun, and whoever asks knows.
        #expect(session.receive(Self.request) == [])
        #expect(session.take(now: .seconds(23), ends: true) == [ControlFrame(.goodbye, nil)])
        // An answer that nobody takes; each byte that is taken begins anew.
        session = greeted(limits)
        _ = session.receive(Self.request)
        session.finish([UInt8](repeating: 0, count: 100), now: .seconds(20))
        #expect(session.sent(1, now: .seconds(22)) == [])
        #expect(session.elapse(now: .seconds(25.9)) == [])
        #expect(session.elapse(now: .seconds(26)) == [.end])
    }

    @Test func `A request at work whose progress nobody takes is cancelled`() {
        var limits = ControlLimits()
        limits.stall = .seconds(4)
        var session = greeted(limits)
        _ = session.receive(Self.request)
        session.report(1, now: .seconds(10))
        #expect(session.deadline == .seconds(14))
        #expect(session.elapse(now: .seconds(14)) == [.cancel, .end])
    }

    private func failure(_ frames: [ControlFrame]) throws -> DaybookError {
        let last = try #require(frames.last)
        #expect(last.kind == .failure)
        return try DaybookError(controlValue: last.value)
    }
}

extension ControlSession {
    fileprivate mutating func receive(_ frame: ControlFrame) -> [Action] {
        (frame.encoded(limit: 1000) ?? []).withUnsafeBytes { receive($0, now: .zero) }
    }

    /// The frames that are to be sent.
    fileprivate func peek() -> [ControlFrame] {
        var decoder = ControlFrameDecoder(limit: 1000)
        pending.withUnsafeBytes { decoder.append($0) }
        var frames: [ControlFrame] = []
        do {
            while let frame = try decoder.next() { frames.append(frame) }
        } catch {
            Issue.record(error)
        }
        return frames
    }

    /// Sends what is to be sent; `ends`: and nothing follows.
    fileprivate mutating func take(now: Duration = .zero, ends: Bool = false) -> [ControlFrame] {
        let frames = peek()
        if !pending.isEmpty { #expect(sent(pending.count, now: now) == (ends ? [.endSending] : [])) }
        return frames
    }
}
