// Markers that have been written of transactions which are still open in other partitions: they say what was decided, also where
// damage has taken the decision. What follows is decided by `TransactionRecoveryPlan`.

package import DaybookModel
package import DaybookRecords
internal import DaybookStorage

/// The end of a transaction in one partition, of which another partition has no end.
package struct TransactionWitness: Hashable, Sendable {
    package let topicPartition: TopicPartition
    package let producer: ProducerID
    /// The marker's: one above that of the transaction's records.
    package let epoch: Int16
    package let kind: ControlRecord.Kind

    package init(topicPartition: TopicPartition, producer: ProducerID, epoch: Int16, kind: ControlRecord.Kind) {
        self.topicPartition = topicPartition
        self.producer = producer
        self.epoch = epoch
        self.kind = kind
    }

    func isAbout(_ transaction: OpenTransaction) -> Bool {
        producer == transaction.producer && Int32(epoch) == Int32(transaction.epoch) + 1
    }

    /// The markers of transactions that are open elsewhere, in the order of `partitions`. Blocks. O(partitions), and a look into
    /// the log where a partition has such a marker.
    static func find(
        for open: [(TopicPartition, [OpenTransaction])], in partitions: [Partition]
    ) throws(DaybookError) -> [TransactionWitness] {
        if open.isEmpty { return [] }
        let wanted = Set(open.flatMap { $0.1 }.filter { $0.epoch < .max }.map { Marker($0.producer, $0.epoch + 1) })
        var found: [TransactionWitness] = []
        for partition in partitions {
            for marker in wanted.sorted() {
                guard let kind = try partition.marker(of: marker.producer, epoch: marker.epoch) else { continue }
                found.append(
                    TransactionWitness(
                        topicPartition: partition.topicPartition, producer: marker.producer, epoch: marker.epoch,
                        kind: kind))
            }
        }
        return found
    }

    private struct Marker: Hashable, Comparable {
        let producer: ProducerID
        let epoch: Int16

        init(_ producer: ProducerID, _ epoch: Int16) { (self.producer, self.epoch) = (producer, epoch) }

        static func < (a: Marker, b: Marker) -> Bool {
            (a.producer.rawValue, a.epoch) < (b.producer.rawValue, b.epoch)
        }
    }
}

extension Partition {
    /// The kind of the producer's last marker, if it has that epoch and nothing has come behind it. Blocks; reads from the first
    /// batch of that moment on.
    fileprivate func marker(of producer: ProducerID, epoch: Int16) throws(DaybookError) -> ControlRecord.Kind? {
        guard let state = withLog({ $0.producers[producer] }), state.epoch == epoch, state.transactionStart == nil,
            var next = try offsetBlocking(appendedAtOrAfter: state.lastTime, isolation: .durable)
        else { return nil }
        while true {
            let result = try readBlocking(from: next, maximumBytes: 1 << 18, isolation: .durable)
            if result.isEmpty { return nil }
            for batch in result.batches {
                if batch.appendTime > state.lastTime { return nil }
                guard batch.isControl, batch.producer.id == producer, batch.producer.epoch == epoch else { continue }
                var kind: ControlRecord.Kind?
                // What cannot be decoded is no witness.
                do { try batch.forEach { kind = ControlRecord(key: $0.key, value: $0.value)?.kind } } catch {}
                if let kind { return kind }
            }
            next = result.nextOffset
        }
    }
}
