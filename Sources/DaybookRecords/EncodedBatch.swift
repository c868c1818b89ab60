// One sealed record batch that owns its bytes, on its way from a builder (or from outside) to a partition's log.
// The partition stamps base offset and leader epoch into it, which lie before the checksum.

package import DaybookModel

/// The bytes of one record batch, owned.
///
/// Safety: the bytes are written by `RecordBatchBuilder` before the object exists for anybody else, and afterwards only
/// by the one partition that appends it, while it holds the partition's lock. Handing a batch to a partition gives it
/// away; nobody else reads it while it is stamped. That is why the class may cross threads unchecked.
package final class EncodedBatch: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    package private(set) var header: BatchHeader

    /// Takes over `memory`, which was allocated and begins with the sealed batch that `header` describes.
    init(adopting memory: UnsafeMutableRawBufferPointer, header: BatchHeader) {
        self.memory = memory
        self.header = header
    }

    deinit { IdleMemory.give(back: memory) }

    /// Copies a whole batch from outside and checks everything that a broker checks before it appends one.
    package convenience init(
        validating bytes: UnsafeRawBufferPointer, decoder: RecordDecoder, maximumSize: Int
    ) throws {
        let header = try BatchHeader.validateForAppend(bytes, decoder: decoder, maximumSize: maximumSize)
        let memory = IdleMemory.take(bytes.count)
        memory.copyMemory(from: bytes)
        self.init(adopting: memory, header: header)
    }

    package var count: Int { header.batchSize }
    package var recordsCount: Int { Int(header.recordsCount) }

    /// Calls `body` with the whole batch. The bytes are there until it returns; it must not stamp them.
    package func withBytes<R, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        // Only this keeps the memory: a bare pointer does not, and the compiler gives back what nobody names any more.
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }

    /// Gives the batch its place in a log. Leaves the checksum as it is. O(1).
    package func stamp(baseOffset: Offset, leaderEpoch: LeaderEpoch) {
        header.baseOffset = baseOffset
        header.leaderEpoch = leaderEpoch
        let base = memory.baseAddress!
        base.storeBigEndian(baseOffset.rawValue, at: BatchLayout.baseOffset)
        base.storeBigEndian(leaderEpoch.rawValue, at: BatchLayout.partitionLeaderEpoch)
    }

    /// Lets the batch cover the offsets up to `lastOffset` as well, which no batch holds any more. Computes the checksum
    /// anew. O(size).
    package func extend(through lastOffset: Offset) {
        header.lastOffsetDelta = Int32(header.baseOffset.distance(to: lastOffset))
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
    }

    /// Makes the append time the timestamp of every record, for topics that want it. Computes the checksum anew. O(size).
    package func stamp(appendTime: Timestamp) {
        header.attributes |= BatchAttributes.appendTime
        header.maxTimestamp = appendTime
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
    }
}
