// Deletion, retention and scrubbing in a history. Records that were deleted must never come back once that was answered
// for; until then the log may start where it did or where it should.

internal import Daybook
internal import DaybookModel

extension Simulation {
    func deleteRecords(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        let topicPartition = self[place].topicPartition
        do {
            let offsets = try await engine().offsets(topicPartition)
            try see(offsets, place)
            let target = Int64.random(
                in: offsets.logStartOffset.rawValue...offsets.highWatermark.rawValue, using: &random)
            note("delete the records of \(topicPartition) before \(target)")
            self[place].mayDelete(before: target)
            let start = try await engine().deleteRecords(topicPartition, before: Offset(target))
            try self[place].delete(before: start.rawValue)
        } catch {
            try tolerate(error, while: "deleting records of \(topicPartition)")
        }
    }

    /// One pass: only topics with a limit may lose anything, and only from their beginning.
    func housekeep() async throws {
        note("keep house")
        let places = topics.indices.filter { !topics[$0].isHidden && topics[$0].isRetained }.flatMap { topic in
            topics[topic].partitions.indices.map { PartitionPlace(topic: topic, partition: $0) }
        }
        // A topic whose deletion was not answered for may be there still.
        for topic in topics.indices where topics[topic].isHidden && topics[topic].isRetained {
            for partition in topics[topic].partitions.indices {
                topics[topic].partitions[partition].mayDelete(before: .max)
            }
        }
        do {
            for place in places {
                let offsets = try await engine().offsets(self[place].topicPartition)
                try see(offsets, place)
                self[place].mayDelete(before: offsets.highWatermark.rawValue)
            }
            let report = try await engine().housekeep()
            let failed = Set(report.findings.filter { $0.kind == .failure }.map(\.topicPartition))
            if !failed.isEmpty { try tolerate(HousekeepingFailure(report), while: "keeping house") }
            for place in places where !failed.contains(self[place].topicPartition) {
                try self[place].delete(
                    before: try await engine().offsets(self[place].topicPartition).logStartOffset.rawValue)
            }
        } catch {
            try tolerate(error, while: "keeping house")
        }
    }

    /// Compacts a topic; records may go that others have replaced, and nothing else may change.
    func compact(_ random: inout SeededGenerator) async throws {
        let compacted = topics.filter { !$0.isHidden && $0.partitions[0].isCompacted }
        guard let topic = compacted.randomElement(using: &random) else { return }
        // A map of keys that holds a few of them, or all.
        let memory = ByteCount.bytes(Int.random(in: 0..<2, using: &random) == 0 ? 200 : 1 << 20)
        note("compact \(topic.name) in \(memory)")
        do {
            _ = try await engine().compact(topic.name, memory: memory)
        } catch {
            try tolerate(error, while: "compacting \(topic.name)")
        }
    }

    func scrub() async throws {
        note("scrub")
        do {
            _ = try await engine().scrub()
        } catch {
            try tolerate(error, while: "scrubbing")
        }
    }
}

/// A pass that could not do everything.
private struct HousekeepingFailure: Error, CustomStringConvertible {
    let description: String

    init(_ report: HousekeepingReport) {
        description = report.findings.map(\.description).joined(separator: "; ")
    }
}
