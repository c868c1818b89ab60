// Several lives of a service on a simulated disk: producers, transactions, readers and workers at once, on one thread and in
// virtual time, until the process is closed, killed or loses its power; then everything is looked at, and the next life begins.
// What each client does is in `SimulatedClient`; what its history must not show, in `HistoryChecker`.

internal import Daybook
package import DaybookFiles
internal import DaybookModel

/// How lives are simulated.
package struct ClientSimulationOptions: Sendable {
    package var lives = 4
    /// Stands between the engine and the disk: a broken variant of either.
    package var sabotage: (@Sendable (any FileSystem) -> any FileSystem)?
    package var mistake: ClientMistake?
    package init() {}
}

/// A mistake that clients can make, and that their history must show.
package enum ClientMistake: String, Sendable, CaseIterable {
    /// Readers take what is not committed.
    case readsUncommitted
    /// Workers write results and commit offsets one after the other.
    case commitsApart
}

/// A seeded simulation of clients: the same seed, the same history.
package struct ClientSimulation {
    private let seed: UInt64
    private let options: ClientSimulationOptions
    private let disk: SimulatedDisk
    private let recorder = HistoryRecorder(processingGroups: ["copying", "billing"])

    package init(seed: UInt64, options: ClientSimulationOptions = ClientSimulationOptions()) {
        self.seed = seed
        self.options = options
        disk = SimulatedDisk(seed: seed, clock: ManualClock())
    }

    /// Runs all lives; ends early where the directory cannot be opened.
    package func run() -> ClientSimulationOutcome {
        var generator = SeededGenerator(seed: seed)
        do {
            try prepare(&generator)
            for _ in 0..<options.lives where recorder.failures.isEmpty {
                try live(&generator)
                try audit(&generator)
            }
        } catch {
            recorder.noteFailure("\(error)")
        }
        return ClientSimulationOutcome(
            seed: seed, history: recorder.history, refusals: recorder.refusals, failures: recorder.failures,
            calls: disk.callsCount)
    }

    // MARK: lives

    private func prepare(_ generator: inout SeededGenerator) throws {
        try inProcess(&generator) { daybook, _ in
            for (name, count) in SimulatedClient.topics { try await daybook.createTopic(name, partitions: count) }
            try await daybook.close()
        }
    }

    /// Opens the directory in a process of its own.
    private func inProcess<R: Sendable>(
        _ generator: inout SeededGenerator, _ body: @escaping @Sendable (Daybook, SimulationLoop) async throws -> R
    ) throws -> R {
        let loop = SimulationLoop(clock: disk.clock, seed: generator.next())
        var configuration = Configuration(ioThreads: 2).with(disk: disk)
        if let sabotage = options.sabotage { configuration.fileSystem = sabotage(configuration.fileSystem) }
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        configuration.internalTopicPartitions = 2
        configuration.makeTopicID = { recorder.newTopicID() }
        let settings = configuration
        return try loop.run { try await body(try await Daybook.open("/data", configuration: settings), loop) }
    }

    private func live(_ generator: inout SeededGenerator) throws {
        let deaths = ClientHistory.Death.allCases
        let death = deaths[Int.random(in: 0..<deaths.count, using: &generator)]
        if death != .closed { crashSoon(within: 700, &generator) }
        let clientSeed = generator.next()
        do {
            try inProcess(&generator) { daybook, loop in
                await self.runClients(daybook, loop, clientSeed)
                if death == .closed { try await daybook.close() } else { self.disk.crash() }
            }
        } catch  where disk.isDown {
            // Of opening, or of nothing that a client has not been told.
        }
        die(death)
    }

    private func crashSoon(within calls: Int, _ generator: inout SeededGenerator) {
        disk.crash(at: disk.callsCount + Int.random(in: 1...calls, using: &generator))
    }

    private func die(_ death: ClientHistory.Death) {
        switch death {
        case .closed: break
        case .killed: disk.restartProcess()
        case .powerCut: disk.restart(.drawn)
        }
        recorder.note(.died(death))
    }

    private func runClients(_ daybook: Daybook, _ loop: SimulationLoop, _ seed: UInt64) async {
        let roles: [SimulatedClient.Role] = [
            .sender, .sender, .transactions(id: "payments"), .transactions(id: "payments"),
            .transactions(id: "returns"),
            .reader(group: "first reader"), .reader(group: "second reader"), .worker(group: "copying"),
            .worker(group: "copying"), .worker(group: "billing"),
        ]
        await withTaskGroup(of: Void.self) { group in
            for (number, role) in roles.enumerated() {
                var client = SimulatedClient(
                    role: role, daybook: daybook, disk: disk, loop: loop, recorder: recorder, mistake: options.mistake,
                    generator: SeededGenerator(seed: seed &+ UInt64(number)))
                group.addTask { await client.run() }
            }
        }
    }

    // MARK: looking at everything

    /// Opens the directory, perhaps after crashes in the midst of that, and looks at all there is.
    private func audit(_ generator: inout SeededGenerator) throws {
        for attempt in 0... {
            if attempt < 3, Int.random(in: 0..<3, using: &generator) == 0 { crashSoon(within: 150, &generator) }
            let death: ClientHistory.Death = Bool.random(using: &generator) ? .closed : .killed
            do {
                let audit = try inProcess(&generator) { daybook, _ in
                    let audit = try await self.look(daybook)
                    // The disk may have gone in the midst of opening, whose flushes have then failed: the daybook is open, and
                    // shows nothing that it does not know to be durable.
                    if self.disk.isDown { throw DiskWentDown() }
                    if death == .closed { try await daybook.close() } else { self.disk.crash() }
                    return audit
                }
                recorder.note(.audited(audit))
                return die(death)
            } catch  where disk.isDown {
                die(Bool.random(using: &generator) ? .killed : .powerCut)
            }
        }
    }

    private func look(_ daybook: Daybook) async throws -> ClientHistory.Audit {
        var audit = ClientHistory.Audit()
        for (name, _) in SimulatedClient.topics {
            for partition in try SimulatedClient.partitions(of: name) {
                audit.views[partition] = try await CommittedView(of: partition, in: daybook).handed
            }
        }
        for group in ["first reader", "second reader", "copying", "billing"] {
            audit.places[group] = try await daybook.committedOffsets(group: group).mapValues(\.offset)
        }
        return audit
    }
}

/// What was seen counts for nothing: it was the last of a process whose machine was dying.
private struct DiskWentDown: Error {}
