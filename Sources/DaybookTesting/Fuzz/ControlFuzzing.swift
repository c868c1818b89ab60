// What arrives at the control socket out of arbitrary bytes: values have one form, frames are the same however the bytes come
// in, and a connection answers in frames whatever it is sent. Called by `FuzzTarget.control`.

internal import Daybook

/// The target `control`. Choice 0: the bytes are one value; otherwise they are what a client sends, choice 1: piece by piece.
enum ControlFuzzing {
    static func run(_ input: FuzzInput) throws {
        if input.chooses(0) { return try runValue(input.bytes) }
        let pieces = input.chooses(1) ? 1 + Int(input.choices >> 4) : max(1, input.bytes.count)
        try compareFrames(input.bytes, pieces)
        try runSession(input.bytes, pieces)
    }

    private static func runValue(_ bytes: [UInt8]) throws {
        let value: ControlValue
        do throws(ControlMalformed) { value = try ControlEncoding.decode(bytes[...]) } catch { return }
        var again: [UInt8] = []
        ControlEncoding.append(value, to: &again)
        try promise(again == bytes, "a value that was read is written in another form")
    }

    /// The frames that bytes are, and what is wrong behind them.
    private static func frames(_ bytes: [UInt8], _ pieces: Int) -> ([ControlFrame], ControlMalformed?) {
        var decoder = ControlFrameDecoder(limit: 1024)
        var frames: [ControlFrame] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { decoder.append($0) }
            do throws(ControlMalformed) {
                while let frame = try decoder.next() { frames.append(frame) }
            } catch {
                return (frames, error)
            }
        }
        return (frames, nil)
    }

    private static func compareFrames(_ bytes: [UInt8], _ pieces: Int) throws {
        let (whole, split) = (frames(bytes, max(1, bytes.count)), frames(bytes, pieces))
        // By their bytes: a number that is none does not equal itself.
        let encoded = (whole.0.map { $0.encoded(limit: .max) }, split.0.map { $0.encoded(limit: .max) })
        try promise(encoded.0 == encoded.1, "frames are others when their bytes come in pieces")
        try promise(whole.1 == split.1, "what is wrong with bytes depends on how they come in")
    }

    private static func runSession(_ bytes: [UInt8], _ pieces: Int) throws {
        var limits = ControlLimits()
        limits.requestBytes = 1024
        var session = ControlSession(limits, welcome: ["version": 1], now: .zero)
        var client = ControlFrameDecoder(limit: limits.answerBytes)
        var hasEnded = false
        for (step, start) in stride(from: 0, to: bytes.count, by: pieces).enumerated() {
            let now = Duration.milliseconds(step)
            let actions = bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes {
                session.receive($0, now: now)
            }
            for action in actions {
                try promise(!hasEnded, "a connection goes on after its end")
                switch action {
                case .start(let call):
                    try promise(session.isWorking || actions.contains(.cancel), "a request begins and is not at work")
                    let answer = ControlFrame(.answer, call.arguments).encoded(limit: limits.answerBytes) ?? []
                    session.finish(answer, now: now)
                case .cancel, .endSending: break
                case .end: hasEnded = true
                }
            }
            let pending = session.pending
            pending.withUnsafeBytes { client.append($0) }
            do throws(ControlMalformed) {
                while try client.next() != nil {}
            } catch {
                throw FuzzFinding("a connection answers with what is no frame: \(error)")
            }
            if !pending.isEmpty { _ = session.sent(pending.count, now: now) }
        }
        try promise(
            session.deadline != nil || session.isWorking || hasEnded, "a connection is waited for without an end")
    }

    static var seeds: [[UInt8]] {
        let hello = ControlFrame(.hello, ["versions": [1], "release": "0.1.0"])
        let request = ControlFrame(
            .request,
            [
                "verb": "delete-records",
                "arguments": ["topic": "orders", "partition": 3, "offset": 1000, "rehearsal": false, "time": nil],
            ])
        let value: ControlValue = [
            "list": [1, "zwei", nil, true, [.number(2.5)]], "fields": ["ä": .string("ß"), "b": [:]], "null": nil,
        ]
        var bytes: [UInt8] = []
        ControlEncoding.append(value, to: &bytes)
        let talk = (hello.encoded(limit: .max) ?? []) + (request.encoded(limit: .max) ?? [])
        let old = ControlFrame(.hello, ["versions": [7], "release": "9.0.0"]).encoded(limit: .max) ?? []
        return [
            [1] + bytes, [0] + talk, [2] + talk, [0x32] + talk + talk.dropFirst(20), [0] + old, [0, 0, 0, 1, 0, 3],
        ]
    }
}
