// The rules by which a partition takes the batches of identified producers, one by one and against a model that remembers
// everything.

import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Producer state table")
struct ProducerStateTableTests {
    private let limits = ProducerLimits()

    private func header(
        _ id: Int64 = 1, epoch: Int16 = 0, sequence: Int32, count: Int32 = 1, at offset: Int64 = 0,
        isTransactional: Bool = false
    ) -> BatchHeader {
        var header = BatchHeader(
            attributes: isTransactional ? BatchAttributes.transactional : 0, lastOffsetDelta: count - 1,
            baseTimestamp: .none, maxTimestamp: .none,
            producer: ProducerIdentity(id: ProducerID(rawValue: id), epoch: epoch, baseSequence: sequence),
            recordsCount: count, batchSize: 100)
        header.baseOffset = Offset(offset)
        return header
    }

    private func note(_ table: inout ProducerStateTable, _ header: BatchHeader, time: Int64 = 0) {
        table.note(header, appendTime: Timestamp(milliseconds: time), limits)
    }

    private enum Answer: Equatable {
        case accepted
        case original(Offset)
        case outOfOrder(expected: Int32)
        case tooOld(expected: Int32)
        case fenced(current: Int16)
        case other
    }

    private func ask(_ table: inout ProducerStateTable, _ header: BatchHeader) -> Answer {
        do throws(StorageError) {
            return try table.check(header).map { .original($0.baseOffset) } ?? .accepted
        } catch {
            switch error {
            case .outOfOrderSequence(_, let expected, _): return .outOfOrder(expected: expected)
            case .duplicateSequence(_, let expected, _): return .tooOld(expected: expected)
            case .producerFenced(_, _, let current): return .fenced(current: current)
            default: return .other
            }
        }
    }

    @Test func `of an unknown producer every batch is taken`() {
        var table = ProducerStateTable()
        #expect(ask(&table, header(sequence: 0)) == .accepted)
        #expect(ask(&table, header(sequence: 4711)) == .accepted)
        #expect(ask(&table, header(sequence: -1)) == .other, "but not one without a sequence number")
    }

    @Test func `C57 each of the last five batches is answered with its own offset, the sixth with an error`() {
        var table = ProducerStateTable()
        for index in Int32(0)..<8 {
            note(&table, header(sequence: index * 10, count: 10, at: 100 + Int64(index) * 20))
        }
        for index in Int32(3)..<8 {
            #expect(
                ask(&table, header(sequence: index * 10, count: 10)) == .original(Offset(100 + Int64(index) * 20)))
        }
        for index in Int32(0)..<3 {
            #expect(ask(&table, header(sequence: index * 10, count: 10)) == .tooOld(expected: 80))
        }
        #expect(ask(&table, header(sequence: 80)) == .accepted)
        #expect(ask(&table, header(sequence: 81)) == .outOfOrder(expected: 80))
        #expect(ask(&table, header(sequence: 70, count: 11)) == .outOfOrder(expected: 80), "half known, half new")
        #expect(ask(&table, header(sequence: 60, count: 20)) == .tooOld(expected: 80), "two batches sent as one")
    }

    @Test func `sequence numbers begin again at zero behind the largest one`() {
        var table = ProducerStateTable()
        note(&table, header(sequence: .max - 2, count: 2))
        #expect(ask(&table, header(sequence: .max)) == .accepted)
        #expect(ask(&table, header(sequence: 0)) == .outOfOrder(expected: .max))
        note(&table, header(sequence: .max, count: 3, at: 2))
        #expect(ask(&table, header(sequence: 2)) == .accepted)
        #expect(ask(&table, header(sequence: .max, count: 3)) == .original(2))
        #expect(ask(&table, header(sequence: .max - 2, count: 2)) == .original(0))
        #expect(ask(&table, header(sequence: .max - 9, count: 2)) == .tooOld(expected: 2))
        #expect(ask(&table, header(sequence: 3)) == .outOfOrder(expected: 2))
    }

    @Test func `a new epoch begins at sequence zero and fences the one before`() {
        var table = ProducerStateTable()
        note(&table, header(epoch: 3, sequence: 0))
        #expect(ask(&table, header(epoch: 4, sequence: 1)) == .outOfOrder(expected: 0))
        #expect(ask(&table, header(epoch: 4, sequence: 0)) == .accepted)
        note(&table, header(epoch: 4, sequence: 0, at: 1))
        #expect(ask(&table, header(epoch: 3, sequence: 1)) == .fenced(current: 4))
        #expect(ask(&table, header(epoch: 3, sequence: 0)) == .fenced(current: 4), "a repetition as well")
        #expect(ask(&table, header(epoch: 4, sequence: 0)) == .original(1))
    }

    @Test func `a marker raises the epoch and knows no sequence`() {
        var table = ProducerStateTable()
        let marker = ControlRecord(kind: .abort, coordinatorEpoch: 5)
        note(&table, header(sequence: 0))
        let ended = table.end(
            ProducerID(rawValue: 1), epoch: 1, marker, at: 1, appendTime: Timestamp(milliseconds: 9), limits)
        #expect(ended == nil && table[ProducerID(rawValue: 1)]?.coordinatorEpoch == 5)
        #expect(ask(&table, header(sequence: 1)) == .fenced(current: 1))
        #expect(ask(&table, header(epoch: 1, sequence: 1)) == .outOfOrder(expected: 0))
        #expect(ask(&table, header(epoch: 1, sequence: 0)) == .accepted)
        // With the epoch as it was the sequence goes on.
        note(&table, header(epoch: 1, sequence: 0, at: 2))
        _ = table.end(ProducerID(rawValue: 1), epoch: 1, marker, at: 3, appendTime: .none, limits)
        #expect(ask(&table, header(epoch: 1, sequence: 0)) == .original(2))
        #expect(ask(&table, header(epoch: 1, sequence: 1)) == .accepted)
    }

    @Test func `transactions open at their first batch and are known in the order of their beginnings`() {
        var table = ProducerStateTable()
        note(&table, header(1, sequence: 0, at: 10, isTransactional: true))
        note(&table, header(2, sequence: 0, at: 11, isTransactional: true))
        note(&table, header(3, sequence: 0, at: 12))
        note(&table, header(1, sequence: 1, at: 13, isTransactional: true), time: 5)
        #expect(table.openTransactions.map(\.firstOffset) == [10, 11] && table.firstOpenOffset == 10)
        #expect(table.openTransactions.map(\.lastTime.rawValue) == [5, 0])
        #expect(throws: StorageError.self) { try table.check(header(1, sequence: 2)) }
        #expect(ask(&table, header(1, sequence: 2, isTransactional: true)) == .accepted)
        let marker = ControlRecord(kind: .commit, coordinatorEpoch: 0)
        let ended = table.end(ProducerID(rawValue: 1), epoch: 0, marker, at: 14, appendTime: .none, limits)
        #expect(ended?.producer == ProducerID(rawValue: 1) && ended?.kind == .commit)
        #expect(ended?.firstOffset == 10 && ended?.markerOffset == 14)
        #expect(table.firstOpenOffset == 11)
        #expect(ask(&table, header(1, sequence: 2)) == .accepted)
    }

    @Test func `C56 only producers in excess that were silent for a week are forgotten, none with an open transaction`()
    {
        let limits = ProducerLimits(maximum: 100, expiration: 1000, floor: 20)
        var table = ProducerStateTable()
        for id in Int64(0)..<30 {
            table.note(
                header(id, sequence: 0, at: id, isTransactional: id == 3), appendTime: Timestamp(milliseconds: id),
                limits)
        }
        #expect(table.count == 30, "nobody has been silent for long")
        for id in Int64(30)..<200 {
            table.note(header(id, sequence: 0, at: id), appendTime: Timestamp(milliseconds: 900 + id), limits)
        }
        #expect(table.count <= 100)
        #expect(table[ProducerID(rawValue: 3)] != nil, "its transaction is open")
        #expect(table[ProducerID(rawValue: 2)] == nil)
        #expect((150..<200).allSatisfy { table[ProducerID(rawValue: $0)] != nil }, "the newest stay")
        let alone = Timestamp(milliseconds: 1_000_000)
        var few = ProducerStateTable()
        for id in Int64(0)..<20 { few.note(header(id, sequence: 0), appendTime: Timestamp(milliseconds: id), limits) }
        few.note(header(20, sequence: 0), appendTime: alone, limits)
        #expect(few.count >= 20, "as many as cost nothing stay, however old they are")
    }

    @Test func `tables are equal whatever the order of their producers`() {
        var (a, b) = (ProducerStateTable(), ProducerStateTable())
        for id in [Int64(1), 2, 3] { note(&a, header(id, sequence: 5, at: id)) }
        for id in [Int64(3), 1, 2] { note(&b, header(id, sequence: 5, at: id)) }
        #expect(a == b && a.hashValue == b.hashValue && ProducerStateTable(a.sorted) == b)
        note(&b, header(2, sequence: 6, at: 9))
        #expect(a != b)
    }

    /// Everything that was ever appended, and the rules in words.
    private struct Model {
        var batches: [(id: Int64, epoch: Int16, sequence: Int32, count: Int32, offset: Int64)] = []

        func answer(_ id: Int64, _ epoch: Int16, _ sequence: Int32, _ count: Int32) -> Answer {
            let own = batches.filter { $0.id == id }
            guard let current = own.map(\.epoch).max() else { return .accepted }
            if epoch < current { return .fenced(current: current) }
            if epoch > current { return sequence == 0 ? .accepted : .outOfOrder(expected: 0) }
            let known = own.filter { $0.epoch == epoch }
            let last = known[known.count - 1]
            let expected = Int32((Int64(last.sequence) + Int64(last.count)) % (1 << 31))
            if sequence == expected { return .accepted }
            if let same = known.suffix(5).last(where: { $0.sequence == sequence && $0.count == count }) {
                return .original(Offset(same.offset))
            }
            // How far back the batch ends before the one that is expected.
            let back = (Int64(expected) - Int64(sequence) + (1 << 31)) % (1 << 31)
            return back >= count && back < 1 << 30 ? .tooOld(expected: expected) : .outOfOrder(expected: expected)
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `C57 it answers as somebody who remembers everything`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ProducerStateTable()
        var model = Model()
        var offset: Int64 = 0
        for step in 0..<2000 {
            let id = Int64.random(in: 1...4, using: &random)
            let last = model.batches.last { $0.id == id }
            let epoch = (last?.epoch ?? 0) + [-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].randomElement(using: &random)!
            var count = Int32.random(in: 1...4, using: &random)
            var sequence = last.map { Int32((Int64($0.sequence) + Int64($0.count)) % (1 << 31)) } ?? (.max - 40)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                sequence = Int32(truncatingIfNeeded: Int64(sequence) + Int64.random(in: -9...9, using: &random)) & .max
            case 1: sequence = 0
            case 2, 3:
                if let old = model.batches.filter({ $0.id == id }).suffix(8).randomElement(using: &random) {
                    (sequence, count) = (old.sequence, old.count)
                }
            default: break
            }
            let asked = header(id, epoch: max(0, epoch), sequence: sequence, count: count, at: offset)
            let expected = model.answer(id, max(0, epoch), sequence, count)
            let answer = ask(&table, asked)
            #expect(answer == expected, "seed \(seed), step \(step)")
            guard answer == .accepted else { continue }
            note(&table, asked)
            model.batches.append((id, max(0, epoch), sequence, count, offset))
            offset += Int64(count)
        }
        #expect(table.count == 4)
    }
}
