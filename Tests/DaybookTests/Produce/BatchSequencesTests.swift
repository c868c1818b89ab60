// The numbers that batches get, and what a refusal does to those behind it. Without a log.

import DaybookTesting
import Testing

@testable import Daybook

@Suite struct BatchSequencesTests {
    private let full = DaybookError(.diskFull, "no room")

    @Test func `Numbers go on from batch to batch and begin at 0 with each epoch`() {
        var sequences = BatchSequences()
        #expect(sequences.take(10, epoch: 0).baseSequence == 0)
        #expect(sequences.take(1, epoch: 0).baseSequence == 10)
        let last = sequences.take(5, epoch: 0)
        #expect(last.baseSequence == 11)
        #expect(sequences.take(3, epoch: 1).baseSequence == 0)
        let next = sequences.take(3, epoch: 1)
        #expect(next.baseSequence == 3)
        #expect(next.run !== last.run)
    }

    @Test func `Behind 2³¹ − 1 the numbers begin at 0 again, also in the midst of a batch`() {
        var sequences = BatchSequences()
        _ = sequences.take(.max, epoch: 0)
        #expect(sequences.take(10, epoch: 0).baseSequence == .max)
        #expect(sequences.take(1, epoch: 0).baseSequence == 9)
    }

    @Test func `A number that was given back is given again`() {
        var sequences = BatchSequences()
        let first = sequences.take(10, epoch: 0)
        let large = sequences.take(1, epoch: 0)
        sequences.giveBack(large)
        let next = sequences.take(4, epoch: 0)
        #expect(next.baseSequence == 10)
        #expect(next.run === first.run)
    }

    @Test func `Behind a refused batch all of its run are refused, with the first cause`() {
        var sequences = BatchSequences()
        let batches = (0..<4).map { _ in sequences.take(10, epoch: 0) }
        #expect(batches.allSatisfy { $0.run.refusal == nil })
        batches[1].run.breakOff(full)
        batches[2].run.breakOff(DaybookError(.inputOutput, "later"))
        let told = batches[3].run.refusal
        #expect(told?.code == .earlierBatchRefused)
        #expect((told?.cause as? DaybookError)?.code == .diskFull)
        #expect(told?.message.contains("no room") == true)
        // The answers come in this order or another one.
        for batch in batches[1...].reversed() where batch.baseSequence != 10 { sequences.noteRefused(batch) }
        sequences.noteRefused(batches[1])
        let next = sequences.take(1, epoch: 0)
        #expect(next.run.refusal == nil)
        #expect(next.run !== batches[0].run)
    }

    @Test func `A partition that takes nothing any more breaks no run: it answers each batch itself`() {
        for code in [DaybookError.Code.partitionFailed, .closed] {
            let run = BatchRun()
            run.breakOff(DaybookError(code, "for ever"))
            #expect(run.refusal == nil)
        }
    }

    /// A log that knows nothing but the rule: each number follows the last one.
    private struct Model {
        var next: Int32 = 0
        var content: [Int] = []
    }

    @Test(arguments: UInt64(0)..<200)
    func `Whatever is refused, the log sees no gap, and no record overtakes another one`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var sequences = BatchSequences()
        var log = Model()
        /// Handed over, not looked at by the partition yet.
        var queue: [(place: BatchSequences.Place, value: Int)] = []
        /// Refused, and the producer has not heard of it yet. It hears in the order of the refusals.
        var refusals: [BatchSequences.Place] = []
        var refused: Set<Int> = []
        for value in 0..<300 {
            queue.append((sequences.take(1, epoch: 0), value))
            while !queue.isEmpty, Bool.random(using: &generator) {
                let (place, value) = queue.removeFirst()
                if place.run.refusal != nil || Int.random(in: 0..<8, using: &generator) == 0 {
                    place.run.breakOff(full)
                    refusals.append(place)
                    refused.insert(value)
                } else {
                    #expect(place.baseSequence == log.next, "seed \(seed), value \(value)")
                    log.next += 1
                    log.content.append(value)
                }
            }
            while !refusals.isEmpty, Bool.random(using: &generator) { sequences.noteRefused(refusals.removeFirst()) }
        }
        #expect(log.content == log.content.sorted())
        #expect(Set(log.content).isDisjoint(with: refused))
        #expect(log.content.count + refused.count + queue.count == 300)
    }
}
