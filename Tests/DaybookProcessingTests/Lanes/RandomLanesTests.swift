// Groups whose events succeed, fail, vanish and are redriven at random, with restarts at random moments: whatever happens, the
// order of each key is kept, no effect happens twice, and what a restart folds is what was there.

import DaybookModel
import DaybookTesting
import Testing

@testable import DaybookProcessing

@Suite("Random lanes")
struct RandomLanesTests {
    @Test(arguments: [EffectRule.runsAgain, .sameKey(window: 1 << 40, canProbe: false), .probes(settle: 50), .never])
    func `order and effects survive whatever happens`(effect: EffectRule) throws {
        for seed in UInt64(0)..<100 {
            var random = SeededGenerator(seed: seed)
            let downstream = Downstream(
                "t", concurrency: 3, breaker: BreakerPolicy(threshold: 4, openDuration: .milliseconds(100)),
                retries: RetryPolicy(base: .milliseconds(20), maximumAttempts: 4), retryFloor: 1000,
                timeout: .milliseconds(500))
            var stage = try LaneStage(effect, downstream: downstream, gate: seed % 2 == 0 ? RevisionGate() : nil)
            var world = World(knowsKeys: effect == .runsAgain || effect != .never && !effect.needsIntent)
            var revisions: [String: Int64] = [:]
            var redrives = 0
            for _ in 0..<150 {
                switch Int.random(in: 0..<20, using: &random) {
                case 0..<6:
                    let key = "k\(Int.random(in: 0..<4, using: &random))"
                    revisions[key, default: 0] += 1
                    let revision = revisions[key] ?? 0
                    let isAgain = revision > 1 && Bool.random(using: &random)
                    let told = isAgain ? revision - 1 : revision
                    if isAgain { revisions[key] = revision - 1 }
                    try stage.send(key, "\(key)#\(told)", revision: told)
                case 6..<16:
                    guard let attempt = stage.running.randomElement(using: &random) else { break }
                    let sent = stage.log[Int(attempt.place.offset.rawValue)]
                    let outcome = world.outcome(sent, attempt, &random)
                    try stage.end(attempt.place.offset, outcome)
                case 16, 17: try stage.pass(.milliseconds(Int.random(in: 1..<300, using: &random)))
                case 18:
                    // Who redrives what nobody can look up takes it upon himself: that is no promise of the machine's.
                    let dead = stage.machine.state.events.filter {
                        if case .dead(let reason) = $0.value.status {
                            effect != .never || reason != .unknown
                        } else {
                            false
                        }
                    }
                    guard let place = dead.keys.sorted().randomElement(using: &random) else { break }
                    redrives += 1
                    try stage.operate(try stage.machine.redrive(id: "r\(redrives)", [place], by: "", note: ""))
                default:
                    // What was under way may have had its effect, and nobody heard of it.
                    for attempt in stage.running where Bool.random(using: &random) {
                        _ = world.outcome(stage.log[Int(attempt.place.offset.rawValue)], attempt, &random)
                    }
                    try stage.restart()
                }
                let lanes = stage.running.map { stage.log[Int($0.place.offset.rawValue)].key }
                #expect(Set(lanes).count == lanes.count, "two of a key are under way, seed \(seed)")
            }
            expectSame(try stage.folded(), stage.machine.state)
            expectSame(try stage.folded(snapshotAfter: stage.pages.count / 2), stage.machine.state)
            #expect(world.repeated == [], "seed \(seed)")
            #expect(world.overtaken == [], "seed \(seed)")
        }
    }

    /// What outside systems saw.
    private struct World {
        let knowsKeys: Bool
        var done: Set<String> = []
        var revisions: [String: Int64] = [:]
        var repeated: [String] = []
        var overtaken: [String] = []

        mutating func outcome(
            _ sent: LaneStage.Sent, _ attempt: Attempt, _ random: inout SeededGenerator
        ) -> AttemptOutcome {
            let note = FailureNote(type: "T", text: "")
            if attempt.isProbe {
                if Int.random(in: 0..<4, using: &random) == 0 { return .unanswered(note) }
                return done.contains(sent.effect) ? .found(reference: nil) : .absent
            }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: return .failed(.retry, note)
            case 1: return .failed(.permanent, note)
            case 2: return .failed(.unknown, note)
            default: break
            }
            if done.contains(sent.effect) {
                if knowsKeys { return .succeeded(reference: nil, isAdopted: true) }
                repeated.append(sent.effect)
            }
            done.insert(sent.effect)
            let last = revisions[sent.key] ?? 0
            if let revision = sent.revision {
                if revision < last { overtaken.append(sent.effect) }
                revisions[sent.key] = max(last, revision)
            }
            // The answer may be lost.
            return Int.random(in: 0..<6, using: &random) == 0
                ? .failed(.unknown, note) : .succeeded(reference: nil, isAdopted: attempt.isInDoubt)
        }
    }
}
