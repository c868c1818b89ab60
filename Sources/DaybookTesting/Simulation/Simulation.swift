// A history run against the real engine on a simulated disk, in virtual time, on one thread: the same seed, the same run
// to the last byte. What the steps do is in `Simulation+Operations`, what is checked after a crash in `Simulation+Recovery`.

internal import Daybook
package import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// How a history is run.
package struct SimulationOptions: Sendable {
    package var weights = SimulatedOperation.Weights.all
    /// Which steps of the history to take; nil: all. To look closer at a failure.
    package var only: Set<Int>?
    /// Stands between the engine and the disk: a broken variant of either.
    package var sabotage: (@Sendable (any FileSystem) -> any FileSystem)?
    /// Whether every step leaves a line that says what it did.
    package var transcribes = false
    package init() {}
}

/// One history.
///
/// Safety: everything is touched by the loop's thread only, and that is the thread that calls `run`.
package final class Simulation: @unchecked Sendable {
    static let directory = "/data"

    let seed: UInt64
    let options: SimulationOptions
    let stepsCount: Int
    let operations: [SimulatedOperation]
    let clock: ManualClock
    let loop: SimulationLoop
    let disk: SimulatedDisk
    var outcome: SimulationOutcome
    var daybook: Daybook?
    var producers: [ProducerKind: Producer] = [:]
    /// In the order of their creation.
    var topics: [TopicModel] = []
    /// How the process is to end, once a crash that was set for later has come.
    var pendingCrash = Crash.powerCut
    /// Something has been done to this incarnation that may make calls fail.
    var mayFail = false
    var topicsCount: UInt64 = 0
    /// What backups hold that were made and are there still, the newest last.
    var snapshots: [SnapshotModel] = []
    var leaderEpoch = LeaderEpoch.zero
    /// The directory was closed properly, or never used, and no process has got hold of it since.
    var mayBeClean = true
    /// A crash that was set stays set, whatever the history does.
    var keepsCrash = false
    /// The step under way.
    var current = -1

    /// The ways in which a process ends without closing.
    enum Crash: String {
        /// The process is killed: what it wrote stays in the page cache.
        case kill
        /// The machine goes: only what was flushed is sure to stay.
        case powerCut
    }

    /// A topic as it ought to be.
    struct TopicModel: Sendable {
        let name: String
        /// Tells it from others of the same name.
        let id: UInt64
        var partitions: [PartitionModel]
        /// Its creation or its deletion was not answered for: the next recovery tells.
        var isDoubtful = false
        /// Retention may delete its oldest records.
        var isRetained = false
        /// Invisible to users of this incarnation.
        var isHidden = false
        /// What may be there in its place, where attempts to create it anew were not answered for.
        var others: [TopicModel] = []
    }

    /// What tells producers apart.
    struct ProducerKind: Hashable {
        let durability: Durability
        let codec: Int
        let batchSize: Int

        var order: String { "\(durability.rawValue) \(codec) \(batchSize)" }
    }

    /// A history of `steps` steps drawn from `seed`.
    package convenience init(seed: UInt64, steps: Int, options: SimulationOptions = SimulationOptions()) {
        let all = SimulatedOperation.history(seed: seed, count: steps, weights: options.weights)
        let chosen = options.only.map { only in all.filter { only.contains($0.number) } } ?? all
        let disk = SimulatedDisk(seed: seed, clock: ManualClock())
        self.init(seed: seed, chosen, of: steps, on: disk, options)
    }

    /// The given steps, of a history of `count`, on a disk that may have something on it already.
    init(
        seed: UInt64, _ operations: [SimulatedOperation], of count: Int, on disk: SimulatedDisk,
        _ options: SimulationOptions
    ) {
        self.seed = seed
        self.options = options
        self.operations = operations
        self.disk = disk
        stepsCount = count
        clock = disk.clock
        loop = SimulationLoop(clock: clock, seed: seed)
        outcome = SimulationOutcome(seed: seed)
    }

    /// Runs the history; ends early at a promise that was not kept.
    package func run() -> SimulationOutcome {
        do {
            try loop.run { try await self.runAll() }
        } catch {
            outcome.failure = (max(0, current), error as? Violation ?? Violation("\(error)"))
        }
        loop.drain(for: .seconds(1))
        outcome.report.histories = 1
        outcome.report.calls = disk.callsCount
        outcome.report.coverage = disk.coverage
        return outcome
    }

    private func runAll() async throws {
        try await open()
        try await createFirstTopic()
        for operation in operations {
            current = operation.number
            outcome.report.steps += 1
            outcome.report.operations[operation.kind, default: 0] += 1
            var random = SeededGenerator(seed: operation.seed)
            // Whatever was taken out before it, a step goes as it went.
            loop.reseed(operation.seed)
            let before = mayFail ? disk.coverage : nil
            try await perform(operation.kind, &random)
            if disk.isDown { try await recover(from: pendingCrash, &random) }
            if let before { outcome.report.cover(operation.kind, disk.coverage, since: before) }
        }
        current = stepsCount
        var random = SeededGenerator(seed: seed)
        note("at the end")
        try await recover(from: .powerCut, &random)
        daybook = nil
        producers = [:]
    }

    /// Adds a line to the transcript.
    func note(_ text: @autoclosure () -> String) {
        if options.transcribes { outcome.transcript.append("\(current): \(text())") }
    }

    // MARK: the engine

    func configuration(_ access: Configuration.Access = .readWrite) -> Configuration {
        var configuration = Configuration(access: access, ioThreads: 2).with(disk: disk)
        if let sabotage = options.sabotage { configuration.fileSystem = sabotage(configuration.fileSystem) }
        configuration.executor = loop
        // Passes come when the history says so.
        configuration.housekeeping.isAutomatic = false
        configuration.makeTopicID = {
            self.topicsCount += 1
            return self.topicsCount
        }
        return configuration
    }

    func open() async throws {
        daybook = try await Daybook.open(Self.directory, configuration: configuration())
        mayBeClean = false
    }

    func createFirstTopic() async throws {
        var random = SeededGenerator(seed: seed)
        try await createTopic(named: "orders", &random)
    }

    /// The open daybook.
    func engine() throws -> Daybook {
        guard let daybook else { throw Violation("the history goes on although the directory could not be opened") }
        return daybook
    }

    /// The producer of a kind, made when it is first wanted.
    func producer(_ kind: ProducerKind) throws -> Producer {
        if let producer = producers[kind] { return producer }
        var configuration = ProducerConfiguration(
            batchSize: .bytes(kind.batchSize), linger: .milliseconds(1), durability: kind.durability)
        configuration.compression = [.none, .lz4(), .zstd()][kind.codec]
        let producer = try engine().makeProducer(configuration)
        producers[kind] = producer
        return producer
    }

    /// Lets an error pass where something was done that explains it; otherwise it is a violation.
    func tolerate(_ error: any Error, while doing: @autoclosure () -> String) throws {
        if let violation = error as? Violation { throw violation }
        guard mayFail || disk.isDown else {
            throw Violation("\(doing()) failed although every call succeeded: \(error)")
        }
        note("failed: \(error)")
    }
}
