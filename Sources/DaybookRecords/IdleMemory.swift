// Memory for reads and for batches, used again and again: to have the system map a quarter of a mebibyte anew for every read
// costs more than the read. Taken by `FetchBuffer`, `RecordBatchBuilder` and `EncodedBatch`, which know when it is free again.

internal import Synchronization

/// Blocks that nobody uses at the moment.
enum IdleMemory {
    /// Safety: a block is here or with one buffer, never both; the mutex orders the two.
    private struct Idle: @unchecked Sendable {
        var blocks: [UnsafeMutableRawBufferPointer] = []
        var bytes = 0
    }
    private static let idle = Mutex(Idle())
    /// Smaller ones cost nothing to make, larger ones are rare.
    private static let kept = 16 << 10...2 << 20
    private static let largestSum = 4 << 20
    private static let largestCount = 32

    /// At least `count` bytes, which are whatever was there before. To be given back once.
    static func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let block = idle.withLock { idle -> UnsafeMutableRawBufferPointer? in
            // The one that was used last is still in the processor's cache. None is taken for much less than it holds.
            guard let index = idle.blocks.lastIndex(where: { $0.count >= count && $0.count / 2 <= count }) else {
                return nil
            }
            idle.bytes -= idle.blocks[index].count
            return idle.blocks.remove(at: index)
        }
        // Rounded up, so that blocks for nearly the same amount can take each other's place.
        return block ?? .allocate(byteCount: count < kept.lowerBound ? count : (count + 0xfff) & ~0xfff, alignment: 16)
    }

    /// Takes a block back, whoever allocated it.
    static func give(back block: UnsafeMutableRawBufferPointer) {
        guard kept.contains(block.count) else { return block.deallocate() }
        let surplus = idle.withLock { idle -> UnsafeMutableRawBufferPointer? in
            idle.blocks.append(block)
            idle.bytes += block.count
            guard idle.bytes > largestSum || idle.blocks.count > largestCount else { return nil }
            idle.bytes -= idle.blocks[0].count
            return idle.blocks.removeFirst()
        }
        surplus?.deallocate()
    }
}
