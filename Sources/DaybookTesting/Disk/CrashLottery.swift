// What a power cut leaves of a simulated disk: drawn from the seed, within what real disks and file systems may do.
// Called by `SimulatedDisk.restart`; the state it works on is that of `DiskTree` and `DiskFile`.

internal import DaybookModel

/// How much of what was not flushed a power cut leaves.
public enum PowerCut: Hashable, Sendable, CaseIterable {
    /// Drawn from the disk's seed: any subset, and now and then one of the extremes below.
    case drawn
    /// Only what was flushed.
    case nothing
    /// All of it, as if the machine had only been stopped.
    case everything
    /// Of each file the first unflushed sector, and of all names the first one.
    case onlyFirst
    /// Of each file the last unflushed sector, and of all names the last one.
    case onlyLast
}

/// Draws what survives.
///
/// Of each file's unflushed sectors an arbitrary subset survives. In place of another stands what was there before, or, where
/// the new bytes differ from it, zeros, garbage or bytes of another file. Lengths and names are drawn independently.
struct CrashLottery {
    private var random: SeededGenerator
    private let cut: PowerCut
    private(set) var coverage = Coverage()

    init(_ cut: PowerCut, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        self.cut = cut == .drawn ? Self.draw(&random) : cut
    }

    private static func draw(_ random: inout SeededGenerator) -> PowerCut {
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1: .nothing
        case 2, 3: .everything
        case 4: .onlyFirst
        case 5: .onlyLast
        default: .drawn
        }
    }

    /// Cuts the power.
    mutating func strike(_ tree: inout DiskTree) {
        switch cut {
        case .drawn: break
        case .nothing: coverage.count(.nothingSurvived)
        case .everything: coverage.count(.everythingSurvived)
        case .onlyFirst: coverage.count(.onlyFirstSurvived)
        case .onlyLast: coverage.count(.onlyLastSurvived)
        }
        let numbers = tree.files.keys.sorted()
        let sources = numbers.filter { tree.files[$0]!.size > 0 }
        var survivors: [Int: DiskFile] = [:]
        for number in numbers where tree.files[number]!.isAtRisk {
            survivors[number] = survivor(of: tree.files[number]!, among: sources.map { tree.files[$0]! })
        }
        for change in survivingChanges(tree.changes) { tree.apply(change) }
        tree.settle(survivors)
    }

    // MARK: bytes

    /// Which of a file's unflushed sectors survive.
    private enum Subset {
        case none, all
        case first(Int)
        case last(Int)
        case each(Double)
    }

    /// What stands in place of a sector that does not survive.
    private enum Residue: CaseIterable {
        case old, zeros, garbage, foreign
    }

    private mutating func subset(of count: Int) -> Subset {
        switch cut {
        case .nothing: .none
        case .everything: .all
        case .onlyFirst: .first(1)
        case .onlyLast: .last(1)
        case .drawn:
            switch Int.random(in: 0..<8, using: &random) {
            case 0: .none
            case 1: .all
            case 2: .first(Int.random(in: 0...count, using: &random))
            case 3: .last(Int.random(in: 0...count, using: &random))
            case 4: .each(0.95)
            case 5: .each(0.05)
            default: .each(0.5)
            }
        }
    }

    private mutating func size(of file: DiskFile) -> Int {
        switch cut {
        case .nothing: return file.durableSize
        case .everything, .onlyFirst, .onlyLast: return file.size
        case .drawn:
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: return file.durableSize
            case 2, 3, 4: return file.size
            case 5: return file.sizes.lowerBound
            case 6: return file.sizes.upperBound
            default: return Int.random(in: file.sizes, using: &random)
            }
        }
    }

    private mutating func survivor(of file: DiskFile, among sources: [DiskFile]) -> DiskFile {
        let size = size(of: file)
        if file.durableSize != file.size {
            coverage.count(size == file.durableSize ? .sizeOld : size == file.size ? .sizeNew : .sizeBetween)
        }
        var bytes = Array(file.live.prefix(size))
        bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))

        let sectors = file.dirty.ranges.joined().prefix { $0 * DiskFile.sectorSize < size }
        let count = sectors.reduce(0) { count, _ in count + 1 }
        let subset = subset(of: count)
        let usual: Residue? =
            cut == .drawn && Bool.random(using: &random) ? Residue.allCases.randomElement(using: &random) : nil
        let foreign = Foreign(sources, at: (file.dirty.ranges.first?.lowerBound ?? 0) * DiskFile.sectorSize, &random)
        var hasLost = false
        var isOutOfOrder = false
        for (index, sector) in sectors.enumerated() {
            if survives(index, of: count, subset) {
                coverage.count(.sectorKept)
                isOutOfOrder = isOutOfOrder || hasLost
                continue
            }
            hasLost = true
            let residue = cut == .drawn ? usual ?? Residue.allCases.randomElement(using: &random)! : .old
            lose(sector, of: file, residue, foreign, &bytes)
        }
        if isOutOfOrder { coverage.count(.laterSectorOnly) }
        for sector in file.abandoned.subtracting(file.dirty).ranges.joined() where sector * DiskFile.sectorSize < size {
            coverage.count(.sectorAbandoned)
            lose(sector, of: file, nil, foreign, &bytes)
        }
        return DiskFile(bytes, modified: Bool.random(using: &random) ? file.modified : file.durableModified)
    }

    private mutating func survives(_ index: Int, of count: Int, _ subset: Subset) -> Bool {
        switch subset {
        case .none: false
        case .all: true
        case .first(let few): index < few
        case .last(let few): index >= count - few
        case .each(let rate): Double.random(in: 0..<1, using: &random) < rate
        }
    }

    /// Puts something else in place of a sector. Durable bytes that were written again as they were cannot change: a disk
    /// writes a sector whole or not at all, and what another file had cannot stand in their place.
    private mutating func lose(
        _ sector: Int, of file: DiskFile, _ residue: Residue?, _ foreign: Foreign?, _ bytes: inout [UInt8]
    ) {
        let start = sector * DiskFile.sectorSize
        let (old, new) = (file.durableSector(sector), file.liveSector(sector))
        let end = min(start + DiskFile.sectorSize, bytes.count)
        switch residue {
        case .old?: coverage.count(.sectorOld)
        case .zeros?: coverage.count(.sectorZero)
        case .garbage?: coverage.count(.sectorGarbage)
        case .foreign?: coverage.count(foreign == nil ? .sectorZero : .sectorForeign)
        case nil: break
        }
        for place in start..<end {
            let kept = old[place - start]
            let isChanged = place >= file.durableSize || kept != new[place - start]
            switch residue {
            case .zeros? where isChanged: bytes[place] = 0
            case .garbage? where isChanged: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case .foreign? where isChanged: bytes[place] = foreign?.byte(at: place) ?? 0
            default: bytes[place] = kept
            }
        }
    }

    // MARK: names

    private mutating func survivingChanges(_ changes: [DiskTree.Change]) -> [DiskTree.Change] {
        guard !changes.isEmpty else { return [] }
        let subset = subset(of: changes.count)
        var kept: Set<Int> = []
        for (index, change) in changes.enumerated() where survives(index, of: changes.count, subset) {
            kept.insert(change.number)
        }
        let all = Set(changes.map(\.number))
        for change in changes {
            // What a rename has not named anew keeps its name; a folder has one name at a time.
            guard let other = change.requires, all.contains(other) else { continue }
            if change.isDirectory {
                if kept.contains(other) { kept.insert(change.number) } else { kept.remove(change.number) }
            } else if kept.contains(change.number) {
                kept.insert(other)
            } else if kept.contains(other) {
                // Both names: only file systems without a journal do that, but they do. An extreme is not meant by it.
                if cut == .drawn, Bool.random(using: &random) {
                    coverage.count(.renameHalf)
                } else {
                    kept.insert(change.number)
                }
            }
        }
        coverage.count(.nameKept, kept.count)
        coverage.count(.nameLost, changes.count - kept.count)
        let renames = changes.filter { $0.isRename && $0.isAdded }
        if let last = renames.last(where: { kept.contains($0.number) }),
            renames.contains(where: { $0.number < last.number && !kept.contains($0.number) })
        {
            coverage.count(.renamesReordered)
        }
        var survivors = changes.filter { kept.contains($0.number) }
        if cut == .drawn, Int.random(in: 0..<4, using: &random) == 0 { reorder(&survivors) }
        return survivors
    }

    /// Lets an older rename to some name come after a newer one to the same name.
    private mutating func reorder(_ changes: inout [DiskTree.Change]) {
        for index in changes.indices where changes[index].isRename && changes[index].isAdded {
            let later = changes.indices.last {
                $0 > index && changes[$0].isRename && changes[$0].isAdded && changes[$0].name == changes[index].name
                    && changes[$0].directory == changes[index].directory
            }
            guard let later else { continue }
            coverage.count(.olderRenameWon)
            changes.swapAt(index, later)
        }
    }
}

/// Bytes of another file, as a disk gives them that has put an old block in place of a new one.
private struct Foreign {
    private let source: [UInt8]
    /// What is added to a place in the damaged file to get one in the source.
    private let shift: Int

    /// Nil where there is no file with bytes. The damaged range begins at `start`.
    init?(_ sources: [DiskFile], at start: Int, _ random: inout SeededGenerator) {
        guard let file = sources.randomElement(using: &random) else { return nil }
        source = file.live
        switch Int.random(in: 0..<3, using: &random) {
        // The same place of a similar file: where its batches are of the same size, they fit exactly.
        case 0: shift = 0
        // A file's beginning, where a batch begins for certain.
        case 1: shift = -start
        default:
            let sector = Int.random(in: 0...(file.size - 1) / DiskFile.sectorSize, using: &random)
            shift = sector * DiskFile.sectorSize - start
        }
    }

    func byte(at place: Int) -> UInt8? {
        source.indices.contains(place + shift) ? source[place + shift] : nil
    }
}
