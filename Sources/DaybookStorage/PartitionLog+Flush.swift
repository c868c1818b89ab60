// Making appended bytes durable, in three steps so that the middle one, which blocks, holds up nobody: note down what
// is to be flushed, flush it without the log, take note that it happened.

package import DaybookFiles
package import DaybookModel
internal import SystemPackage

/// What one flush covers. Made under the log's lock, run without it, given back under it.
package struct FlushTicket: Sendable {
    fileprivate struct Item: Sendable {
        let file: PooledFile
        let baseOffset: Offset
        let facts: SegmentFacts
        let inherited: Range<Position>?
        /// The producers behind `facts`, where a sidecar block will be due that needs them.
        let producers: ProducerStateTable?
    }

    fileprivate let items: [Item]
    /// The folder to flush, when names in it are new.
    fileprivate let directory: FilePath?
    fileprivate let pool: DescriptorPool
    /// Nothing on disk tells yet that everything before the active segment is durable: whoever runs the ticket then writes down
    /// how far the log is durable, before anybody hears of it. Recovery goes by that where it finds bytes of earlier ones lost.
    package let beginsSegment: Bool
    /// Everything below is durable once `run` has returned.
    package let nextOffset: Offset

    /// Flushes. Blocks for as long as the disk takes. May run beside appends and reads of the same log.
    package func run() -> FlushOutcome {
        do throws(FileError) {
            for item in items {
                if let inherited = item.inherited { try Self.rewrite(inherited, of: item.file) }
                try item.file.flush()
            }
            // The name last: whoever finds the file after a crash then finds its bytes.
            if let directory {
                try pool.withRoom { () throws(FileError) in try pool.fileSystem.flushDirectory(directory) }
            }
            return FlushOutcome(ticket: self, failure: nil)
        } catch {
            return FlushOutcome(ticket: self, failure: error)
        }
    }

    /// Writes bytes that are in the file already once more, so that the flush that follows really writes them.
    private static func rewrite(_ range: Range<Position>, of file: PooledFile) throws(FileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let wanted = min(buffer.count, position.distance(to: range.upperBound))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count > 0 else { return }
            try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: position)
            position = position.advanced(by: count)
        }
    }
}

/// How a flush ended.
package struct FlushOutcome: Sendable {
    fileprivate let ticket: FlushTicket
    package let failure: FileError?
    package var nextOffset: Offset { ticket.nextOffset }
}

extension PartitionLog {
    /// After this many newly flushed bytes the sidecar of the active segment gets another block.
    private static var sidecarInterval: Int { 8 << 20 }

    /// Notes down everything that has been appended and not flushed. O(unflushed segments).
    package func beginFlush() throws(StorageError) -> FlushTicket {
        if let poison { throw .poisoned(cause: poison) }
        // Behind a flushed segment all are; an empty one, found at recovery, says nothing about those before it.
        let items = segments.reversed().prefix { $0.hasUnflushedBytes || $0 === activeSegment || $0.size == .zero }
            .reversed().filter(\.hasUnflushedBytes)
            .map {
                FlushTicket.Item(
                    file: $0.file, baseOffset: $0.baseOffset, facts: $0.facts, inherited: $0.inherited,
                    producers: $0 === activeSegment && isBlockDue($0, $0.facts) ? producers : nil)
            }
        let flushesNames = hasUnflushedNames
        hasUnflushedNames = false
        return FlushTicket(
            items: items, directory: flushesNames ? directory : nil, pool: pool,
            beginsSegment: savedDurableTo < activeSegment.baseOffset, nextOffset: logEndOffset)
    }

    /// Takes note of a flush. After a failure the log is poisoned: what was written may be lost, and a second flush
    /// that succeeds would prove nothing.
    package func finishFlush(_ outcome: FlushOutcome) throws(StorageError) {
        if let failure = outcome.failure {
            poison = poison ?? failure
            throw .poisoned(cause: failure)
        }
        for item in outcome.ticket.items {
            guard let segment = segments.last(where: { $0.baseOffset == item.baseOffset }) else { continue }
            segment.flushedSize = max(segment.flushedSize, item.facts.size)
            if item.inherited != nil { segment.inherited = nil }
            noteFlushed(segment, item)
        }
        recoveryPoint = max(recoveryPoint, outcome.nextOffset)
        noteDurableMarkers()
        checkInvariant()
    }

    private func isBlockDue(_ segment: Segment, _ facts: SegmentFacts) -> Bool {
        segment.sidecar.coveredSize.distance(to: facts.size) >= Self.sidecarInterval
    }

    /// Writes a sidecar block where that is due.
    private func noteFlushed(_ segment: Segment, _ item: FlushTicket.Item) {
        guard segment.isSealed else {
            if isBlockDue(segment, item.facts), let producers = item.producers {
                writeSidecar(of: segment, facts: item.facts, producers, isFlushed: true)
            }
            return
        }
        guard !segment.hasUnflushedBytes, !segment.sidecar.isSealedAndFlushed else { return }
        do throws(FileError) {
            let producers = try self.producers(behind: segment)
            if segment.index == nil, segment.sidecar.coveredSize == segment.size {
                // Only the word "flushed" is missing; the entries are in the blocks before.
                try segment.sidecar.append(
                    facts: segment.facts, index: SegmentIndex(), producers: producers, isSealed: true, isFlushed: true)
                segment.producers = nil
            } else {
                writeSidecar(of: segment, facts: segment.facts, producers, isFlushed: true)
            }
        } catch {
            sidecarFailure = error
        }
    }

    /// The three steps in one, for callers that may block. Returns the offset below which all is durable.
    @discardableResult
    package func flush() throws(StorageError) -> Offset {
        let ticket = try beginFlush()
        let outcome = ticket.run()
        if ticket.beginsSegment, outcome.failure == nil {
            // Without it recovery may have to take rot for a torn tail. The next flush tries again.
            do throws(FileError) { try saveCheckpoint(durableTo: outcome.nextOffset) } catch {}
        }
        try finishFlush(outcome)
        return outcome.nextOffset
    }
}
