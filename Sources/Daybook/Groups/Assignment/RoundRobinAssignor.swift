// Kafka's assignor `roundrobin`: all partitions of all topics dealt out like cards.
// The other one that looks at nothing but subscriptions is `RangeAssignor`.

public import DaybookModel

/// Deals out all partitions, member by member; members that do not subscribe to a partition's topic are passed over.
///
/// Where all members subscribe to the same topics, nobody has more than one partition more than another. Otherwise the
/// distribution can be uneven, and `sticky` is better.
public struct RoundRobinAssignor: GroupAssignor {
    public init() {}

    public var name: String { "roundrobin" }

    public func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] {
        let members = members.sorted(by: GroupAssignorMember.precedes)
        var assignment: [String: [TopicPartition]] = [:]
        var turn = 0
        for (topic, count) in topics.sorted(by: { $0.key < $1.key })
        where members.contains(where: { $0.topics.contains(topic) }) {
            for number in 0..<count {
                while !members[turn % members.count].topics.contains(topic) { turn += 1 }
                assignment[members[turn % members.count].memberID, default: []].append(
                    TopicPartition(topic: topic, partition: Int32(number)))
                turn += 1
            }
        }
        return assignment
    }
}

extension GroupAssignor where Self == RoundRobinAssignor {
    /// Kafka's `roundrobin`.
    public static var roundRobin: RoundRobinAssignor { RoundRobinAssignor() }
}
