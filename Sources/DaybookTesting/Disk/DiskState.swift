// Everything that a simulated disk remembers, behind its lock: names and bytes, descriptors, locks, faults, the crash to come.
// Which call does what is in `DiskLife` and `SimulatedDiskFile`; here a call is counted and its fault decided.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// The state of a simulated disk.
struct DiskState {
    struct Descriptor {
        let file: Int
        let access: FileAccess
        /// How many failed write-backs of the file it was told of, or that came before it.
        var heard: Int
    }

    var tree: DiskTree
    var random: SeededGenerator
    var plan = FaultPlan()
    var rates = FaultRates.none
    var coverage = Coverage()
    var capacity: Int?
    /// Which process runs: raised whenever one ends. Calls of an earlier one fail.
    var life = 0
    /// How often the machine was started.
    var startsCount = 1
    var tellsBoot = true
    private(set) var descriptors: [Int: Descriptor] = [:]
    private var descriptorsCount = 0
    /// Lock files taken, by number.
    var locks: Set<Int> = []
    private(set) var callsCount = 0
    var crashCall: Int?
    /// No call does anything until the restart.
    var isDown = false
    var isTracing = false
    var trace: [FileCall] = []

    init(tree: DiskTree, seed: UInt64) {
        self.tree = tree
        random = SeededGenerator(seed: seed)
    }

    /// Bytes that files may still grow by.
    var room: Int { capacity.map { max(0, $0 - tree.usedBytes) } ?? .max }

    /// Counts a call and says what goes wrong with it; throws when it is refused without doing anything.
    mutating func begin(
        _ kind: FileCallKind, _ path: FilePath, life: Int, descriptor: Int? = nil, at position: Position? = nil,
        count: Int? = nil
    ) throws(FileError) -> Fault.Effect? {
        guard life == self.life else {
            throw FileError(kind.operation, path, descriptor == nil ? .ioError : .badFileDescriptor)
        }
        var call = FileCall(
            number: callsCount, kind: kind, path: path, descriptor: descriptor, position: position, count: count)
        callsCount += 1
        let effect = decide(call)
        if isTracing {
            switch effect {
            case .fail(let errno, _)?: call.outcome = .failed(errno)
            case .short?: call.outcome = .short
            case nil: break
            }
            trace.append(call)
        }
        switch effect {
        // An interrupted close has closed.
        case .fail(.interrupted, _)? where kind == .close: return nil
        // These have done something before they are refused.
        case .fail? where kind == .write || kind == .flush || kind == .close: return effect
        case .fail(let errno, _)?: throw FileError(kind.operation, path, errno)
        case .short? where kind == .read || kind == .write: return effect
        case .short?, nil: return nil
        }
    }

    private mutating func decide(_ call: FileCall) -> Fault.Effect? {
        if isDown { return .fail(.ioError) }
        if let crashCall, call.number >= crashCall {
            isDown = true
            guard call.kind == .write, let count = call.count else { return .fail(.ioError) }
            coverage.count(.tornByCrash)
            return .fail(.ioError, after: Int.random(in: 0...count, using: &random))
        }
        if rates.writeBack > 0, Double.random(in: 0..<1, using: &random) < rates.writeBack { failWriteBack() }
        let effect = plan.effect(on: call.kind, call.path) ?? rates.effect(on: call.kind, count: call.count, &random)
        if let effect, let kind = Coverage.Kind(effect, on: call.kind) { coverage.count(kind) }
        return effect
    }

    /// Some file's unflushed bytes are given up.
    private mutating func failWriteBack() {
        let files = tree.files.filter { !$0.value.dirty.isEmpty }.keys.sorted()
        guard let file = files.randomElement(using: &random) else { return }
        coverage.count(.writeBackFailure)
        tree.change(file) { $0.abandon() }
    }

    // MARK: descriptors

    mutating func open(_ file: Int, _ access: FileAccess) -> Int {
        defer { descriptorsCount += 1 }
        descriptors[descriptorsCount] = Descriptor(file: file, access: access, heard: tree.files[file]!.failuresCount)
        tree.opened(file)
        return descriptorsCount
    }

    mutating func close(_ descriptor: Int) {
        guard let file = descriptors.removeValue(forKey: descriptor)?.file else { return }
        tree.closed(file)
    }

    /// Whether the file's write-backs failed since this descriptor last heard of it: told once, then forgotten.
    mutating func hearsOfFailure(_ descriptor: Int) -> Bool {
        guard let known = descriptors[descriptor] else { return false }
        let failures = tree.files[known.file]!.failuresCount
        descriptors[descriptor]?.heard = failures
        return known.heard < failures
    }

    // MARK: ends

    /// The process is gone, its descriptors and locks with it.
    mutating func endLife() {
        life += 1
        descriptors = [:]
        locks = []
        crashCall = nil
        isDown = false
    }
}

extension Coverage.Kind {
    /// What a call's fault counts as; nil where it does nothing to such a call.
    fileprivate init?(_ effect: Fault.Effect, on kind: FileCallKind) {
        switch (effect, kind) {
        case (.short, .read): self = .shortRead
        case (.short, .write): self = .shortWrite
        case (.short, _): return nil
        case (.fail(.interrupted, _), _): self = .interrupted
        case (.fail, .flush): self = .flushFailure
        case (.fail, .flushDirectory): self = .directoryFlushFailure
        case (.fail(_, let moved), .write) where moved > 0: self = .tornWrite
        case (.fail(.ioError, _), _): self = .refusedIO
        case (.fail(.noSpace, _), _): self = .refusedSpace
        case (.fail, _): self = .refusedOther
        }
    }
}
