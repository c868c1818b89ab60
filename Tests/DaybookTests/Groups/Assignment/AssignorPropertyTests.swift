// What holds for every assignor whatever the question: tried with seeded questions of many kinds.

import DaybookModel
import DaybookTesting
import Testing

@testable import Daybook

@Suite struct AssignorPropertyTests {
    private static let assignors: [any GroupAssignor] = [.range, .roundRobin, .sticky, .cooperativeSticky]

    @Test(arguments: UInt64(0)..<60)
    func `Every partition that somebody wants is one member's that wants it, in whatever order members are asked`(
        _ seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let question = AssignmentQuestion(isEqual: false, &random)
        for assignor in Self.assignors {
            let answer = assignor.assign(question.topics, to: question.members)
            var owners: [TopicPartition: String] = [:]
            for (memberID, partitions) in answer {
                let member = try #require(question.members.first { $0.memberID == memberID })
                for partition in partitions {
                    #expect(owners.updateValue(memberID, forKey: partition) == nil, "\(assignor.name) seed \(seed)")
                    #expect(member.topics.contains(partition.topic))
                }
            }
            #expect(Set(owners.keys) == question.wantedPartitions, "\(assignor.name) seed \(seed)")
            let again = assignor.assign(question.topics, to: question.members.shuffled(using: &random))
            #expect(again == answer, "\(assignor.name) seed \(seed)")
        }
    }

    @Test(arguments: UInt64(0)..<40)
    func `With equal subscriptions nobody has more than one partition more than another`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let question = AssignmentQuestion(isEqual: true, &random)
        for assignor in Self.assignors {
            let answer = assignor.assign(question.topics, to: question.members)
            // range is even topic by topic only.
            let parts: [Set<TopicName>] =
                assignor.name == "range" ? question.topics.keys.map { [$0] } : [Set(question.topics.keys)]
            for part in parts {
                let loads = question.members.map { member in
                    answer[member.memberID, default: []].count { part.contains($0.topic) }
                }
                #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 1, "\(assignor.name) seed \(seed)")
            }
        }
    }

    @Test(arguments: UInt64(0)..<60)
    func `sticky is never less even than it could be, whatever members subscribe to and claim`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var question = AssignmentQuestion(isEqual: seed.isMultiple(of: 3), &random)
        question.claimAtRandom(&random)
        let answer = StickyAssignor.sticky.assign(question.topics, to: question.members)
        #expect(Set(answer.values.joined()) == question.wantedPartitions)
        for member in question.members {
            let load = answer[member.memberID, default: []].count
            // Whoever takes a partition of somebody, or of somebody who takes one of that one, and so on.
            var reached: Set = [member.memberID]
            var (next, wanted): ([String], Set<TopicName>) = ([member.memberID], [])
            while let memberID = next.popLast() {
                wanted.formUnion(answer[memberID, default: []].map(\.topic))
                for other in question.members where !reached.contains(other.memberID) {
                    guard !wanted.isDisjoint(with: other.topics) else { continue }
                    reached.insert(other.memberID)
                    next.append(other.memberID)
                }
            }
            let least = reached.map { answer[$0, default: []].count }.min() ?? 0
            #expect(least >= load - 1, "seed \(seed), member \(member.memberID)")
        }
    }

    @Test(arguments: UInt64(0)..<60)
    func `sticky moves no partition that it need not move`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var question = AssignmentQuestion(isEqual: true, &random)
        let former = question.claimAtRandom(&random)
        let answer = StickyAssignor.sticky.assign(question.topics, to: question.members)
        let kept = question.members.reduce(0) {
            $0 + Set(former[$1.memberID, default: []]).intersection(answer[$1.memberID, default: []]).count
        }
        // Everybody can keep its share, and of those with more as many one more as there are larger shares.
        let share = question.wantedPartitions.count / question.members.count
        let larger = question.wantedPartitions.count % question.members.count
        let loads = question.members.map { former[$0.memberID, default: []].count }
        let most = loads.reduce(0) { $0 + min($1, share) } + min(larger, loads.count { $0 > share })
        #expect(kept == most, "seed \(seed)")
        // And nothing at all where nothing has changed.
        question.claim(answer, generation: 9)
        #expect(StickyAssignor.sticky.assign(question.topics, to: question.members) == answer)
    }

    @Test(arguments: UInt64(0)..<40)
    func `cooperative-sticky takes from the old owner first, and comes to rest as sticky does`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var question = AssignmentQuestion(isEqual: seed.isMultiple(of: 2), &random)
        let assignor = CooperativeStickyAssignor.cooperativeSticky
        var owned = question.claimAtRandom(&random)
        for generation in Int32(10)... {
            try #require(generation < 14, "seed \(seed) does not come to rest")
            for index in question.members.indices {
                question.members[index].userData = nil
                question.members[index].ownedPartitions = owned[question.members[index].memberID, default: []]
                question.members[index].generation = generation - 1
            }
            let answer = assignor.assign(question.topics, to: question.members)
            for (memberID, partitions) in answer {
                for (other, others) in owned where other != memberID {
                    #expect(Set(others).isDisjoint(with: partitions), "seed \(seed)")
                }
            }
            let isAtRest = answer.filter { !$0.value.isEmpty } == owned
            if isAtRest { break }
            owned = answer.filter { !$0.value.isEmpty }
        }
        #expect(Set(owned.values.joined()) == question.wantedPartitions, "seed \(seed)")
        question.claim(owned, generation: 20)
        let again = StickyAssignor.sticky.assign(question.topics, to: question.members)
        #expect(again.filter { !$0.value.isEmpty } == owned)
    }

    @Test func `A thousand members take over ten thousand partitions from one`() {
        let topics = Dictionary(uniqueKeysWithValues: (0..<100).map { (TopicName(named: "t\($0)"), 100) })
        var members = (0..<1000).map { GroupAssignorMember("m\($0)", topics.keys.map(\.description)) }
        members[500].userData = StickyUserData(
            partitions: topics.flatMap { topic, count in
                (0..<count).map { TopicPartition(topic: topic, partition: Int32($0)) }
            }, generation: 1
        ).encoded()
        for assignor in Self.assignors {
            let answer = assignor.assign(topics, to: members)
            #expect(Set(answer.values.joined()).count == 10_000)
            if assignor.name != "range" { #expect(answer.values.allSatisfy { $0.count == 10 }) }
        }
    }
}

/// Topics and members of a seeded kind.
private struct AssignmentQuestion {
    var topics: [TopicName: Int] = [:]
    var members: [GroupAssignorMember] = []

    init(isEqual: Bool, _ random: inout SeededGenerator) {
        for number in 0..<Int.random(in: 1...8, using: &random) {
            topics[TopicName(named: "t\(number)")] = Int.random(in: 0...12, using: &random)
        }
        let names = topics.keys.sorted()
        for number in 0..<Int.random(in: 1...9, using: &random) {
            let subscribed = isEqual ? names : names.filter { _ in Bool.random(using: &random) }
            members.append(
                GroupAssignorMember(
                    memberID: "m\(number)", instanceID: Int.random(in: 0..<4, using: &random) == 0 ? "i\(number)" : nil,
                    topics: Set(subscribed)))
        }
    }

    var wantedPartitions: Set<TopicPartition> {
        var wanted: Set<TopicPartition> = []
        for (topic, count) in topics where members.contains(where: { $0.topics.contains(topic) }) {
            for number in 0..<count { wanted.insert(TopicPartition(topic: topic, partition: Int32(number))) }
        }
        return wanted
    }

    /// Has some partitions claimed by one member each that subscribes to them, some members by far the most. Returns what
    /// each claims.
    @discardableResult
    mutating func claimAtRandom(_ random: inout SeededGenerator) -> [String: [TopicPartition]] {
        var claims: [String: [TopicPartition]] = [:]
        let greedy = members.randomElement(using: &random)
        for partition in wantedPartitions.sorted() where Int.random(in: 0..<5, using: &random) > 0 {
            let subscribers = members.filter { $0.topics.contains(partition.topic) }
            var owner = subscribers.randomElement(using: &random)
            if let greedy, greedy.topics.contains(partition.topic), Bool.random(using: &random) { owner = greedy }
            if let owner { claims[owner.memberID, default: []].append(partition) }
        }
        claim(claims, generation: 3)
        return claims
    }

    mutating func claim(_ claims: [String: [TopicPartition]], generation: Int32) {
        for index in members.indices {
            members[index].userData = StickyUserData(
                partitions: claims[members[index].memberID, default: []], generation: generation
            ).encoded()
        }
    }
}
