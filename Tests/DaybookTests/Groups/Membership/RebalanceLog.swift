// Members of a group in tests: consumers that write down what they are told, and are asked for records one after the other.

import Daybook
import DaybookModel
import DaybookTesting
import Synchronization

/// What members were told, in order: `A+0,1` for partitions that A got, `A-0` for those that it gave up, `A!0` for lost ones.
final class RebalanceLog: Sendable {
    private let lines = Mutex<[String]>([])

    /// The lines since this was asked last.
    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    func add(_ name: String, _ sign: String, _ partitions: [TopicPartition]) {
        let numbers = partitions.map { "\($0.partition)" }.joined(separator: ",")
        lines.withLock { $0.append(name + sign + numbers) }
    }

    /// A member's settings, whose callbacks write here.
    func member(
        _ name: String, assignors: [any GroupAssignor] = [.cooperativeSticky], instance: String? = nil,
        pollInterval: Duration = .seconds(300)
    ) -> GroupMemberConfiguration {
        GroupMemberConfiguration(
            assignors: assignors, instanceID: instance, clientID: name, maximumPollInterval: pollInterval,
            onAssigned: { self.add(name, "+", $1) }, onRevoked: { self.add(name, "-", $1) },
            onLost: { self.add(name, "!", $1) })
    }
}

extension SimulationLoop {
    /// Asks each consumer for records again and again, until the group has come to rest.
    func rest(_ consumers: Consumer...) async throws {
        for _ in 0..<6 {
            for consumer in consumers {
                _ = try await consumer.poll(timeout: .zero)
                await pass(.milliseconds(1))
            }
        }
    }
}

extension Consumer {
    /// The numbers of the partitions that it reads.
    var numbers: [Int32] { assignment.map(\.partition) }
}
