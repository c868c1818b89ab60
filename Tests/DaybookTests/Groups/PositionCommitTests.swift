// Commits of where a consumer is that wait one behind the other: written down as one, answered each, and judged each where all
// of them together are refused.

import DaybookModel
import DaybookStorage
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct PositionCommitTests {
    /// Hands over commits without a pause in between, and returns what each was answered, in the order of the answers.
    private func submit(
        _ offsets: [Int64], by owners: [any AnyObject & Sendable], _ committer: OffsetCommitter
    ) async throws -> [Answer] {
        let answers = Answers()
        for (index, offset) in offsets.enumerated() {
            committer.submit(
                [try partition(): OffsetCommit(Offset(offset))],
                positionsOf: ObjectIdentifier(owners[index % owners.count])
            ) { answers.note(Answer(offset: offset, code: $0?.code)) }
        }
        try await committer.settle()
        return answers.all
    }

    @Test func `The last of a consumer's places that wait is written, once, and all of them are answered in order`()
        throws
    {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<20)
            let committer = try await daybook.offsetCommitter(group: "warehouse")
            let answers = try await submit([1, 2, 9, 5], by: [Answers()], committer)
            #expect(answers == [1, 2, 9, 5].map { Answer(offset: $0, code: nil) })
            #expect(committer.committed(try partition())?.offset == 5)
            let log = committer.shard.partition.withLog { $0.logEndOffset }
            #expect(log == 1, "one record")
        }
    }

    @Test func `Where the last place is refused, those before it are judged by themselves`() throws {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<20)
            let committer = try await daybook.offsetCommitter(group: "warehouse")
            let answers = try await submit([5, 7, 99], by: [Answers()], committer)
            #expect(Set(answers.filter { $0.code == nil }.map(\.offset)) == [5, 7])
            #expect(answers.filter { $0.code == .divergedHistory }.map(\.offset) == [99])
            #expect(answers.count == 3)
            #expect(committer.committed(try partition())?.offset == 7)
        }
    }

    @Test func `Places of different consumers are not each other's, and take effect in the order of their calls`()
        throws
    {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<20)
            let committer = try await daybook.offsetCommitter(group: "warehouse")
            let answers = try await submit([5, 99, 6, 98, 4], by: [Answers(), Answers()], committer)
            #expect(Set(answers.filter { $0.code == nil }.map(\.offset)) == [5, 6, 4])
            #expect(Set(answers.filter { $0.code == .divergedHistory }.map(\.offset)) == [99, 98])
            #expect(committer.committed(try partition())?.offset == 4)
        }
    }

    @Test func `A consumer commits its place after each batch, and a power cut leaves it where it was told that it is`()
        throws
    {
        let stage = LoopStage()
        let told = Mutex(Offset.zero)
        try stage.loop.run {
            var daybook = try await stage.open()
            try await daybook.createTopic("orders")
            try await daybook.fill(0..<100, perBatch: 5)
            let consumer = try await daybook.makeConsumer(assigned: [try partition()], group: "warehouse")
            for round in 0..<12 {
                _ = try await consumer.poll(max: 7, timeout: .seconds(1))
                // The first ones are answered before this returns.
                if round == 6 { try await consumer.commit() }
                let place = try consumer.position(try partition())
                try consumer.enqueueCommit { error in
                    #expect(error == nil)
                    told.withLock { $0 = max($0, place) }
                }
            }
            stage.cutPower()
            daybook = try await stage.open()
            let committed = try await daybook.committedOffsets(group: "warehouse")[try partition()]
            #expect(committed?.offset ?? .zero >= told.withLock { $0 })
            #expect(told.withLock { $0 } > .zero)
            try await daybook.close()
        }
    }
}

private struct Answer: Hashable, Sendable {
    let offset: Int64
    let code: DaybookError.Code?
}

private final class Answers: Sendable {
    private let state = Mutex<[Answer]>([])
    func note(_ answer: Answer) { state.withLock { $0.append(answer) } }
    var all: [Answer] { state.withLock { $0 } }
}
