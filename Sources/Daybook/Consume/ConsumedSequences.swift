// The records of a consumer as sequences. They keep nothing themselves but the record they are at: what has not been handed
// out stays with the consumer.

internal import DaybookModel

/// What a consumer reads, batch by batch: see `Consumer.batches`.
public struct ConsumedBatches: AsyncSequence, Sendable {
    let fetcher: Fetcher
    /// Held for as long as somebody goes through the sequence.
    let consumer: Consumer

    /// Where somebody is in the sequence. Several of them share what there is.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let sequence: ConsumedBatches

        public mutating func next() async throws -> ConsumedBatch? {
            if let batch = try sequence.fetcher.nextIfReady() { return batch }
            return try await sequence.fetcher.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(sequence: self) }
}

/// What a consumer reads, record by record: see `Consumer.records`.
public struct ConsumedRecords: AsyncSequence, Sendable {
    let fetcher: Fetcher
    /// Held for as long as somebody goes through the sequence.
    let consumer: Consumer

    /// Where somebody is in the sequence. Records that it has not handed out are handed out to whoever asks next.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let sequence: ConsumedRecords
        /// The batch whose records are being handed out; it stays with the fetcher until the last of them.
        private var loan: Fetcher.Loan?
        private var records: [ConsumedRecord] = []
        private var index = 0
        private var position = Offset.zero
        /// Gaps that are to be told with the next record of their partition.
        private var gaps: [TopicPartition: [Gap]] = [:]

        fileprivate init(_ sequence: ConsumedRecords) { self.sequence = sequence }

        public mutating func next() async throws -> ConsumedRecord? {
            while true {
                if let record = nextOfLoan() { return record }
                guard let loan = try await sequence.fetcher.lend() else { return nil }
                records = try loan.piece.records()
                if !records.isEmpty {
                    (self.loan, index, position) = (loan, 0, loan.position)
                } else if sequence.fetcher.advance(
                    loan, from: loan.position, to: loan.piece.nextOffset, recordsCount: 0),
                    let gap = loan.piece.gap
                {
                    gaps[loan.piece.topicPartition, default: []].append(gap)
                }
            }
        }

        private mutating func nextOfLoan() -> ConsumedRecord? {
            guard let loan else { return nil }
            // What a group wants of its member is done between two records, not when the batch is used up.
            if let membership = sequence.fetcher.membership {
                membership.userIsBusy()
                if membership.needsAttention {
                    (self.loan, records) = (nil, [])
                    return nil
                }
            }
            var record = records[index]
            index += 1
            let isLast = index == records.count
            let next = isLast ? loan.piece.nextOffset : record.nextOffset
            // Whoever has moved the position meanwhile wants to go on there.
            let isOurs = sequence.fetcher.advance(loan, from: position, to: next)
            position = next
            if isLast || !isOurs { (self.loan, records) = (nil, []) }
            guard isOurs else { return nil }
            if !gaps.isEmpty { record.gaps = gaps.removeValue(forKey: record.topicPartition) ?? [] }
            return record
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
