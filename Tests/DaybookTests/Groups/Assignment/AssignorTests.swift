// What Kafka's assignors answer to the questions of Kafka's own documentation, and bytes that its members exchange.

import DaybookModel
import Testing

@testable import Daybook

@Suite struct AssignorTests {
    private func members(_ subscriptions: KeyValuePairs<String, [String]>) -> [GroupAssignorMember] {
        subscriptions.map { GroupAssignorMember($0.key, $0.value) }
    }

    private func topics(_ counts: [String: Int]) -> [TopicName: Int] {
        Dictionary(uniqueKeysWithValues: counts.map { (TopicName(named: $0.key), $0.value) })
    }

    // MARK: range

    @Test func `range gives each member a run of each topic, and the first ones what is left over`() {
        let question = members(["C0": ["t0", "t1"], "C1": ["t0", "t1"]])
        let answer = RangeAssignor.range.assign(topics(["t0": 3, "t1": 3]), to: question)
        #expect(answer.names == ["C0": ["t0-0", "t0-1", "t1-0", "t1-1"], "C1": ["t0-2", "t1-2"]])
    }

    @Test func `range looks at each topic's own subscribers, and at topics that there are`() {
        let question = members(["C2": ["t1", "t9"], "C0": ["t0"], "C1": ["t0", "t1"]])
        let answer = RangeAssignor.range.assign(topics(["t0": 3, "t1": 1]), to: question)
        #expect(answer.names == ["C0": ["t0-0", "t0-1"], "C1": ["t0-2", "t1-0"]])
    }

    @Test func `Static members come first, by their instance ids, so that they keep their places`() {
        var question = members(["a": ["t"], "y": ["t"], "z": ["t"]])
        question[1].instanceID = "2"
        question[2].instanceID = "1"
        let counts = topics(["t": 3])
        let expected = ["z": ["t-0"], "y": ["t-1"], "a": ["t-2"]]
        #expect(RangeAssignor.range.assign(counts, to: question).names == expected)
        #expect(RoundRobinAssignor.roundRobin.assign(counts, to: question).names == expected)
        // A new member id in the same instance changes nothing.
        question[2].memberID = "0"
        #expect(RangeAssignor.range.assign(counts, to: question).names["0"] == ["t-0"])
    }

    // MARK: roundrobin

    @Test func `roundrobin deals out all partitions of all topics`() {
        let question = members(["C0": ["t0", "t1"], "C1": ["t0", "t1"]])
        let answer = RoundRobinAssignor.roundRobin.assign(topics(["t0": 3, "t1": 3]), to: question)
        #expect(answer.names == ["C0": ["t0-0", "t0-2", "t1-1"], "C1": ["t0-1", "t1-0", "t1-2"]])
    }

    @Test func `roundrobin passes over members that do not subscribe`() {
        let question = members(["C0": ["t0"], "C1": ["t0", "t1"], "C2": ["t0", "t1", "t2"]])
        let answer = RoundRobinAssignor.roundRobin.assign(topics(["t0": 1, "t1": 2, "t2": 3]), to: question)
        #expect(answer.names == ["C0": ["t0-0"], "C1": ["t1-0"], "C2": ["t1-1", "t2-0", "t2-1", "t2-2"]])
    }

    // MARK: sticky

    @Test func `sticky begins as roundrobin does, and shares out what a member leaves behind`() {
        let all = ["t0", "t1", "t2", "t3"]
        let counts = topics(["t0": 2, "t1": 2, "t2": 2, "t3": 2])
        let question = members(["C0": all, "C1": all, "C2": all])
        let first = StickyAssignor.sticky.assign(counts, to: question)
        #expect(
            first.names == [
                "C0": ["t0-0", "t1-1", "t3-0"], "C1": ["t0-1", "t2-0", "t3-1"], "C2": ["t1-0", "t2-1"],
            ])
        let second = StickyAssignor.sticky.assign(counts, to: remembering(first, [question[0], question[2]]))
        #expect(
            second.names == [
                "C0": ["t0-0", "t1-1", "t2-0", "t3-0"], "C2": ["t0-1", "t1-0", "t2-1", "t3-1"],
            ])
    }

    @Test func `sticky is as even as different subscriptions allow, and leaves everything else where it was`() {
        let counts = topics(["t0": 1, "t1": 2, "t2": 3])
        let question = members(["C0": ["t0"], "C1": ["t0", "t1"], "C2": ["t0", "t1", "t2"]])
        let first = StickyAssignor.sticky.assign(counts, to: question)
        #expect(first.names == ["C0": ["t0-0"], "C1": ["t1-0", "t1-1"], "C2": ["t2-0", "t2-1", "t2-2"]])
        let second = StickyAssignor.sticky.assign(counts, to: remembering(first, Array(question[1...])))
        #expect(second.names == ["C1": ["t0-0", "t1-0", "t1-1"], "C2": ["t2-0", "t2-1", "t2-2"]])
    }

    @Test func `A partition moves by way of a third member where nobody can have it directly`() {
        // A has three and leads to nobody but B, which could pass on to C.
        let counts = topics(["t0": 3, "t1": 2])
        var question = members(["A": ["t0"], "B": ["t0", "t1"], "C": ["t1"]])
        question[0].userData = note(["t0-0", "t0-1", "t0-2"], 4)
        question[1].userData = note(["t1-0", "t1-1"], 4)
        let answer = StickyAssignor.sticky.assign(counts, to: question)
        #expect(answer.names == ["A": ["t0-0", "t0-1"], "B": ["t0-2", "t1-0"], "C": ["t1-1"]])
    }

    @Test func `Of two who claim a partition the one of the later generation had it`() {
        var question = members(["A": ["t"], "B": ["t"]])
        question[0].userData = note(["t-0", "t-1"], 6)
        question[1].userData = note(["t-1", "t-2", "t-3"], 7)
        let answer = StickyAssignor.sticky.assign(topics(["t": 4]), to: question)
        #expect(answer.names == ["A": ["t-0", "t-3"], "B": ["t-1", "t-2"]])
    }

    @Test func `What members claim may be gone, unsubscribed or nonsense`() {
        var question = members(["A": ["t"], "B": ["t"]])
        question[0].userData = note(["t-0", "t-7", "other-0"], 1)
        question[1].userData = [1, 2, 3]
        let answer = StickyAssignor.sticky.assign(topics(["t": 2]), to: question)
        #expect(answer.names == ["A": ["t-0"], "B": ["t-1"]])
        #expect(StickyAssignor.sticky.assign([:], to: question).names.values.allSatisfy { $0.isEmpty })
    }

    @Test func `The user data of sticky is Kafka's, with a generation and without`() throws {
        let bytes: [UInt8] = [0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2]
        let partitions = [TopicPartition](named: "t-0", "t-2")
        let data = try #require(StickyAssignor.sticky.userData(ownedPartitions: partitions, generation: 3))
        #expect(data == bytes + [0, 0, 0, 3])
        #expect(StickyUserData(decoding: data) == StickyUserData(partitions: partitions, generation: 3))
        #expect(StickyUserData(decoding: bytes) == StickyUserData(partitions: partitions, generation: -1))
        #expect(StickyUserData(decoding: data + [0]) == nil)
        #expect(StickyAssignor.sticky.userData(ownedPartitions: [], generation: -1) == nil)
    }

    // MARK: cooperative-sticky

    @Test func `cooperative-sticky gives a partition that moves to nobody until its owner has given it up`() {
        let counts = topics(["t": 4])
        var question = members(["A": ["t"], "B": ["t"]])
        question[0].ownedPartitions = [TopicPartition](named: "t-0", "t-1", "t-2", "t-3")
        question[0].generation = 1
        let assignor = CooperativeStickyAssignor.cooperativeSticky
        #expect(assignor.assign(counts, to: question).names == ["A": ["t-0", "t-1"], "B": []])
        question[0].ownedPartitions.removeLast(2)
        #expect(assignor.assign(counts, to: question).names == ["A": ["t-0", "t-1"], "B": ["t-2", "t-3"]])
    }

    @Test func `cooperative-sticky knows the generation from the user data of older members`() {
        let counts = topics(["t": 2])
        let assignor = CooperativeStickyAssignor.cooperativeSticky
        var question = members(["A": ["t"], "B": ["t"]])
        question[0].ownedPartitions = [TopicPartition](named: "t-0", "t-1")
        question[0].userData = assignor.userData(ownedPartitions: [], generation: 2)
        #expect(question[0].userData == [0, 0, 0, 2])
        question[1].ownedPartitions = [TopicPartition](named: "t-1")
        question[1].generation = 5
        // B had it later; A still claims it, so that nobody is given it until A has heard.
        #expect(assignor.assign(counts, to: question).names == ["A": ["t-0"], "B": []])
    }

    private func note(_ partitions: [String], _ generation: Int32) -> [UInt8] {
        let partitions = partitions.map { TopicPartition(named: $0) }
        return StickyUserData(partitions: partitions, generation: generation).encoded()
    }

    /// Members that note what they were assigned in generation 1.
    private func remembering(
        _ assignment: [String: [TopicPartition]], _ members: [GroupAssignorMember]
    ) -> [GroupAssignorMember] {
        members.map { member in
            var member = member
            member.userData = StickyAssignor.sticky.userData(
                ownedPartitions: assignment[member.memberID] ?? [], generation: 1)
            return member
        }
    }
}
