// The power goes at any call while transactions are written, segments are rolled, flushed and deleted, and again in the
// recovery that follows: producers, open transactions and the last stable offset are those of the records that are left.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Producers and power cuts")
struct ProducerPowerCutTests {
    /// A log on a simulated disk, and what was done to it: the same whenever it is done again.
    private final class Stage {
        private let base: PowerCutStage
        private(set) var model = TransactionModel()
        private(set) var durable = Offset.zero

        init(seed: UInt64) throws { base = try PowerCutStage(seed: seed, segmentBytes: .bytes(350)) }

        var clock: ManualClock { base.clock }
        var disk: SimulatedDisk { base.disk }

        func open(durable: Offset) throws -> (log: PartitionLog, report: PartitionRecovery) {
            try base.open(durable: durable)
        }

        func run() throws {
            let log = try open(durable: .zero).log
            var sequences: [Int64: Int32] = [:]
            for round in 0..<12 {
                let id = Int64(round % 3 + 1)
                let sequence = sequences[id, default: 0]
                let isTransactional = id != 3
                let result = try log.send(
                    Sender(id: id, sequence: sequence), count: 2, isTransactional: isTransactional, clock: clock)
                model.note(result, producer: id, isTransactional: isTransactional, log)
                sequences[id] = sequence + 2
                if round % 4 == 3 {
                    let kind: ControlRecord.Kind = round % 8 == 3 ? .abort : .commit
                    for id in Int64(1)...2 {
                        if let end = try log.end(kind, id, clock: clock) { model.note(end, kind, producer: id, log) }
                    }
                }
                if round % 2 == 1 {
                    try log.flush()
                    durable = log.recoveryPoint
                }
                if round == 7 {
                    try log.raiseLogStart(to: log.segments[2].baseOffset)
                    try log.saveCheckpoint()
                    model.logStart = log.logStartOffset
                    let expired = try log.takeExpiredSegments()
                    try expired.remove()
                    log.noteRemoved(expired)
                }
            }
        }
    }

    @Test(arguments: [PowerCut.drawn, .nothing, .everything, .onlyFirst, .onlyLast], [1, 2] as [UInt64])
    func `C17 C56 a power cut at any call leaves the state of what is left`(cut: PowerCut, seed: UInt64) throws {
        let whole = try Stage(seed: seed)
        let first = whole.disk.callsCount
        try whole.run()
        let count = whole.disk.callsCount - first
        #expect(count > 60)
        var exact = 0
        for call in 0..<count {
            let stage = try Stage(seed: seed &+ UInt64(call))
            stage.disk.crash(at: first + call)
            // The last call may be one whose failure a log bears.
            do { try stage.run() } catch {}
            stage.disk.restart(cut, seed: seed &+ UInt64(call))
            stage.disk.crash(at: stage.disk.callsCount + call % 29)
            let interrupted = try? stage.open(durable: stage.durable)
            if interrupted == nil { stage.disk.restart(cut, seed: seed &+ UInt64(call) &* 31) }
            stage.disk.crash(at: .max)
            let (log, report) = try interrupted ?? stage.open(durable: stage.durable)
            let comment: Comment = "\(cut) at call \(call), seed \(seed)"
            #expect(log.logEndOffset >= stage.durable, comment)
            if report.damage.isEmpty, report.missing.isEmpty {
                var model = whole.model
                model.cut(to: log.logEndOffset)
                model.logStart = log.logStartOffset
                model.check(log, comment)
                exact += 1
            } else {
                // What was not durable may be lost before what is there: then nobody knows what was in it.
                #expect(
                    (report.damage.map(\.damage.offsets) + report.missing).allSatisfy { $0.lowerBound >= stage.durable }
                )
            }
            if interrupted != nil { continue }
            // Whatever was open goes on, and ends once.
            for open in log.openTransactions {
                let end = try #require(try log.end(.abort, open.producer.rawValue, clock: stage.clock))
                #expect(end.firstOffset == open.firstOffset, comment)
            }
            try log.flush()
            #expect(log.lastStableOffset == log.logEndOffset && log.openTransactions.isEmpty, comment)
        }
        #expect(exact > count * 3 / 4)
    }
}
