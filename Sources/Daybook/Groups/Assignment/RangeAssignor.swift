// Kafka's assignor `range`: topic by topic, a run of neighbouring partitions for each member.
// The other one that looks at nothing but subscriptions is `RoundRobinAssignor`.

public import DaybookModel

/// Gives each member a run of neighbouring partitions of each topic, so that the same members own the same numbers of topics
/// with equally many partitions.
///
/// Within a topic nobody has more than one partition more than another. The first members have one more in every topic whose
/// partitions cannot be divided, so many small topics are distributed badly.
public struct RangeAssignor: GroupAssignor {
    public init() {}

    public var name: String { "range" }

    public func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] {
        let members = members.sorted(by: GroupAssignorMember.precedes)
        var assignment: [String: [TopicPartition]] = [:]
        for (topic, count) in topics.sorted(by: { $0.key < $1.key }) {
            let subscribers = members.filter { $0.topics.contains(topic) }
            for (index, member) in subscribers.enumerated() {
                let (share, rest) = count.quotientAndRemainder(dividingBy: subscribers.count)
                let first = share * index + min(index, rest)
                for number in first..<first + share + (index < rest ? 1 : 0) {
                    assignment[member.memberID, default: []].append(
                        TopicPartition(topic: topic, partition: Int32(number)))
                }
            }
        }
        return assignment
    }
}

extension GroupAssignor where Self == RangeAssignor {
    /// Kafka's `range`.
    public static var range: RangeAssignor { RangeAssignor() }
}
