// The sidecar of one segment on disk: read at open, appended to while the segment grows, finished when it is sealed.
// Written without flushes of its own: losing it costs a scan of the segment, nothing else.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// Reads and writes the sidecar of one segment. Not thread-safe.
package final class SidecarFile {
    private let identity: LogIdentity
    private let baseOffset: Offset
    private let path: FilePath
    private let pool: DescriptorPool
    /// Bytes of sound blocks; what stands behind them is cut before the next block is written.
    private var length = 0
    private var nextNumber: UInt32 = 0
    private var entriesWritten = 0
    private var timesWritten = 0
    private var abortedWritten = 0
    private var mayHoldMore = true
    /// How far the last block reaches.
    private(set) var coveredSize = Position.zero
    private(set) var isSealedAndFlushed = false
    /// Why the sidecar could not be read or written the last time that happened. It costs time, nothing else.
    private(set) var failure: FileError?

    /// `suffix` is for a sidecar that is yet to get its name.
    init(
        identity: LogIdentity, baseOffset: Offset, directory: FilePath, pool: DescriptorPool, suffix: String = ""
    ) {
        self.identity = identity
        self.baseOffset = baseOffset
        self.path = directory.appending(SegmentName.sidecar(baseOffset) + suffix)
        self.pool = pool
    }

    /// What the blocks that may be trusted say, together.
    package struct Content {
        package var facts: SegmentFacts
        package var index: SegmentIndex
        /// The producers behind the covered bytes.
        package var producers: ProducerStateTable
        package var isSealed: Bool
        /// The covered bytes are known to have been flushed.
        package var isFlushed: Bool
    }

    /// Reads all blocks that may be trusted and prepares to append behind them; nil when there is none.
    ///
    /// `trustUnflushed`: blocks about bytes that had not been flushed count as well, because the machine has not been
    /// restarted since. The file's absence, damage, another segment's content in it, or that it cannot be read: all
    /// mean nil. Blocks that speak of offsets from `limit` on are left out, with all behind them. O(size).
    func load(trustUnflushed: Bool, upTo limit: Offset = .max) -> Content? {
        forget()
        let bytes: [UInt8]
        do throws(FileError) {
            let content = try persistently { () throws(FileError) in
                try AtomicFile.read(path, limit: Self.largest, in: pool.fileSystem)
            }
            mayHoldMore = content != nil
            guard let content else { return nil }
            bytes = content
        } catch {
            failure = error
            return nil
        }
        var content: Content?
        var pending: [SidecarBlock] = []
        var place = 0
        bytes.withUnsafeBytes { buffer in
            while place < buffer.count,
                let block = SidecarBlock(
                    decoding: UnsafeRawBufferPointer(rebasing: buffer[place...]), for: identity, baseOffset: baseOffset),
                block.number == nextNumber &+ UInt32(pending.count), block.isPossible, block.facts.nextOffset <= limit
            {
                place += Int(BigEndianBytes(buffer).integer(at: place + SidecarLayout.blockLength, as: UInt32.self))
                pending.append(block)
                guard block.isFlushed || trustUnflushed else { continue }
                // A flushed block vouches for the ones before it, which cover less.
                for block in pending { adopt(block, into: &content) }
                pending = []
                length = place
            }
        }
        mayHoldMore = length < bytes.count
        return content
    }

    private func adopt(_ block: SidecarBlock, into content: inout Content?) {
        var index = content?.index ?? SegmentIndex()
        index.append(entries: block.entries, appendTimes: block.appendTimes, aborted: block.aborted)
        entriesWritten += block.entries.count
        timesWritten += block.appendTimes.count
        abortedWritten += block.aborted.count
        nextNumber = block.number &+ 1
        coveredSize = block.facts.size
        isSealedAndFlushed = block.isSealed && block.isFlushed
        content = Content(
            facts: block.facts, index: index, producers: block.producers, isSealed: block.isSealed,
            isFlushed: block.isFlushed)
    }

    /// The last block of a sidecar that seals its segment.
    struct Seal {
        let facts: SegmentFacts
        /// The producers behind the segment.
        let producers: ProducerStateTable
        let isFlushed: Bool
    }

    /// Reads only the last block, for a segment that should be sealed; nil when it does not seal `size` bytes.
    ///
    /// One read of a few kilobytes, however large the index is.
    func loadSeal(size: Int, trustUnflushed: Bool) -> Seal? {
        do throws(FileError) {
            return try persistently { () throws(FileError) in
                try readSeal(size: size, trustUnflushed: trustUnflushed)
            }
        } catch {
            if error.errno != .noSuchFileOrDirectory { failure = error }
            return nil
        }
    }

    private func readSeal(
        size: Int, trustUnflushed: Bool
    ) throws(FileError) -> Seal? {
        let file = try uninterrupted { () throws(FileError) in try pool.fileSystem.open(path, .read) }
        let total = try uninterrupted { () throws(FileError) in try file.status() }.size
        guard total <= Self.largest else { throw FileError(.read, path, .fileTooLarge) }
        var tail = 4096
        while true {
            let start = max(0, total - tail)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: total - start, alignment: 16)
            defer { buffer.deallocate() }
            let count = try file.readFully(into: buffer, at: Position(start))
            guard count == buffer.count, count >= SidecarLayout.body + SidecarLayout.trailerSize else { return nil }
            let trailer = BigEndianBytes(UnsafeRawBufferPointer(buffer))
            let blockLength = Int(trailer.integer(at: count - SidecarLayout.trailerSize, as: UInt32.self))
            guard trailer.integer(at: count - 4) == SidecarLayout.magicValue, blockLength <= total else { return nil }
            guard blockLength <= count else {
                tail = blockLength
                continue
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[(count - blockLength)...])
            guard let block = SidecarBlock(decoding: bytes, for: identity, baseOffset: baseOffset),
                block.isPossible, block.isSealed, block.facts.size.rawValue == size, block.isFlushed || trustUnflushed
            else { return nil }
            try file.close()
            isSealedAndFlushed = block.isFlushed
            coveredSize = block.facts.size
            // The blocks before hold the index entries: the next block goes behind them.
            length = total
            nextNumber = block.number &+ 1
            mayHoldMore = false
            return Seal(facts: block.facts, producers: block.producers, isFlushed: block.isFlushed)
        }
    }

    /// Whether every block before the seal, which `loadSeal` has just read, is there: nil. Where not, what is left tells when
    /// the segment's records were appended, the first of them included.
    ///
    /// A power cut may take the beginning of a file that nobody has flushed and leave its end. O(size), one checksum over it.
    func appendTimesOfRest(behind seal: Seal) -> [AppendTimeChange]? {
        let content: [UInt8]?
        do throws(FileError) {
            content = try persistently { () throws(FileError) in
                try AtomicFile.read(path, limit: Self.largest, in: pool.fileSystem)
            }
        } catch {
            // Nothing is known against it: whoever needs the blocks will see.
            failure = error
            return nil
        }
        guard let bytes = content, !isWhole(bytes) else { return nil }
        var changes = [AppendTimeChange(offset: baseOffset, time: seal.facts.firstAppendTime)]
        for summary in SidecarInspection(bytes).summaries
        where summary.topicID == identity.topicID && summary.partition == identity.topicPartition.partition
            && summary.facts.baseOffset == baseOffset
        {
            for change in summary.appendTimes where change.offset > changes[changes.count - 1].offset {
                changes.append(change)
            }
        }
        return changes
    }

    /// Whether `bytes` are blocks in their order, up to the one behind which the next goes.
    private func isWhole(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var place = 0
            var number: UInt32 = 0
            while place < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[place...])
                guard let length = SidecarBlock.length(in: rest, for: identity, baseOffset: baseOffset),
                    BigEndianBytes(rest).integer(at: SidecarLayout.number) == number
                else { return false }
                place += length
                number &+= 1
            }
            return place == length && number == nextNumber
        }
    }

    /// Reads once more when the first try was refused: whoever gives a sound sidecar up loses the append times in it.
    private func persistently<R>(_ read: () throws(FileError) -> R) throws(FileError) -> R {
        do {
            return try pool.withRoom(read)
        } catch {
            guard error.errno != .noSuchFileOrDirectory, error.errno != .fileTooLarge else { throw error }
            failure = error
            return try pool.withRoom(read)
        }
    }

    /// Writes one more block: `facts`, the producers behind them, and the part of `index` that no block holds yet and
    /// `facts` covers.
    func append(
        facts: SegmentFacts, index: SegmentIndex, producers: ProducerStateTable, isSealed: Bool, isFlushed: Bool,
        flushes: Bool = false
    ) throws(FileError) {
        let entries = index.entries[min(entriesWritten, index.entries.count)...].prefix { $0.offset < facts.nextOffset }
        let times = index.appendTimes[min(timesWritten, index.appendTimes.count)...]
            .prefix { $0.offset < facts.nextOffset }
        let aborted = index.aborted[min(abortedWritten, index.aborted.count)...]
            .prefix { $0.lastOffset < facts.nextOffset }
        let block = SidecarBlock(
            number: nextNumber, isSealed: isSealed, isFlushed: isFlushed, facts: facts, entries: Array(entries),
            appendTimes: Array(times), aborted: Array(aborted), producers: producers)
        let bytes = block.encoded(for: identity)
        // Opened for each block: blocks are rare, and descriptors are better spent on segments.
        let file = try pool.withRoom { () throws(FileError) in try pool.fileSystem.open(path, .create) }
        if mayHoldMore { try uninterrupted { () throws(FileError) in try file.truncate(to: length) } }
        mayHoldMore = true
        try Self.write(bytes, to: file, at: Position(length))
        if flushes { try uninterrupted { () throws(FileError) in try file.flush() } }
        try file.close()
        mayHoldMore = false
        length += bytes.count
        nextNumber &+= 1
        entriesWritten += entries.count
        timesWritten += times.count
        abortedWritten += aborted.count
        coveredSize = facts.size
        isSealedAndFlushed = isSealed && isFlushed
    }

    /// Replaces all there is by one block about a sealed, flushed segment; durable but for the file's name.
    func replace(facts: SegmentFacts, index: SegmentIndex, producers: ProducerStateTable) throws(FileError) {
        forget()
        try append(
            facts: facts, index: index, producers: producers, isSealed: true, isFlushed: true, flushes: true)
    }

    /// As `append`; a failure is remembered, not thrown.
    func tryAppend(
        facts: SegmentFacts, index: SegmentIndex, producers: ProducerStateTable, isSealed: Bool, isFlushed: Bool,
        flushes: Bool = false
    ) {
        do throws(FileError) {
            try append(
                facts: facts, index: index, producers: producers, isSealed: isSealed, isFlushed: isFlushed,
                flushes: flushes)
        } catch {
            failure = error
        }
    }

    /// Cuts what was not trusted off the file. Before the segment grows again: to a later open, on the same start of the
    /// machine, blocks of an earlier life would look like this one's.
    ///
    /// A failure is remembered, not thrown.
    func tryCutUntrusted() {
        guard mayHoldMore else { return }
        do throws(FileError) {
            try cutUntrusted()
        } catch {
            failure = error
        }
    }

    private func cutUntrusted() throws(FileError) {
        let file = try pool.withRoom { () throws(FileError) in try pool.fileSystem.open(path, .readWrite) }
        try uninterrupted { () throws(FileError) in try file.truncate(to: length) }
        try file.close()
        mayHoldMore = false
    }

    /// No sidecar is larger; what is, is something else.
    private static var largest: Int { 64 << 20 }

    /// Begins anew: the next block written replaces all there is.
    func forget() {
        (length, nextNumber, entriesWritten, timesWritten, abortedWritten) = (0, 0, 0, 0, 0)
        coveredSize = .zero
        isSealedAndFlushed = false
        mayHoldMore = true
    }

    private static func write(_ bytes: [UInt8], to file: any File, at position: Position) throws(FileError) {
        try bytes.withUnsafeBytes { buffer -> Result<Void, FileError> in
            Result { () throws(FileError) in try file.writeFully(buffer, at: position) }
        }.get()
    }
}
