// Commits on their way from requests to the table: what shares a batch, what counts that arrives late, and what is worth writing.
// Virtual time on one thread.

import DaybookModel
import DaybookRecords
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite("Commits on their way")
struct OffsetShardTests {
    @Test(arguments: [ControlRecord.Kind.abort, .commit])
    func `C58 commits that reach the table after the marker of their transaction end as it did`(
        _ kind: ControlRecord.Kind
    ) throws {
        try onLoop { daybook, loop in
            try await daybook.fill(0..<10)
            let (committer, orders) = (try await daybook.offsetCommitter(group: "g"), try partition())
            let (id, place) = (ProducerID(rawValue: 900), committer.topicPartition)
            let commit = try committer.prepare(
                [orders: OffsetCommit(6)], producer: ProducerIdentity(id: id, epoch: 0, baseSequence: 0))
            var other = OffsetRecords(timestamp: daybook.services.clock.now())
            other.add("other", nil)
            let batch = other.batch()
            await withCheckedContinuation { continuation in
                let countdown = Countdown(2) { continuation.resume() }
                committer.append(commit) { error in
                    #expect(error == nil)
                    countdown.arrive()
                }
                // Answered by the same flush, just before: whoever ends the transaction is that quick.
                committer.shard.partition.submit(
                    AppendRequest(batch: batch, durability: .durable) { _ in
                        let isOnItsWay = committer.shard.state.withLock { $0.sending?.producer == id }
                        #expect(isOnItsWay && !committer.shard.state.withLock { $0.table.hasPending("g", [orders]) })
                        daybook.endTransaction(kind, of: id, in: place)
                        countdown.arrive()
                    })
            }
            #expect(committer.isSettled([orders]) {})
            #expect(committer.committed(orders)?.offset == (kind == .commit ? 6 : nil))
            // The next transaction of the producer has no commits.
            daybook.endTransaction(.commit, of: id, in: place)
            #expect(committer.committed(orders)?.offset == (kind == .commit ? 6 : nil))
        }
    }

    @Test func `Commits of members that come together share a batch`() throws {
        try onLoop(seed: 51) { daybook, loop in
            try await daybook.fill(0..<10)
            let (committer, orders) = (try await daybook.offsetCommitter(group: "g"), try partition())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for offset in Int64(0)..<10 {
                    group.addTask { try await committer.commit([orders: OffsetCommit(Offset(offset))]) { nil } }
                }
                try await group.waitForAll()
            }
            let result = try committer.shard.partition.readBlocking(
                from: .zero, maximumBytes: 1 << 20, isolation: .durable)
            #expect(result.batches.count <= 3)
            await expect(code: .closed) { try await committer.commit([orders: OffsetCommit(0)]) { .closed } }
        }
    }

    @Test func `C54 the same offset in another history is committed anew`() throws {
        let stage = LoopStage(seed: 52)
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(3600)
        let settings = topic
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders", configuration: settings)
            try await fill(daybook, 10, "orders", 0)
            try await fill(daybook, 10, "orders", 0, .osCache)
            try await daybook.commit(group: "g", offsets: [try partition(): OffsetCommit(20)])
            stage.cutPower()
        }
        stage.loop.forgetScheduled()
        try stage.loop.run {
            let daybook = try await stage.open()
            let orders = try partition()
            #expect(try await daybook.offsets(orders).logEndOffset == 10)
            try await fill(daybook, 10, "orders", 0)
            let epoch = try await daybook.offsets(orders).leaderEpoch
            let commits = GroupCommits(try await daybook.offsetCommitter(group: "g"))
            try await commits.commitChanges(to: [orders: OffsetCommit(20, leaderEpoch: epoch)])
            let committed = try #require(try await daybook.committedOffsets(group: "g")[orders])
            #expect(committed.offset == 20 && committed.leaderEpoch == epoch)
            try daybook.validate(orders, committed)
            // What is known already is not written again.
            let end = commits.committer.shard.partition.offsets.logEndOffset
            try await commits.commitChanges(to: [orders: OffsetCommit(20, leaderEpoch: epoch)])
            #expect(commits.committer.shard.partition.offsets.logEndOffset == end)
            try await daybook.close()
        }
    }
}
