// The bytes of one simulated file: what programs see, and what of it a power cut would leave.
// Names are in `DiskTree`; what does survive is drawn in `CrashLottery`.

internal import DaybookModel

/// A file's bytes, live and durable.
///
/// `live` is what reads return. The durable content is not kept whole: it equals `live` but for the sectors in `undo`, which
/// hold what was durable before they were written. So a write costs what it moves, and a flush what was written.
struct DiskFile {
    static let sectorSize = 512

    private(set) var live: [UInt8] = []
    /// Bytes; the durable content ends here.
    private(set) var durableSize = 0
    /// The smallest and largest length since the last flush: a crash may leave any between them.
    private(set) var sizes = 0...0
    /// Durable content of overwritten sectors, by number, whole sectors each.
    private var undo: [Int: [UInt8]] = [:]
    /// Sectors written since the last flush.
    private(set) var dirty = RangeSet<Int>()
    /// Sectors that the system gave up after a failed flush: programs see them, no flush makes them durable.
    private(set) var abandoned = RangeSet<Int>()
    /// How many write-backs of this file failed.
    private(set) var failuresCount = 0

    var modified: Timestamp
    private(set) var durableModified: Timestamp
    /// Names of this file, as programs see them.
    var linksCount = 0
    /// Descriptors of this file.
    var opensCount = 0

    init(modified: Timestamp) {
        self.modified = modified
        durableModified = modified
    }

    /// A file whose bytes are all durable.
    init(_ bytes: [UInt8], modified: Timestamp) {
        self.init(modified: modified)
        live = bytes
        durableSize = bytes.count
        sizes = bytes.count...bytes.count
    }

    var size: Int { live.count }
    var isUsed: Bool { linksCount > 0 || opensCount > 0 }
    /// Whether a crash could take anything back.
    var isAtRisk: Bool {
        !dirty.isEmpty || !abandoned.isEmpty || sizes.lowerBound != sizes.upperBound || durableSize != size
    }

    // MARK: what programs do

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
        let count = min(buffer.count, live.count - position)
        guard count > 0 else { return 0 }
        live.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        return count
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        guard !bytes.isEmpty else { return }
        // Between the old end and the place written stand zeros, as new as the bytes themselves.
        touch(min(position, size)..<position + bytes.count)
        if position > size { live.append(contentsOf: repeatElement(0, count: position - size)) }
        let overlap = min(bytes.count, size - position)
        if overlap > 0 {
            live.withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[position..<position + overlap])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(overlap)))
            }
        }
        if overlap < bytes.count { live.append(contentsOf: bytes[overlap...]) }
        noteSize()
    }

    mutating func truncate(to size: Int) {
        if size < live.count {
            touch(size..<live.count)
            live.removeLast(live.count - size)
        } else if size > live.count {
            touch(live.count..<size)
            live.append(contentsOf: repeatElement(0, count: size - live.count))
        }
        noteSize()
    }

    private mutating func noteSize() { sizes = min(sizes.lowerBound, size)...max(sizes.upperBound, size) }

    /// Marks what is about to be written as unflushed, and keeps what was durable there.
    private mutating func touch(_ bytes: Range<Int>) {
        let sectors = Self.sectors(of: bytes)
        if let last = dirty.ranges.last, last.lowerBound <= sectors.lowerBound, sectors.upperBound <= last.upperBound {
            // Written already since the last flush.
        } else {
            dirty.insert(contentsOf: sectors)
        }
        for sector in sectors.clamped(to: Self.sectors(of: 0..<durableSize)) where undo[sector] == nil {
            undo[sector] = liveSector(sector)
        }
    }

    // MARK: flushing

    /// Makes the length durable, and the bytes, but for those that a failed flush gave up.
    mutating func flush() {
        if abandoned.isEmpty {
            undo.removeAll(keepingCapacity: true)
        } else {
            for sector in dirty.ranges.joined() { undo[sector] = nil }
            abandoned.subtract(dirty)
        }
        dirty = RangeSet()
        durableSize = size
        sizes = size...size
    }

    /// The write-back fails: what was unflushed counts as clean from now on, and is durable nowhere.
    mutating func abandon() {
        failuresCount += 1
        for sector in dirty.ranges.joined() where undo[sector] == nil {
            undo[sector] = [UInt8](repeating: 0, count: Self.sectorSize)
        }
        abandoned.formUnion(dirty)
        dirty = RangeSet()
    }

    /// Changes bytes for programs and on the disk alike. Bytes beyond the end are not there to be changed.
    mutating func rot(_ bytes: Range<Int>, _ change: (UInt8) -> UInt8) -> Int {
        let range = bytes.clamped(to: 0..<size)
        for index in range {
            live[index] = change(live[index])
            let (sector, place) = index.quotientAndRemainder(dividingBy: Self.sectorSize)
            if let old = undo[sector]?[place] { undo[sector]?[place] = change(old) }
        }
        return range.count
    }

    // MARK: sectors

    static func sectors(of bytes: Range<Int>) -> Range<Int> {
        bytes.isEmpty
            ? bytes.lowerBound / sectorSize..<bytes.lowerBound / sectorSize
            : bytes.lowerBound / sectorSize..<(bytes.upperBound - 1) / sectorSize + 1
    }

    /// What programs see of a sector, zeros beyond the end.
    func liveSector(_ sector: Int) -> [UInt8] {
        let start = sector * Self.sectorSize
        var bytes = Array(live[min(start, size)..<min(start + Self.sectorSize, size)])
        bytes.append(contentsOf: repeatElement(0, count: Self.sectorSize - bytes.count))
        return bytes
    }

    /// What a crash leaves of a sector that did not reach the disk.
    func durableSector(_ sector: Int) -> [UInt8] {
        if let old = undo[sector] { return old }
        if sector * Self.sectorSize >= durableSize { return [UInt8](repeating: 0, count: Self.sectorSize) }
        return liveSector(sector)
    }
}
