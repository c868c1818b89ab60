// `daybook lanes hold`, `release`, `retry` and `resume`: decisions about the keys of a group, and about the group as a whole.
// Carried out by the processor that has the group, or on its journal where nobody has the directory open.

import ArgumentParser
import Daybook
import DaybookProcessing

/// Which lane of a key, and what decisions about it share.
struct LaneDecisionOptions: ParsableArguments {
    @OptionGroup var lane: LaneKeyOptions
    @Option(help: "The topic; needed where the group reads several and nothing waits under this key.")
    var topic: String?
    @Option(help: "The partition, where the producer chose another one than the key's.")
    var partition: Int32?
    @OptionGroup var group: ProcessingGroupOptions
    @OptionGroup var decision: DecisionOptions
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if let partition, partition < 0 { throw ValidationError("--partition needs a number from 0 upwards.") }
        if partition != nil, topic == nil { throw ValidationError("A partition is one of a topic: add --topic.") }
    }

    /// Decides about each lane that is meant, and prints what became of it.
    func decide(
        _ sentence: String, _ operation: ([UInt8], TopicPartition) -> GroupDecision.Operation
    ) async throws {
        let directory = try data.directory()
        let key = try lane.bytes()
        let by = try decision.decider()
        let partitions = try await partitions(directory, key)
        let name = try await groupName(directory, group)
        var places: [EventPlace] = []
        try await withAdministration(directory) { administration in
            let group = GroupAdministration(administration, group: name)
            for partition in partitions {
                let decided = GroupDecision(operation(key, partition), by: by, note: decision.note)
                places += try await group.decide(decided).places
            }
        }
        if json {
            let object: JSONValue = [
                "group": .string(name), "key": .string(lane.key),
                "partitions": .array(partitions.map { .string($0.description) }),
                "events": .array(places.map { .string($0.text) }),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        let what = partitions.map(\.description).joined(separator: ", ")
        let events = places.isEmpty ? "" : ": \(places.map(\.text).joined(separator: ", "))"
        try StandardStream.output.writeLine(
            DisplayText.escaped("\(sentence) \(lane.key) in \(what) of group \(name)\(events)."))
    }

    /// Those where something waits or is held; otherwise where producers put the key.
    private func partitions(_ directory: String, _ key: [UInt8]) async throws -> [TopicPartition] {
        try await withReader(directory) { daybook in
            let stored = try await StoredGroup(try group.name(in: daybook), in: daybook)
            let mine = stored.committed.keys.filter { topic == nil || $0.topic.description == topic }.sorted()
            if let topic, mine.isEmpty {
                throw CommandFailure("Group \(stored.name) reads no topic \(topic).")
            }
            if let partition {
                let chosen = mine.filter { $0.partition == partition }
                guard !chosen.isEmpty else {
                    throw CommandFailure("Group \(stored.name) reads no partition \(partition) of \(topic ?? "").")
                }
                return chosen
            }
            let known = try await stored.lanes(of: key).map(\.topicPartition).filter { mine.contains($0) }
            if !known.isEmpty { return known }
            let topics = Set(mine.map(\.topic))
            guard topics.count == 1, let topic = topics.first else {
                throw CommandFailure(
                    "Nothing waits under the key \(lane.key), and the group reads several topics: name one with --topic."
                )
            }
            let number = DefaultPartitioner.partition(
                forKey: key, partitionsCount: try daybook.topic(topic.description).partitionsCount)
            return [TopicPartition(topic: topic, partition: number)]
        }
    }
}

/// `lanes hold`.
struct LanesHold: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Take up no event of a key any more, until it is released.",
        discussion: "An attempt that is under way ends as ever. Other keys are not concerned.")

    @OptionGroup var options: LaneDecisionOptions
    func run() async throws { try await options.decide("Held") { .hold(key: $0, of: $1) } }
}

/// `lanes release`.
struct LanesRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Go on with a key that was held.")

    @OptionGroup var options: LaneDecisionOptions
    func run() async throws { try await options.decide("Released") { .release(key: $0, of: $1) } }
}

/// `lanes retry`.
struct LanesRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try the head of a key's lane again now, instead of when it is due.",
        discussion: """
            For an event that has failed and waits for its next attempt. Attempts are counted as ever, and the limits of its \
            downstream stay. A dead letter is redriven instead.
            """)

    @OptionGroup var options: LaneDecisionOptions
    func run() async throws { try await options.decide("Due now:") { .retry(key: $0, of: $1) } }
}

/// `lanes resume`.
struct LanesResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a group that has stopped because of its dead letters.",
        discussion: """
            A group stops by itself when too many events are dead-lettered or parked: something else is wrong then than the events. \
            It stays stopped, also after a restart, until it is resumed.
            """)

    @OptionGroup var group: ProcessingGroupOptions
    @OptionGroup var decision: DecisionOptions
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let by = try decision.decider()
        let (name, outcome) = try await DaybookCLI.decide(
            try data.directory(), group, GroupDecision(.resume, by: by, note: decision.note))
        if json {
            let object: JSONValue = ["group": .string(name), "applied": .bool(outcome.hasChanged)]
            return try StandardStream.output.writeLine(object.text)
        }
        try StandardStream.output.writeLine(
            DisplayText.escaped(outcome.hasChanged ? "Group \(name) goes on." : "Group \(name) was not stopped."))
    }
}
