// Short ways to write questions and answers of assignors in tests: partitions as `topic-number`. Texts that are none trap.

import DaybookModel

@testable import Daybook

extension TopicName {
    init(named name: String) {
        guard let topic = try? TopicName(name) else { preconditionFailure("\(name) is no topic name") }
        self = topic
    }
}

extension GroupAssignorMember {
    init(_ memberID: String, _ topics: [String]) {
        self.init(memberID: memberID, topics: Set(topics.map { TopicName(named: $0) }))
    }
}

extension TopicPartition {
    /// A partition written as `topic-number`.
    init(named text: String) {
        guard let dash = text.lastIndex(of: "-"), let number = Int32(text[dash...].dropFirst()) else {
            preconditionFailure("\(text) is no partition")
        }
        self.init(topic: TopicName(named: String(text[..<dash])), partition: number)
    }
}

extension [TopicPartition] {
    init(named texts: String...) { self = texts.map { TopicPartition(named: $0) } }
}

extension [String: [TopicPartition]] {
    /// Partitions as `topic-number`.
    var names: [String: [String]] { mapValues { $0.map { "\($0.topic)-\($0.partition)" } } }
}
