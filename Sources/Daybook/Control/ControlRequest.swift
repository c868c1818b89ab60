// A request as its handler sees it, and how a handler tells how far it has come.
// Who asked, and how the answer gets back, is not a handler's concern.

internal import Synchronization

/// A command that somebody wants carried out.
public struct ControlRequest: Sendable {
    public let verb: String
    public let arguments: ControlValue
    private let reporter: ProgressReporter

    init(_ call: ControlCall, report: @escaping @Sendable (ControlValue) -> Void) {
        verb = call.verb
        arguments = call.arguments
        reporter = ProgressReporter(report)
    }

    /// Tells whoever asked how far the work has come. May be called as often as one likes: ten times a second at most are
    /// passed on, and none that the other side has no room for.
    public func report(_ progress: ControlValue) { reporter.report(progress) }
}

/// Lets the first report through, and then one in each tenth of a second.
final class ProgressReporter: Sendable {
    private let pass: @Sendable (ControlValue) -> Void
    private let next = Mutex<ContinuousClock.Instant?>(nil)

    init(_ pass: @escaping @Sendable (ControlValue) -> Void) { self.pass = pass }

    func report(_ progress: ControlValue) {
        let now = ContinuousClock.now
        let isDue = next.withLock { next in
            guard next.map({ $0 <= now }) ?? true else { return false }
            next = now + .milliseconds(100)
            return true
        }
        if isDue { pass(progress) }
    }
}
