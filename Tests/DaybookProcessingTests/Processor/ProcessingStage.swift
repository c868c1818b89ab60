// A simulated disk, a loop in virtual time, and processors on it: what a crash does to a group, and what the next process makes
// of it. Groups without a disk are in `LaneStage`.

import Daybook
import DaybookTesting
import Synchronization

@testable import DaybookProcessing

/// A disk and what runs on it.
struct ProcessingStage: Sendable {
    let disk: SimulatedDisk
    let loop: SimulationLoop

    init(seed: UInt64 = 1, loopSeed: UInt64? = nil) {
        disk = SimulatedDisk(seed: seed, clock: ManualClock())
        loop = SimulationLoop(clock: disk.clock, seed: loopSeed)
    }

    var configuration: Configuration {
        var configuration = Configuration().with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        configuration.hasControlSocket = false
        return configuration
    }

    func open() async throws -> Daybook { try await Daybook.open("/data", configuration: configuration) }

    /// Runs `body` with a daybook until it has ended. When it throws because of a crash that it had asked for, the machine
    /// starts again and `body` with it.
    func livingThrough<R: Sendable>(
        _ crash: Crash, cut: PowerCut = .nothing, _ body: @escaping @Sendable (Daybook) async throws -> R
    ) throws -> R {
        while true {
            do {
                return try loop.run {
                    let daybook = try await open()
                    let result = try await body(daybook)
                    try await daybook.close()
                    return result
                }
            } catch {
                guard crash.hasHappened else { throw error }
                crash.isOver()
                loop.drain(for: .seconds(1))
                loop.forgetScheduled()
                disk.restart(cut)
            }
        }
    }
}

/// A power cut at the journal's append of a number, counted over all groups.
final class Crash: Sendable {
    enum Moment: Sendable { case before, after }

    private struct State {
        var count = 0
        var hasHappened = false
        var happenedCount = 0
    }
    private let state = Mutex(State())
    private let disk: SimulatedDisk
    private let loop: SimulationLoop?
    private let steps: Int
    private let isDue: @Sendable (Int, JournalMoment) -> Bool

    struct PowerIsGone: Error {}

    /// At the first append for which `isDue` says so; it gets the append's number, from 0, and what is appended. With a loop,
    /// so many of its jobs later.
    init(
        _ disk: SimulatedDisk, after steps: Int = 0, of loop: SimulationLoop? = nil,
        _ isDue: @escaping @Sendable (Int, JournalMoment) -> Bool
    ) {
        self.disk = disk
        self.loop = loop
        self.steps = steps
        self.isDue = isDue
    }

    var hasHappened: Bool { state.withLock { $0.hasHappened } }
    var happenedCount: Int { state.withLock { $0.happenedCount } }
    var appendsCount: Int { state.withLock { $0.count } }

    func isOver() { state.withLock { $0.hasHappened = false } }

    func install(_ configuration: inout ProcessorConfiguration) {
        configuration.onJournal = { moment in try self.happen(moment) }
    }

    private func step(_ count: Int, _ loop: SimulationLoop) {
        if count == 0 { return disk.crash() }
        loop.submit { self.step(count - 1, loop) }
    }

    private func happen(_ moment: JournalMoment) throws {
        let isNow = state.withLock { state in
            if state.hasHappened { return false }
            let number = state.count
            if !moment.isDurable { state.count += 1 }
            guard state.happenedCount == 0, isDue(number, moment) else { return false }
            state.hasHappened = true
            state.happenedCount += 1
            return true
        }
        guard isNow else { return }
        if let loop {
            // The process goes on for as many jobs as there are until its power goes.
            return step(steps, loop)
        }
        disk.crash()
        throw PowerIsGone()
    }
}
