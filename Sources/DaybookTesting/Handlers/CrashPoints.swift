// Named places in a user's own code where the process may end, and a runner that ends it at each of them in turn.
// The disk beneath is the simulated one; what a handler does elsewhere is the test's own world.

internal import Synchronization

/// Thrown where a crash point ends the process. Nothing should catch it but the runner.
public struct SimulatedCrash: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it happened.
    public let place: CrashPoints.Place
    public var description: String { "simulated crash at \(place)" }
}

/// Places in a program where it may end, met in one run of a test. Thread-safe.
///
/// Code under test calls `point` where a crash would be interesting: between an effect and the note that it happened, above
/// all. `explore` finds out which points there are by running the test, and then runs it again once for each.
public final class CrashPoints: Sendable {
    /// One passage through a point.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        public let name: String
        /// How often the point was passed before in this run, crashes included; 0 the first time.
        public let passage: Int
        public var description: String { passage == 0 ? name : "\(name) (passage \(passage))" }
    }

    /// The disk of this run. `point` stops it together with the program.
    public let disk: SimulatedDisk

    private struct State {
        var passages: [String: Int] = [:]
        var reached: [Place] = []
        var pending: [Place]
        var crash: SimulatedCrash?
    }
    private let state: Mutex<State>

    /// Points that crash at `schedule`, one after the other, each in a life of its own; by default never.
    public init(disk: SimulatedDisk = SimulatedDisk(), crashingAt schedule: [Place] = []) {
        self.disk = disk
        state = Mutex(State(pending: schedule))
    }

    /// Passes a point. Throws `SimulatedCrash` when the process is to end here, or has ended at another point.
    public func point(_ name: String) throws(SimulatedCrash) {
        let crash = state.withLock { state -> SimulatedCrash? in
            if let crash = state.crash { return crash }
            let place = Place(name: name, passage: state.passages[name, default: 0])
            state.passages[name, default: 0] += 1
            state.reached.append(place)
            guard state.pending.first == place else { return nil }
            state.pending.removeFirst()
            state.crash = SimulatedCrash(place: place)
            return state.crash
        }
        guard let crash else { return }
        // From here on the disk takes nothing more: what a `defer` does now, a dead process would not do.
        disk.crash()
        throw crash
    }

    /// The places passed so far, in order, those included where it crashed.
    public var reached: [Place] { state.withLock { $0.reached } }

    /// The crash of this life, if it has come.
    public var crash: SimulatedCrash? { state.withLock { $0.crash } }

    /// Starts the next life, after the disk was restarted.
    func begin() { state.withLock { $0.crash = nil } }
}
