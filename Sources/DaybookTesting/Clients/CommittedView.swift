// The committed records of a partition, found by its batches and markers alone: no part of the engine that filters for readers is
// asked, so that one can be held against the other.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// What readers of committed records must be able to see of a partition.
struct CommittedView {
    /// In the order of offsets.
    let handed: [ClientHistory.Handed]

    /// Reads all there is. Records of transactions that have no end are left out.
    init(of partition: TopicPartition, in daybook: Daybook) async throws {
        var pending: [ProducerID: [ClientHistory.Handed]] = [:]
        var committed: [ClientHistory.Handed] = []
        var next = try await daybook.offsets(partition).logStartOffset
        while true {
            let result = try await daybook.read(partition, from: next, isolation: .durable)
            if result.isEmpty { break }
            for batch in result.batches {
                if batch.isControl {
                    var kind: ControlRecord.Kind?
                    try batch.forEach { kind = ControlRecord(key: $0.key, value: $0.value)?.kind }
                    let records = pending.removeValue(forKey: batch.producer.id) ?? []
                    if kind == .commit { committed += records }
                } else {
                    var records: [ClientHistory.Handed] = []
                    try batch.forEach {
                        records.append(ClientHistory.Handed($0.offset, SimulatedClient.number(of: $0)))
                    }
                    if batch.isTransactional {
                        pending[batch.producer.id, default: []] += records
                    } else {
                        committed += records
                    }
                }
            }
            next = result.nextOffset
        }
        handed = committed.sorted { $0.offset < $1.offset }
    }
}
