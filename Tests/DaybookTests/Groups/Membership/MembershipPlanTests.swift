// What a member does next, step by step, without a group.

import DaybookModel
import Testing

@testable import Daybook

@Suite struct MembershipPlanTests {
    private static let topic = TopicName(named: "t")

    private func partitions(_ numbers: Int32...) -> [TopicPartition] {
        numbers.map { TopicPartition(topic: Self.topic, partition: $0) }
    }

    /// What a step says in short: `-0,1` for giving up, `+` for beginning, `!` for losing.
    private func next(_ plan: inout MembershipPlan) -> String? {
        func numbers(_ partitions: [TopicPartition]) -> String {
            partitions.map { "\($0.partition)" }.joined(separator: ",")
        }
        guard let step = plan.nextStep() else { return nil }
        plan.done(step)
        return switch step {
        case .lose(let partitions): "!" + numbers(partitions)
        case .revoke(let partitions): "-" + numbers(partitions)
        case .assign(let partitions): "+" + numbers(partitions)
        case .join: "join"
        case .fail(let error): "\(error.code)"
        }
    }

    private func join(_ plan: inout MembershipPlan, generation: Int32, _ partitions: [TopicPartition]) {
        let group = JoinedGroup(
            memberID: "m", generation: generation, protocolType: consumerProtocolType, protocolName: "", leader: "x",
            members: [])
        plan.joined(group)
        plan.assigned(partitions)
    }

    /// A member that owns partitions.
    private func member(isCooperative: Bool, _ partitions: [TopicPartition]) -> MembershipPlan {
        var plan = MembershipPlan(isCooperative: isCooperative, topics: [Self.topic])
        #expect(next(&plan) == "join")
        #expect(next(&plan) == nil && plan.isJoining)
        join(&plan, generation: 1, partitions)
        #expect(next(&plan)?.first == "+")
        #expect(next(&plan) == nil && plan.owned == Set(partitions))
        return plan
    }

    @Test func `Whoever is not cooperative gives up everything before it joins again`() {
        var plan = member(isCooperative: false, partitions(0, 1))
        plan.mustJoinAgain()
        #expect(next(&plan) == "-0,1")
        #expect(next(&plan) == "join")
        #expect(plan.lastAssignment.partitions == partitions(0, 1) && plan.lastAssignment.generation == 1)
        join(&plan, generation: 2, partitions(1))
        #expect(next(&plan) == "+1")
        #expect(next(&plan) == nil)
    }

    @Test func `Whoever is cooperative goes on with what it has, gives up what goes to others, and joins for them`() {
        var plan = member(isCooperative: true, partitions(0, 1, 2))
        plan.mustJoinAgain()
        #expect(next(&plan) == "join")
        #expect(plan.owned == Set(partitions(0, 1, 2)))
        join(&plan, generation: 2, partitions(0, 3))
        #expect(next(&plan) == "-1,2")
        #expect(next(&plan) == "+3")
        #expect(next(&plan) == "join")
        join(&plan, generation: 3, partitions(0, 3))
        #expect(next(&plan) == "+")
        #expect(next(&plan) == nil)
    }

    @Test func `What is not wanted any more is given up before joining`() {
        var plan = member(isCooperative: true, partitions(0))
        plan.subscribe(to: [Self.topic])
        #expect(next(&plan) == nil)
        plan.subscribe(to: [TopicName(named: "u")])
        #expect(next(&plan) == "-0")
        #expect(next(&plan) == "join")
    }

    @Test func `A member that is put out loses what it owned and joins as a new one`() {
        var plan = member(isCooperative: true, partitions(0, 1))
        let life = plan.life
        plan.putOut()
        #expect(plan.memberID.isEmpty && plan.generation == -1 && plan.life == life + 1)
        #expect(next(&plan) == "!0,1")
        #expect(plan.owned.isEmpty)
        #expect(next(&plan) == "join")
    }

    @Test func `A member that is put out in the midst of taking over loses that, too`() {
        var plan = member(isCooperative: true, [])
        plan.mustJoinAgain()
        #expect(next(&plan) == "join")
        join(&plan, generation: 2, partitions(4))
        guard let step = plan.nextStep() else {
            Issue.record("nothing to do")
            return
        }
        plan.putOut()
        plan.done(step)
        #expect(next(&plan) == "!4")
        #expect(next(&plan) == "join")
    }

    @Test func `A failure is told once and tried again; a final one is told for ever`() {
        var plan = member(isCooperative: true, [])
        plan.fail(DaybookError(.groupFull, "full"), isFinal: false)
        #expect(next(&plan) == "groupFull")
        #expect(next(&plan) == "join")
        plan.putOut()
        plan.fail(DaybookError(.fencedInstance, "fenced"), isFinal: true)
        plan.fail(DaybookError(.groupFull, "full"), isFinal: false)
        #expect(next(&plan) == "fencedInstance")
        #expect(next(&plan) == "fencedInstance")
    }

    @Test func `What has gone is given up, and asked for again in case it has come back`() {
        var plan = member(isCooperative: true, partitions(0, 1))
        plan.withdraw(Set(partitions(1, 7)))
        #expect(next(&plan) == "-1")
        #expect(next(&plan) == "join")
        join(&plan, generation: 2, partitions(0, 1))
        #expect(next(&plan) == "+1")
        #expect(next(&plan) == nil)
    }
}
