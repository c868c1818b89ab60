// What a member says when it joins, what a leader makes of what all have said, and what it refuses to make of an assignor's
// answer.

import DaybookModel
import DaybookRecords
import Testing

@testable import Daybook

@Suite struct AssignmentRoundTests {
    private func group(_ members: [JoinedGroup.Member]) -> JoinedGroup {
        JoinedGroup(
            memberID: "A", generation: 2, protocolType: consumerProtocolType, protocolName: "", leader: "A",
            members: members)
    }

    private func member(_ id: String, _ metadata: [UInt8]) -> JoinedGroup.Member {
        JoinedGroup.Member(memberID: id, instanceID: nil, metadata: metadata)
    }

    private func subscription(_ topics: String..., owning partitions: [TopicPartition] = []) -> [UInt8] {
        ConsumerProtocolSubscription(
            topics: topics.map { TopicName(named: $0) }, ownedPartitions: partitions, generation: 1
        ).encoded()
    }

    @Test func `A member tells what it owns, and notes what it had last for assignors that are not cooperative`() throws
    {
        let last = ([TopicPartition](named: "t-1", "t-2"), Int32(4))
        let owned = [TopicPartition](named: "t-1")
        let protocols = AssignmentRound.protocols(
            [.cooperativeSticky, .sticky, .range], topics: [TopicName(named: "t")], owned: owned, last: last)
        #expect(protocols.map(\.name) == ["cooperative-sticky", "sticky", "range"])
        let said = try protocols.map { try ConsumerProtocolSubscription(decoding: KafkaReader($0.metadata)) }
        #expect(said.map(\.ownedPartitions) == [owned, owned, owned])
        #expect(said.map(\.generation) == [4, 4, 4])
        #expect(said[1].userData == StickyUserData(partitions: last.0, generation: 4).encoded())
        #expect(said[2].userData == nil)
    }

    @Test func `The leader assigns what exists, and a member that speaks nonsense gets nothing`() throws {
        let group = group([
            member("A", subscription("t", "gone")), member("B", [9]), member("C", subscription("t")),
        ])
        #expect(AssignmentRound.topics(of: group) == [TopicName(named: "t"), TopicName(named: "gone")])
        let topics = [TopicName(named: "t"): 3, TopicName(named: "unwanted"): 5]
        let answer = try AssignmentRound.assign(group, with: .range, topics)
        let partitions = try answer.mapValues { try AssignmentRound.partitions($0) }
        #expect(partitions.names == ["A": ["t-0", "t-1"], "B": [], "C": ["t-2"]])
        #expect(try AssignmentRound.partitions([]).isEmpty)
    }

    @Test func `What no group can work with is refused`() {
        let group = group([member("A", subscription("t")), member("B", subscription("u"))])
        let topics = [TopicName(named: "t"): 2, TopicName(named: "u"): 2]
        func problem(_ answer: [String: [String]]) -> AssignmentProblem? {
            let partitions = answer.mapValues { $0.map { TopicPartition(named: $0) } }
            do {
                _ = try AssignmentRound.assign(group, with: FixedAssignor(answer: partitions), topics)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem(["A": ["t-0", "t-1"], "B": ["u-0"]]) == nil)
        #expect(problem(["Z": ["t-0"]]) == .unknownMember("Z"))
        #expect(problem(["A": ["t-2"]]) == .unknownPartition(TopicPartition(named: "t-2")))
        #expect(problem(["A": ["w-0"]]) == .unknownPartition(TopicPartition(named: "w-0")))
        #expect(problem(["A": ["u-0"]]) == .notSubscribed(TopicPartition(named: "u-0"), memberID: "A"))
        #expect(problem(["A": ["t-0", "t-0"]]) == .assignedTwice(TopicPartition(named: "t-0")))
    }

    @Test func `An assignor that calls itself cooperative and waits for nobody is made to wait`() throws {
        let owned = [TopicPartition](named: "t-0")
        let group = group([
            member("A", subscription("t", owning: owned)), member("B", subscription("t")),
        ])
        let assignor = FixedAssignor(isCooperative: true, answer: ["B": owned + ([TopicPartition](named: "t-1"))])
        let answer = try AssignmentRound.assign(group, with: assignor, [TopicName(named: "t"): 2])
        let partitions = try answer.mapValues { try AssignmentRound.partitions($0) }
        #expect(partitions.names == ["A": [], "B": ["t-1"]])
    }
}

/// Gives the same answer to every question.
private struct FixedAssignor: GroupAssignor {
    var name: String { "fixed" }
    var isCooperative = false
    var answer: [String: [TopicPartition]]

    func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] { answer }
}
