// The steps of a history. All of them are drawn before the first one runs, and each carries a seed of its own, so that a
// history from which some have been taken out still means what it meant.

/// One step of a history.
package struct SimulatedOperation: Sendable, Hashable {
    /// What a step does. A new kind needs a weight here and a function in `Simulation+Operations`.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        // What users do.
        case append, appendConcurrently, flush, read, readByTime, lookAtOffsets, attachReader
        case createTopic, alterTopic, deleteTopic, reopen
        case deleteRecords, housekeep, scrub, compact, backUp, restore
        // What the world does.
        case pause, jumpClock, kill, killSoon, cutPower, cutPowerSoon, failCall, failWriteBack, fillDisk, freeDisk
        case rot, rotActiveAndKill
    }

    /// The place in the history as it was drawn.
    package let number: Int
    package let kind: Kind
    /// Decides everything about the step that its kind does not.
    package let seed: UInt64

    /// The first `count` steps that `seed` draws, of the kinds that have a weight.
    package static func history(seed: UInt64, count: Int, weights: Weights) -> [SimulatedOperation] {
        var generator = SeededGenerator(seed: seed)
        let table = Kind.allCases.flatMap { kind in repeatElement(kind, count: weights[kind]) }
        precondition(!table.isEmpty, "a history needs a kind of step that has a weight")
        return (0..<count).map { number in
            SimulatedOperation(
                number: number, kind: table[Int.random(in: 0..<table.count, using: &generator)],
                seed: generator.next())
        }
    }
}

extension SimulatedOperation {
    /// How often each kind of step occurs, in relation to the others.
    package struct Weights: Sendable, Hashable {
        private var weights: [Kind: Int]

        package subscript(kind: Kind) -> Int {
            get { weights[kind] ?? 0 }
            set { weights[kind] = newValue }
        }

        package init(_ weights: [Kind: Int]) { self.weights = weights }

        /// Everything.
        package static let all = Weights([
            .append: 120, .appendConcurrently: 10, .flush: 10, .read: 24, .readByTime: 2, .lookAtOffsets: 16,
            .attachReader: 1, .createTopic: 3, .alterTopic: 2, .deleteTopic: 2, .reopen: 1,
            .deleteRecords: 4, .housekeep: 4, .scrub: 1, .compact: 4, .backUp: 1, .restore: 1, .pause: 10,
            .jumpClock: 1,
            .kill: 1, .killSoon: 1, .cutPower: 1, .cutPowerSoon: 3, .failCall: 3, .failWriteBack: 1,
            .fillDisk: 1, .freeDisk: 2, .rot: 1, .rotActiveAndKill: 1,
        ])

        /// No call fails and no byte rots: power cuts and killed processes only.
        package static let crashes = Weights([
            .append: 60, .appendConcurrently: 6, .flush: 5, .read: 8, .lookAtOffsets: 6, .createTopic: 1,
            .alterTopic: 1, .deleteTopic: 1, .reopen: 1, .deleteRecords: 3, .housekeep: 3, .compact: 2, .backUp: 1,
            .restore: 1, .pause: 6, .kill: 2, .killSoon: 2, .cutPower: 2, .cutPowerSoon: 4,
        ])
    }
}
