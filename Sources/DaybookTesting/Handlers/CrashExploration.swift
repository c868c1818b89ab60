// Runs a test once without a crash and then once for each place where it could crash, and again for each place in the run
// that follows a crash. What a crash does to the disk is drawn from a seed.

/// What `CrashPoints.explore` did.
public struct CrashExploration: Sendable {
    /// The crashes of each run, in order; the first run has none.
    public internal(set) var runs: [[CrashPoints.Place]] = []
    /// The names of all points that were ever reached.
    public internal(set) var names: Set<String> = []
}

/// A run that failed: enough to see which one it was, and to do it again.
public struct CrashExplorationFailure: Error, CustomStringConvertible {
    /// Where the run crashed, in order.
    public let crashes: [CrashPoints.Place]
    /// The seed of the run's disk.
    public let seed: UInt64
    public let cause: any Error

    public var description: String {
        let places =
            crashes.isEmpty
            ? "without a crash" : "with crashes at " + crashes.map(\.description).joined(separator: ", ")
        return "The run \(places), on a disk of seed \(seed), failed: \(cause)"
    }
}

extension CrashPoints {
    /// How a program ends at a crash point.
    public enum End: Sendable {
        /// The process is killed; what the system took is still there.
        case process
        /// Power fails; what was not flushed survives in part.
        case machine
    }

    /// Runs `run` on a new disk and a new world: once without a crash, and once for each place that this or a later run
    /// passes, crashing there. After a crash, `run` is called again with the same world and disk until it ends; then
    /// `check` is called.
    ///
    /// The world is what lies outside of the process: what a handler has written elsewhere, what was acknowledged. `run`
    /// should do the same work each time and must be able to go on where an earlier call was cut off. Up to `crashes`
    /// crashes are put into one run; the number of runs grows with that power of the number of places. Throws
    /// `CrashExplorationFailure` at the first error that is not a simulated crash or what comes of one.
    @discardableResult
    public static func explore<World>(
        seed: UInt64 = 0, crashes: Int = 1, end: End = .machine, isolation: isolated (any Actor)? = #isolation,
        _ makeWorld: () async throws -> World,
        run: (World, CrashPoints) async throws -> Void,
        check: (World, CrashPoints) async throws -> Void
    ) async throws -> CrashExploration {
        var exploration = CrashExploration()
        var open: [[Place]] = [[]]
        while let schedule = open.popLast() {
            let diskSeed = seed &+ UInt64(exploration.runs.count)
            let points = CrashPoints(disk: SimulatedDisk(seed: diskSeed), crashingAt: schedule)
            var passed = 0
            do {
                let world = try await makeWorld()
                // One call for each crash, and the one that ends.
                for life in 0...schedule.count {
                    passed = points.reached.count
                    do { try await run(world, points) } catch {
                        guard points.crash != nil else { throw error }
                    }
                    guard points.crash != nil else {
                        // A place that was passed the first time must be passed again: otherwise chance decides, not the test.
                        guard life == schedule.count else { throw CrashPointMissed(place: schedule[life]) }
                        break
                    }
                    switch end {
                    case .process: points.disk.restartProcess()
                    case .machine: points.disk.restart()
                    }
                    points.begin()
                }
                try await check(world, points)
            } catch {
                throw CrashExplorationFailure(crashes: schedule, seed: diskSeed, cause: error)
            }
            exploration.runs.append(schedule)
            exploration.names.formUnion(points.reached.map(\.name))
            if schedule.count < crashes {
                open += points.reached[passed...].map { schedule + [$0] }.reversed()
            }
        }
        return exploration
    }
}

/// A run did not pass a place that the same run passed before.
public struct CrashPointMissed: Error, CustomStringConvertible {
    public let place: CrashPoints.Place
    public var description: String {
        "the run did not pass \(place) again; let it do the same work in the same order each time"
    }
}
