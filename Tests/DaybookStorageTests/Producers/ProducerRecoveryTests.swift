// The producers and transactions of a log are the same after it is opened again: whatever became of its sidecars, of its
// oldest segments and of what was not durable. Random histories against a model; a seed names each.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Producers after a restart")
struct ProducerRecoveryTests {
    /// A log and what it should know.
    private struct History {
        var stage: LogStage
        var log: PartitionLog
        var model = TransactionModel()
        var random: SeededGenerator
        /// The next sequence number and the epoch of each producer.
        var senders: [Int64: Sender] = [:]

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            stage = try LogStage()
            stage.configuration.segmentBytes = .bytes([250, 700, 3000][Int(seed % 3)])
            log = try stage.open().log
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func append() throws {
            stage.clock.advance(by: .milliseconds(number(0...5)))
            let id = Int64(number(0...4))
            if id == 0 {
                let result = try log.append(try Batch.make(number(1...3), of: 9, mark: 5), now: stage.clock.now())
                return model.note(result, producer: nil, isTransactional: false, log)
            }
            let sender = senders[id] ?? Sender(id: id, sequence: Int32.max - 20)
            let count = number(1...3)
            let isOpen = log.openTransactions.contains { $0.producer.rawValue == id }
            let isTransactional = isOpen || number(0...1) == 0
            let result = try log.send(sender, count: count, isTransactional: isTransactional, clock: stage.clock)
            #expect(!result.isDuplicate && result.baseOffset == model.end)
            model.note(result, producer: id, isTransactional: isTransactional, log)
            senders[id] = sender
            senders[id]?.sequence = SequenceNumber.advance(sender.sequence, by: Int32(count))
        }

        mutating func end() throws {
            let id = Int64(number(1...4))
            guard var sender = senders[id] else { return }
            let kind: ControlRecord.Kind = number(0...1) == 0 ? .commit : .abort
            if number(0...3) == 0 { (sender.epoch, sender.sequence) = (sender.epoch + 1, 0) }
            let end = try log.end(kind, id, epoch: sender.epoch, clock: stage.clock)
            senders[id] = sender
            if let end { model.note(end, kind, producer: id, log) }
        }

        /// C57: the last batch of a producer is answered, whatever happened since.
        mutating func `repeat`() throws {
            let id = Int64(number(1...4))
            guard let state = log.producers[ProducerID(rawValue: id)], state.batches.count > 0 else { return }
            let original = state.batches[number(0...state.batches.count - 1)]
            let result = try log.send(
                Sender(id: id, epoch: state.epoch, sequence: original.baseSequence),
                count: Int(original.lastDelta) + 1, isTransactional: number(0...1) == 0, clock: stage.clock)
            #expect(result.isDuplicate && result.baseOffset == original.baseOffset)
        }

        mutating func delete() throws {
            guard log.recoveryPoint > .zero else { return }
            try log.raiseLogStart(to: Offset(Int64(number(0...Int(log.recoveryPoint.rawValue)))))
            model.logStart = log.logStartOffset
            try log.saveCheckpoint()
            let expired = try log.takeExpiredSegments()
            if number(0...2) == 0 { return }
            try expired.remove()
            log.noteRemoved(expired)
        }

        mutating func reopen() throws {
            var before = LogStage.Before.clean
            let durable = log.recoveryPoint
            let known = log.producers
            switch number(0...3) {
            case 0:
                try log.flush()
                try log.close()
            case 1: before = .killed
            default: before = .durable(durable)
            }
            if !before.wasClosedCleanly {
                if number(0...2) == 0 { try loseTail(behind: durable) }
                if number(0...3) == 0 { try loseSidecars() }
            }
            if number(0...3) == 0 {
                var readOnly = before
                readOnly.isReadOnly = true
                let log = try stage.open(readOnly).log
                model.cut(to: log.logEndOffset)
                check(log)
            }
            log = try stage.open(before, epoch: 1).log
            if before.wasClosedCleanly { #expect(log.producers == known, "with all append times") }
            #expect(log.logEndOffset >= durable)
            model.cut(to: log.logEndOffset)
            for state in log.producers.sorted {
                let next = state.batches.last.map { SequenceNumber.advance($0.lastSequence, by: 1) } ?? 0
                senders[state.id.rawValue] = Sender(id: state.id.rawValue, epoch: state.epoch, sequence: next)
            }
            for id in senders.keys where log.producers[ProducerID(rawValue: id)] == nil { senders[id] = nil }
        }

        /// A part of what is not durable goes, at any byte.
        private mutating func loseTail(behind durable: Offset) throws {
            // What an earlier life of the log wrote is flushed from an earlier place on than it need be.
            guard let active = log.segments.last(where: { !$0.facts.isEmpty }), active.hasUnflushedBytes,
                active.inherited == nil
            else { return }
            let path = stage.log(active.baseOffset.rawValue)
            let count = number(active.flushedSize.rawValue...active.size.rawValue)
            try Disk.truncate(path, to: count)
        }

        /// C16: what sidecars tell is found out in another way.
        private mutating func loseSidecars() throws {
            for segment in log.segments where number(0...1) == 0 {
                let path = stage.sidecar(segment.baseOffset.rawValue)
                if try PosixFileSystem().exists(path) { try Disk.remove(path) }
            }
        }

        func check(_ log: PartitionLog? = nil) { model.check(log ?? self.log) }

        mutating func step() throws {
            switch number(0...19) {
            case 0...8: try append()
            case 9...11: try end()
            case 12...13: try self.repeat()
            case 14...15: try log.flush()
            case 16: try delete()
            default: try reopen()
            }
            check()
        }
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `C16 C17 C56 C57 the state is exact after every kind of open`(seed: UInt64) throws {
        var history = try History(seed: seed)
        for _ in 0..<150 { try history.step() }
    }

    @Test func `C17 C56 a producer is known although all its records are deleted and the log is empty`() throws {
        let stage = try LogStage()
        var log = try stage.open(epoch: 1).log
        let last = try log.send(Sender(id: 7, epoch: 3, sequence: 0), count: 4, clock: stage.clock)
        try log.fill(20, clock: stage.clock)
        for round in 0..<2 {
            try log.raiseLogStart(to: log.logEndOffset)
            try log.saveCheckpoint()
            let expired = try log.takeExpiredSegments()
            try expired.remove()
            log.noteRemoved(expired)
            #expect(log.segments.count == 1 && log.activeSegment.facts.isEmpty)
            if round == 0 { try log.close() }
            log = try stage.open(round == 0 ? .clean : .unknown).log
            let again = try log.send(Sender(id: 7, epoch: 3, sequence: 0), count: 4, clock: stage.clock)
            #expect(again.isDuplicate && again.baseOffset == last.baseOffset, "round \(round)")
            stage.clock.advance(by: .seconds(8 * 24 * 3600))
            try log.fill(1, clock: stage.clock)
        }
        try log.send(Sender(id: 7, epoch: 3, sequence: 4), clock: stage.clock)
        #expect(throws: StorageError.self) { try log.send(Sender(id: 7, epoch: 2), clock: stage.clock) }
    }

    @Test func `files of segments stay while no checkpoint on disk knows their producers`() throws {
        let stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        try log.send(Sender(id: 7), clock: stage.clock)
        try log.fill(20, clock: stage.clock)
        #expect(log.segments.count > 2)
        try log.raiseLogStart(to: log.segments[2].baseOffset)
        #expect(!log.isDeletionSaved)
        #expect(try log.takeExpiredSegments().isEmpty)
        try log.saveCheckpoint()
        #expect(log.isDeletionSaved)
        #expect(try log.takeExpiredSegments().count == 2)
    }

    @Test func `C56 a checkpoint that is damaged costs no producer that a sidecar knows`() throws {
        let stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        try log.send(Sender(id: 7), clock: stage.clock)
        try log.fill(20, clock: stage.clock)
        try log.raiseLogStart(to: log.segments[1].baseOffset)
        try log.saveCheckpoint()
        let expired = try log.takeExpiredSegments()
        try expired.remove()
        let table = log.producers
        let path = stage.directory.appending(PartitionCheckpoint.fileName)
        var bytes = try Disk.read(path)
        // Both copies.
        for place in [20, bytes.count / 2 + 20] { bytes[place] ^= 1 }
        try Disk.write(bytes, to: path)
        let (again, report) = try stage.open(.killed)
        #expect(report.checkpointDamage == .everything && again.producers == table)
    }

    @Test func `C16 C17 one lost sidecar costs the scan of its segment, and the state is what it was`() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(400)
        let log = try stage.open(epoch: 1).log
        try log.send(Sender(id: 7), isTransactional: true, clock: stage.clock)
        for sequence in Int32(0)..<40 { try log.send(Sender(id: 8, sequence: sequence), clock: stage.clock) }
        try log.end(.abort, 7, clock: stage.clock)
        try log.flush()
        try log.close()
        let table = log.producers
        #expect(log.segments.count > 5)
        for segment in log.segments {
            let files = try stage.snapshot()
            try Disk.remove(stage.sidecar(segment.baseOffset.rawValue))
            let (again, report) = try stage.open(.clean)
            #expect(again.producers.sorted.map(\.withoutTimes) == table.sorted.map(\.withoutTimes))
            #expect(report.scannedBytes == segment.size.rawValue)
            #expect(again.segments.map(\.facts.abortedCount) == log.segments.map(\.facts.abortedCount))
            try stage.restore(files)
        }
    }
}
