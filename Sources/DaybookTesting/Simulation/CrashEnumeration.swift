// Short histories, every crash: each call on the disk is one at which the machine stops, with several ways in which the disk
// comes back, and so is each call of the recovery that follows, and of the one after that. Long histories are left to seeds.

internal import DaybookModel

/// Every crash of one short history.
package struct CrashEnumeration {
    /// What was tried and how it ended.
    package struct Outcome: Sendable {
        /// Calls of the history: places at which it was crashed.
        package internal(set) var crashPoints = 0
        /// Recoveries tried, by how many crashes had gone before.
        package internal(set) var recoveries: [Int] = []
        /// Disks that were as one seen before and were not looked at again.
        package internal(set) var pruned = 0
        /// Whether everything there is was tried; else the budget ended it.
        package internal(set) var isComplete = true
        /// The promise that was broken, and the crashes that led there.
        package internal(set) var failure: (crashes: [String], violation: Violation)?
    }

    private let seed: UInt64
    private let operations: [SimulatedOperation]
    private let depth: Int
    private let budget: Int
    private let options: SimulationOptions

    /// The kinds of the history that is crashed unless another one is given: a dozen steps that touch everything.
    package static let standardKinds: [SimulatedOperation.Kind] = [
        .append, .append, .flush, .append, .createTopic, .append, .pause, .append, .deleteTopic, .append, .append,
        .reopen,
        .append,
    ]

    /// Crashes `depth` deep, at most `budget` recoveries; which ones those are follows from `seed` too.
    package init(
        seed: UInt64, kinds: [SimulatedOperation.Kind] = standardKinds, depth: Int = 3, budget: Int = .max,
        options: SimulationOptions = SimulationOptions()
    ) {
        self.seed = seed
        self.depth = depth
        self.budget = budget
        self.options = options
        var generator = SeededGenerator(seed: seed)
        operations = kinds.enumerated().map {
            SimulatedOperation(number: $0.offset, kind: $0.element, seed: generator.next())
        }
    }

    /// A machine that has stopped, and what it had promised.
    private struct Stop {
        let disk: SimulatedDisk
        let topics: [Simulation.TopicModel]
        let leaderEpoch: LeaderEpoch
        let mayBeClean: Bool
        var hadPowerCut = false
        var crashes: [String]
    }

    /// How the disk comes back: killed process or one of several power cuts.
    private static let returns: [(name: String, cut: PowerCut?)] = [
        ("process killed", nil), ("nothing unflushed survives", .nothing), ("everything survives", .everything),
        ("only the first survives", .onlyFirst), ("only the last survives", .onlyLast), ("any of it survives", .drawn),
        ("any of it survives, drawn again", .drawn),
    ]

    /// Tries everything, the shallow first.
    package func run() -> Outcome {
        var outcome = Outcome()
        var seen: Set<Int> = []
        var random = SeededGenerator(seed: seed)
        var frontier = stops(&outcome)
        if outcome.failure != nil { return outcome }
        for level in 0..<depth {
            var next: [Stop] = []
            outcome.recoveries.append(0)
            // A budget takes a sample of every level.
            let share = budget == .max ? .max : budget * (level + 1) / depth
            frontier.shuffle(using: &random)
            search: for stop in frontier {
                for (number, way) in Self.returns.enumerated() {
                    guard outcome.recoveries.reduce(0, +) < share else {
                        outcome.isComplete = false
                        break search
                    }
                    let disk = stop.disk.copy()
                    if let cut = way.cut { disk.restart(cut, seed: UInt64(number)) } else { disk.restartProcess() }
                    var here = stop
                    here.hadPowerCut = stop.hadPowerCut || way.cut != nil
                    here.crashes[here.crashes.count - 1] += ", \(way.name)"
                    guard seen.insert(fingerprint(disk, here)).inserted else {
                        outcome.pruned += 1
                        continue
                    }
                    outcome.recoveries[level] += 1
                    let (calls, failure) = recover(disk.copy(), here)
                    if let failure {
                        outcome.failure = (here.crashes, failure)
                        return outcome
                    }
                    if level + 1 < depth { next += stopsInRecovery(of: disk, here, calls: calls) }
                }
            }
            frontier = next
        }
        return outcome
    }

    /// The history, crashed at each of its calls.
    private func stops(_ outcome: inout Outcome) -> [Stop] {
        func run(crashAt call: Int?) -> Simulation {
            let disk = SimulatedDisk(seed: seed, clock: ManualClock())
            if let call { disk.crash(at: call) }
            let simulation = Simulation(seed: seed, operations, of: operations.count, on: disk, options)
            simulation.runUntilDown(&outcome.failure)
            return simulation
        }
        outcome.crashPoints = run(crashAt: nil).disk.callsCount
        var stops: [Stop] = []
        for call in 0..<outcome.crashPoints where outcome.failure == nil {
            let simulation = run(crashAt: call)
            stops.append(
                Stop(
                    disk: simulation.disk, topics: simulation.topics, leaderEpoch: simulation.leaderEpoch,
                    mayBeClean: simulation.mayBeClean, crashes: ["crash at call \(call), step \(simulation.current)"]))
        }
        return stops
    }

    /// Opens a disk that has come back and checks everything; returns how many calls the opening made.
    private func recover(_ disk: SimulatedDisk, _ stop: Stop) -> (calls: Int, failure: Violation?) {
        let simulation = simulation(disk, stop)
        let before = disk.callsCount
        do {
            let calls = try simulation.loop.run {
                try await simulation.open()
                let calls = disk.callsCount - before
                try await simulation.checkRecovery(afterPowerCut: stop.hadPowerCut, mayBeClean: stop.mayBeClean)
                // It is of use, too: what is appended now is found.
                var random = SeededGenerator(seed: self.seed)
                simulation.current = self.operations.count
                try await simulation.perform(.append, &random)
                try await simulation.perform(.lookAtOffsets, &random)
                return calls
            }
            simulation.letGo()
            return (calls, nil)
        } catch {
            simulation.letGo()
            return (0, error as? Violation ?? Violation("the directory could not be opened again: \(error)"))
        }
    }

    /// The same opening, crashed at each of its calls.
    private func stopsInRecovery(of disk: SimulatedDisk, _ stop: Stop, calls: Int) -> [Stop] {
        (0..<calls).map { call in
            let copy = disk.copy()
            copy.crash(at: copy.callsCount + call)
            let simulation = simulation(copy, stop)
            do { try simulation.loop.run { try await simulation.open() } } catch {}
            copy.crash()
            simulation.letGo()
            return Stop(
                disk: copy, topics: stop.topics, leaderEpoch: stop.leaderEpoch, mayBeClean: stop.mayBeClean,
                hadPowerCut: stop.hadPowerCut, crashes: stop.crashes + ["crash at call \(call) of recovery"])
        }
    }

    private func simulation(_ disk: SimulatedDisk, _ stop: Stop) -> Simulation {
        let simulation = Simulation(seed: seed, [], of: operations.count, on: disk, options)
        (simulation.topics, simulation.leaderEpoch) = (stop.topics, stop.leaderEpoch)
        return simulation
    }

    /// What decides how recovery goes and what it owes.
    private func fingerprint(_ disk: SimulatedDisk, _ stop: Stop) -> Int {
        var hasher = Hasher()
        disk.hashContent(into: &hasher)
        hasher.combine(stop.hadPowerCut)
        hasher.combine(stop.mayBeClean)
        hasher.combine(stop.leaderEpoch)
        for topic in stop.topics {
            hasher.combine(topic.name)
            hasher.combine(topic.isDoubtful)
            for partition in topic.partitions { partition.hashPromises(into: &hasher) }
        }
        return hasher.finalize()
    }
}

extension Simulation {
    /// Runs the history to its end, or to the moment when the machine stops.
    fileprivate func runUntilDown(_ failure: inout (crashes: [String], violation: Violation)?) {
        keepsCrash = true
        do {
            try loop.run {
                try await self.open()
                try await self.createFirstTopic()
                for operation in self.operations where !self.disk.isDown {
                    self.current = operation.number
                    self.loop.reseed(operation.seed)
                    var random = SeededGenerator(seed: operation.seed)
                    self.mayFail = true
                    try await self.perform(operation.kind, &random)
                }
            }
        } catch let violation as Violation where !disk.isDown {
            failure = (["without any crash"], violation)
        } catch {
            // The machine stopped.
        }
        disk.crash()
        letGo()
    }

    /// Lets the process end.
    fileprivate func letGo() {
        daybook = nil
        producers = [:]
        loop.drain(for: .seconds(1))
    }
}

extension PartitionModel {
    /// Everything that a recovery is judged by.
    fileprivate func hashPromises(into hasher: inout Hasher) {
        hasher.combine(durableEnd)
        hasher.combine(writtenEnd)
        hasher.combine(records)
        hasher.combine(doubtful)
    }
}
