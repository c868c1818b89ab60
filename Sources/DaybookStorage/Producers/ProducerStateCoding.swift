// Producer states as bytes, for sidecars, and as words, for checkpoints. Both come from a disk: every number is checked
// against what a log can hold.

package import DaybookModel
internal import DaybookRecords

/// The producers as they were at a place in the log.
package struct ProducerSnapshot: Hashable, Sendable {
    /// Batches before this offset are in the table, those from here on are not.
    package var offset: Offset
    package var table: ProducerStateTable

    package init(offset: Offset, table: ProducerStateTable) {
        self.offset = offset
        self.table = table
    }
}

extension ProducerState {
    /// What no log goes beyond.
    private static let offsets: Range<Int64> = 0..<1 << 62
    private static let none: Int64 = -1

    /// Id, epoch, coordinator epoch, first offset of the open transaction (−1 none), last time, number of batches; and for
    /// each of them base sequence, last delta, base offset, append time.
    fileprivate var numbers: [Int64] {
        var numbers = [
            id.rawValue, Int64(epoch), Int64(coordinatorEpoch), transactionStart?.rawValue ?? Self.none,
            lastTime.rawValue, Int64(batches.count),
        ]
        for index in batches.indices {
            let batch = batches[index]
            numbers += [
                Int64(batch.baseSequence), Int64(batch.lastDelta), batch.baseOffset.rawValue, batch.appendTime.rawValue,
            ]
        }
        return numbers
    }

    fileprivate static let headCount = 6
    fileprivate static let batchCount = 4

    /// The state that these numbers tell; nil when no producer can be so.
    fileprivate init?(numbers: [Int64]) {
        guard numbers.count >= Self.headCount, numbers[0] >= 0, let epoch = Int16(exactly: numbers[1]), epoch >= 0,
            let coordinatorEpoch = Int32(exactly: numbers[2]), coordinatorEpoch >= -1,
            numbers[3] == Self.none || Self.offsets.contains(numbers[3]),
            (0...Int64(RecentBatches.capacity)).contains(numbers[5]),
            numbers.count == Self.headCount + Int(numbers[5]) * Self.batchCount
        else { return nil }
        self.init(
            id: ProducerID(rawValue: numbers[0]), epoch: epoch, lastTime: Timestamp(milliseconds: numbers[4]))
        self.coordinatorEpoch = coordinatorEpoch
        if numbers[3] != Self.none { transactionStart = Offset(numbers[3]) }
        for start in stride(from: Self.headCount, to: numbers.count, by: Self.batchCount) {
            guard let sequence = Int32(exactly: numbers[start]), let delta = Int32(exactly: numbers[start + 1]),
                sequence >= 0, delta >= 0, Self.offsets.contains(numbers[start + 2])
            else { return nil }
            batches.append(
                ProducedBatch(
                    baseSequence: sequence, lastDelta: delta, baseOffset: Offset(numbers[start + 2]),
                    appendTime: Timestamp(milliseconds: numbers[start + 3])))
        }
    }

    /// The state as words, as it stands in a checkpoint.
    var words: String { numbers.map(String.init).joined(separator: " ") }

    /// Nil for every text that is no state.
    init?(words: String) {
        let words = words.split(separator: " ")
        let numbers = words.compactMap { Int64($0) }
        guard numbers.count == words.count else { return nil }
        self.init(numbers: numbers)
    }
}

extension ProducerStateTable {
    /// The states in the order of producer ids, each as a row of zigzag varints. O(producers × log producers).
    func encode(to writer: inout ByteWriter) {
        for state in sorted { for number in state.numbers { writer.varint(number) } }
    }

    /// Nil when the bytes are not whole states of different producers, in the order of their ids.
    init?(decoding bytes: UnsafeRawBufferPointer) {
        var states: [ProducerState] = []
        var place = 0
        while place < bytes.count {
            var numbers: [Int64] = []
            var wanted = ProducerState.headCount
            while numbers.count < wanted {
                guard let number = Varint.read(bytes, at: &place) else { return nil }
                numbers.append(number)
                if numbers.count == ProducerState.headCount {
                    guard (0...Int64(RecentBatches.capacity)).contains(number) else { return nil }
                    wanted += Int(number) * ProducerState.batchCount
                }
            }
            guard let state = ProducerState(numbers: numbers),
                states.last.map({ $0.id.rawValue < state.id.rawValue }) ?? true
            else { return nil }
            states.append(state)
        }
        self.init(states)
    }

    /// Nil when two states are of the same producer.
    init?(distinct states: [ProducerState]) {
        guard Set(states.map(\.id)).count == states.count else { return nil }
        self.init(states)
    }

    /// Whether all that the table tells lies before `offset`.
    func isPossible(before offset: Offset) -> Bool {
        sorted.allSatisfy { state in
            (state.transactionStart ?? .zero) <= offset
                && state.batches.indices.allSatisfy { state.batches[$0].nextOffset <= offset }
        }
    }
}
