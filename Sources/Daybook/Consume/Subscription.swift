// Which topics somebody wants to read: by name, or all whose names match a pattern. What they are at the moment is asked of
// `Daybook.partitions(of:)`; who follows when topics come and go is `Consumer`.

internal import DaybookModel
internal import Synchronization

/// The topics that a consumer reads.
public enum Subscription: Hashable, Sendable {
    /// These topics.
    case topics([String])
    /// Every topic whose whole name matches, also one that is made later; none of Daybook's own.
    case matching(TopicPattern)

    func contains(_ topic: Topic) -> Bool {
        switch self {
        case .topics(let names): names.contains(topic.name.description)
        case .matching(let pattern): !topic.isInternal && pattern.matches(topic.name.description)
        }
    }
}

/// A regular expression over the names of topics, as Swift's `Regex` understands it.
public struct TopicPattern: Hashable, Sendable, CustomStringConvertible {
    /// The expression.
    public let description: String

    /// Throws `.invalidConfiguration` for what is no regular expression.
    public init(_ expression: String) throws {
        do { _ = try Regex(expression) } catch {
            throw DaybookError(
                .invalidConfiguration, "\"\(expression)\" is no regular expression: \(error)", cause: error)
        }
        description = expression
    }

    /// Whether the whole name matches: "orders" matches "orders" only, and "orders.*" also "orders-eu".
    public func matches(_ name: String) -> Bool {
        // A compiled expression may not go from one task to another. This is asked when topics come and go, not for records.
        guard let expression = try? Regex(description) else { return false }
        return (try? expression.wholeMatch(in: name)) != nil
    }
}

extension Daybook {
    /// The open partitions of what somebody subscribes to, in order. O(topics).
    func partitions(of subscription: Subscription) -> [Partition] {
        state.withLock { state in
            state.registry.sorted.filter { !$0.isDeleting && subscription.contains($0) }
                .flatMap(\.partitions).compactMap { state.partitions[$0] }
        }
    }

    /// Throws `.unknownTopic` for the first topic of a list that is not there. A pattern may match nothing yet.
    func requireTopics(of subscription: Subscription) throws(DaybookError) {
        guard case .topics(let names) = subscription else { return }
        for name in names { _ = try topic(name) }
    }
}
