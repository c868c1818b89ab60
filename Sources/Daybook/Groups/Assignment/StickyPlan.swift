// The plan of the sticky assignors: who keeps what, who gets what is nobody's, and what moves so that the rest is even.
// The moving is in `StickyPlan+Balance`.

internal import DaybookModel

/// Members and partitions by number, in an order that does not depend on that of the question.
struct StickyPlan {
    /// What a member says it had.
    struct Claim {
        var member: GroupAssignorMember
        var partitions: [TopicPartition]
        /// Of several who claim a partition, the one of the latest generation is believed; then the first member.
        var generation: Int32
    }

    /// Topics to which the same members subscribe. For evenness they are one: each of these members can have any of their
    /// partitions.
    struct TopicClass {
        var subscribers: [Int]
        /// In order.
        var partitions: [Int] = []
    }

    /// What a member is to own of a class.
    struct Holding {
        let topicClass: Int
        /// What it had before.
        var own: [Int] = []
        var new: [Int] = []

        var isEmpty: Bool { own.isEmpty && new.isEmpty }
    }

    private let topicPartitions: [TopicPartition]
    private let firstNumbers: [TopicName: Int]
    private let classOf: [Int]
    let classes: [TopicClass]
    /// By partition: the member that had it.
    private(set) var former: [Int?]
    /// By member: what it is to own, in order of the classes.
    var holdings: [[Holding]]
    /// By member: how many partitions these are.
    private(set) var loads: [Int]

    /// Who is to own what. Every partition that somebody subscribes to is given to one member.
    ///
    /// O(subscriptions + partitions × members) where members subscribe to the same topics; otherwise each move may look at all
    /// members of all classes once more, and ends its look as soon as it has found one of those with least.
    static func assign(_ topics: [TopicName: Int], _ claims: [Claim]) -> [String: [TopicPartition]] {
        let claims = claims.sorted { GroupAssignorMember.precedes($0.member, $1.member) }
        var plan = StickyPlan(topics, claims.map(\.member))
        plan.keep(claims)
        plan.fill()
        plan.balance()
        return plan.assignment(claims.map(\.member.memberID))
    }

    private init(_ topics: [TopicName: Int], _ members: [GroupAssignorMember]) {
        let names = topics.keys.sorted()
        let indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        var subscribers = names.map { _ in [Int]() }
        for (member, subscription) in members.enumerated() {
            for topic in subscription.topics { indices[topic].map { subscribers[$0].append(member) } }
        }
        var topicPartitions: [TopicPartition] = []
        var (firstNumbers, classNumbers): ([TopicName: Int], [[Int]: Int]) = ([:], [:])
        var (classes, classOf): ([TopicClass], [Int]) = ([], [])
        for (name, subscribers) in zip(names, subscribers) {
            let number = classNumbers[subscribers] ?? classes.count
            if number == classes.count {
                classNumbers[subscribers] = number
                classes.append(TopicClass(subscribers: subscribers))
            }
            firstNumbers[name] = topicPartitions.count
            for partition in 0..<(topics[name] ?? 0) {
                classes[number].partitions.append(topicPartitions.count)
                classOf.append(number)
                topicPartitions.append(TopicPartition(topic: name, partition: Int32(partition)))
            }
        }
        (self.topicPartitions, self.firstNumbers) = (topicPartitions, firstNumbers)
        (self.classes, self.classOf) = (classes, classOf)
        former = topicPartitions.map { _ in nil }
        holdings = members.map { _ in [] }
        loads = members.map { _ in 0 }
    }

    private func assignment(_ memberIDs: [String]) -> [String: [TopicPartition]] {
        var assignment: [String: [TopicPartition]] = [:]
        for (memberID, holdings) in zip(memberIDs, holdings) {
            assignment[memberID] = holdings.flatMap { $0.own + $0.new }.sorted().map { topicPartitions[$0] }
        }
        return assignment
    }

    /// The number of a partition; nil for one that does not exist.
    private func number(of topicPartition: TopicPartition) -> Int? {
        guard let first = firstNumbers[topicPartition.topic], topicPartition.partition >= 0 else { return nil }
        let number = first + Int(topicPartition.partition)
        guard number < topicPartitions.count, topicPartitions[number] == topicPartition else { return nil }
        return number
    }

    /// Everybody keeps what it had, of what still exists and what it still subscribes to.
    private mutating func keep(_ claims: [Claim]) {
        var generations = [Int32](repeating: .min, count: topicPartitions.count)
        for (member, claim) in claims.enumerated() {
            for partition in claim.partitions where claim.member.topics.contains(partition.topic) {
                guard let number = number(of: partition), claim.generation > generations[number] else { continue }
                former[number] = member
                generations[number] = claim.generation
            }
        }
        for (number, member) in former.enumerated() { if let member { give(number, to: member) } }
    }

    /// What is nobody's goes to whoever has least; first what few members can have.
    private mutating func fill() {
        let order = classes.indices.sorted {
            (classes[$0].subscribers.count, $0) < (classes[$1].subscribers.count, $1)
        }
        for topicClass in order {
            for number in classes[topicClass].partitions where former[number] == nil {
                // Of equals `min` takes the first.
                let poorest = classes[topicClass].subscribers.min { loads[$0] < loads[$1] }
                if let poorest { give(number, to: poorest) }
            }
        }
    }

    mutating func give(_ number: Int, to member: Int) {
        let topicClass = classOf[number]
        let place = holdings[member].firstIndex { $0.topicClass >= topicClass } ?? holdings[member].count
        if place == holdings[member].count || holdings[member][place].topicClass != topicClass {
            holdings[member].insert(Holding(topicClass: topicClass), at: place)
        }
        if former[number] == member {
            holdings[member][place].own.append(number)
        } else {
            holdings[member][place].new.append(number)
        }
        loads[member] += 1
    }

    /// Takes a partition of a class away from a member, who must have one: the target's own where that is possible, then one
    /// that the member did not have before.
    mutating func take(_ topicClass: Int, from member: Int, for target: Int) -> Int {
        guard let place = holdings[member].firstIndex(where: { $0.topicClass == topicClass }) else {
            preconditionFailure("the member has no partition of the class")
        }
        loads[member] -= 1
        if holdings[member][place].new.isEmpty { return holdings[member][place].own.removeLast() }
        let choice =
            holdings[member][place].new.lastIndex { former[$0] == target }
            ?? holdings[member][place].new.endIndex - 1
        return holdings[member][place].new.remove(at: choice)
    }
}
