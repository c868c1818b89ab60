// The states of a group, by Kafka's names: what users and tools are shown.
// What leads from one to the other is in `GroupStateMachine`.

/// What a group is doing.
public enum GroupState: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// It has no members. Its committed offsets are there all the same.
    case empty = "Empty"
    /// Members are asked to join, and those who have are waiting for the others.
    case preparingRebalance = "PreparingRebalance"
    /// All have joined; the leader assigns partitions, and the others wait for what they get.
    case completingRebalance = "CompletingRebalance"
    /// Every member has its assignment.
    case stable = "Stable"
    /// The group has been deleted, or its coordinator has ended.
    case dead = "Dead"

    /// Kafka's name.
    public var description: String { rawValue }
}
