// One connection as the running process sees it: what has arrived, what is to be sent, what has to happen by when. Pure: it is
// told of bytes and of the time, and says what to do. Sockets and requests at work are `ControlLoop`'s.

/// What a connection may take.
package struct ControlLimits: Sendable {
    /// The first frame has to be there after this time.
    package var greeting: Duration = .seconds(5)
    /// A frame that has begun has to be whole after this time.
    package var frame: Duration = .seconds(10)
    /// A connection on which nothing happens ends after this time; clients connect anew by themselves.
    package var idle: Duration = .seconds(600)
    /// A connection ends when its other side takes nothing of what it is sent for so long.
    package var stall: Duration = .seconds(30)
    /// So many connections at once.
    package var connections = 32
    /// Bytes of a frame from the other side.
    package var requestBytes = 1 << 20
    /// Bytes of a frame to the other side, and what that takes.
    package var answerBytes = 16 << 20
    /// What is under way when the daybook closes has so long to come to its end.
    package var grace: Duration = .seconds(2)

    package init() {}
}

/// A request as it has arrived.
package struct ControlCall: Hashable, Sendable {
    package let verb: String
    package let arguments: ControlValue

    package init(verb: String, arguments: ControlValue) {
        self.verb = verb
        self.arguments = arguments
    }
}

/// The state of one connection.
package struct ControlSession: Sendable {
    /// What is to be done.
    package enum Action: Hashable, Sendable {
        /// Begin a request, and tell `finish` of its end.
        case start(ControlCall)
        /// Nobody waits for the request any more.
        case cancel
        /// Tell the other side that nothing more will come. It gets the time to read why.
        case endSending
        /// Close the connection.
        case end
    }

    private enum Phase {
        case greeting
        case ready
        case working
        /// What is to be sent is sent, and what arrives is passed over.
        case ending
        /// Everything has been sent; the other side has some time to read it and to close.
        case parting
        case ended
    }

    /// The version of what is said after the first frames.
    package static let version: Int64 = 1

    private let limits: ControlLimits
    private let welcome: ControlValue
    private var phase = Phase.greeting
    private var decoder: ControlFrameDecoder
    private var output: [UInt8] = []
    private var sentCount = 0
    /// When what is waited for has to have happened; nil while a request is at work.
    private var due: Duration?
    /// A frame has begun after the greeting, and `due` is its time.
    private var isInFrame = false
    /// When the other side has to have taken something.
    private var sendDue: Duration?

    /// A connection made at `now`. `welcome`: what whoever connects is told of this process.
    package init(_ limits: ControlLimits, welcome: ControlValue, now: Duration) {
        self.limits = limits
        self.welcome = welcome
        decoder = ControlFrameDecoder(limit: limits.requestBytes)
        due = now + limits.greeting
    }

    /// A connection that is told why it ends, and nothing else.
    package init(refusing error: DaybookError, _ limits: ControlLimits, now: Duration) {
        self.init(limits, welcome: .null, now: now)
        refuse(error, now)
    }

    // MARK: what is waited for

    /// Bytes to be sent.
    package var pending: ArraySlice<UInt8> { output[sentCount...] }

    /// When `elapse` wants to be called if nothing happens before; nil for never.
    package var deadline: Duration? {
        guard let due, let sendDue else { return due ?? sendDue }
        return min(due, sendDue)
    }

    /// Whether a request is at work.
    package var isWorking: Bool { phase == .working }

    // MARK: what happens

    /// Bytes have arrived.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer, now: Duration) -> [Action] {
        // Whoever is being told goodbye may go on talking.
        if [.ending, .parting, .ended].contains(phase) { return [] }
        decoder.append(bytes)
        var actions: [Action] = []
        do throws(ControlMalformed) {
            while let frame = try decoder.next() {
                if let action = try take(frame, now) { actions.append(action) }
            }
        } catch {
            return actions + fail(DaybookError(.invalidRequest, "This is not understood: \(error)"), now)
        }
        if phase == .ready, decoder.hasPart {
            // From the beginning of the frame, however slowly it comes.
            if !isInFrame { due = now + limits.frame }
            isInFrame = true
        }
        return actions
    }

    private mutating func take(_ frame: ControlFrame, _ now: Duration) throws(ControlMalformed) -> Action? {
        switch (phase, frame.kind) {
        case (.greeting, .hello):
            greet(frame.value, now)
            return nil
        case (.ready, .request):
            let verb: String
            do throws(DaybookError) { verb = try frame.value.field("verb") } catch { throw .unexpected(.request) }
            var arguments = ControlValue.null
            if case .fields(let fields) = frame.value { arguments = fields["arguments"] ?? .null }
            phase = .working
            (due, isInFrame) = (nil, false)
            return .start(ControlCall(verb: verb, arguments: arguments))
        default: throw .unexpected(frame.kind)
        }
    }

    private mutating func greet(_ hello: ControlValue, _ now: Duration) {
        let versions = (try? hello.field("versions", as: [Int64].self)) ?? []
        guard versions.contains(Self.version) else {
            return refuse(
                DaybookError(
                    .serviceUnreachable,
                    "The process speaks version \(Self.version) of the control protocol, the command speaks "
                        + "\(versions.map(String.init).joined(separator: ", ")); use the command of the release that the "
                        + "process was built with"), now)
        }
        phase = .ready
        due = now + limits.idle
        send(ControlFrame(.welcome, welcome), now)
    }

    /// The other side has closed.
    package mutating func receiveEnd() -> [Action] {
        let wasWorking = phase == .working
        phase = .ended
        return wasWorking ? [.cancel, .end] : [.end]
    }

    /// A request has come further. Forgotten where the other side has not taken the last word yet.
    package mutating func report(_ progress: ControlValue, now: Duration) {
        guard phase == .working, pending.isEmpty else { return }
        send(ControlFrame(.progress, progress), now)
    }

    /// The request has ended; `frame` holds its answer or its failure, encoded.
    package mutating func finish(_ frame: [UInt8], now: Duration) {
        guard phase == .working else { return }
        phase = .ready
        send(frame, now)
    }

    /// So many of the pending bytes have been sent.
    package mutating func sent(_ count: Int, now: Duration) -> [Action] {
        sentCount += count
        sendDue = now + limits.stall
        guard pending.isEmpty else { return [] }
        (output, sentCount, sendDue) = ([], 0, nil)
        if phase == .ready, !isInFrame { due = now + limits.idle }
        guard phase == .ending else { return [] }
        phase = .parting
        due = now + limits.greeting
        return [.endSending]
    }

    /// Time has passed.
    package mutating func elapse(now: Duration) -> [Action] {
        guard let deadline, deadline <= now, phase != .ended else { return [] }
        let isStalled = sendDue.map { $0 <= now } ?? false
        guard phase == .ready, !isStalled else { return receiveEnd() }
        dismiss(now)
        return []
    }

    /// Ends the connection: a request at work is told why and cancelled, and no other one is begun.
    package mutating func close(_ error: DaybookError, now: Duration) -> [Action] {
        guard phase == .ready else { return fail(error, now) }
        dismiss(now)
        return []
    }

    private mutating func dismiss(_ now: Duration) {
        phase = .ending
        due = nil
        send(ControlFrame(.goodbye, nil), now)
    }

    /// Ends the connection with a reason; a request at work is cancelled.
    private mutating func fail(_ error: DaybookError, _ now: Duration) -> [Action] {
        guard ![.ending, .parting, .ended].contains(phase) else { return [] }
        let wasWorking = phase == .working
        refuse(error, now)
        return wasWorking ? [.cancel] : []
    }

    private mutating func refuse(_ error: DaybookError, _ now: Duration) {
        phase = .ending
        due = nil
        send(ControlFrame(.failure, error.controlValue), now)
    }

    private mutating func send(_ frame: ControlFrame, _ now: Duration) {
        // What does not fit is a message of ours that nobody wrote so long.
        guard let bytes = frame.encoded(limit: limits.answerBytes) else { return }
        send(bytes, now)
    }

    private mutating func send(_ bytes: [UInt8], _ now: Duration) {
        if pending.isEmpty { sendDue = now + limits.stall }
        output += bytes
    }
}
