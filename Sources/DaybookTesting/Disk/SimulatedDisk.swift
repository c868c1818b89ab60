// A disk in memory that loses what a real one may lose: the place to find out what a power cut, a failing disk or a killed
// process does to a daybook. Its model is written down at the type; bytes, names and the drawing are in the files beside it.

package import DaybookFiles
internal import DaybookModel
internal import Synchronization
package import SystemPackage

/// A simulated disk. Everything that happens by chance follows from its seed. Thread-safe.
///
/// What was written is there for every program at once, and survives `restartProcess`. Only what was flushed surely survives
/// a power cut (`restart`):
///
/// - Of the 512-byte sectors written since a file was last flushed, an arbitrary subset survives. In place of the others stand
///   the old bytes, zeros, garbage, or bytes of another file.
/// - A file's length is the old one, the new one or one between, whatever became of its bytes.
/// - A name given, changed or taken away survives surely only once its folder was flushed. Until then an arbitrary subset of
///   such changes survives, in particular a later rename without an earlier one. A name that a rename replaces leads to the
///   old file or to the new one, never to neither.
/// - A failed flush gives up what was unflushed: programs go on seeing it, and no later flush makes it durable. Each descriptor
///   that was open then is told once; one opened afterwards is told nothing.
public final class SimulatedDisk: Sendable {
    let state: Mutex<DiskState>
    private let seed: UInt64
    /// The disk's time: that of its files, and of a daybook opened with `Configuration.with(disk:)`.
    public let clock: ManualClock

    /// An empty disk. `capacity` in bytes, which files' lengths count against; nil: without end.
    public convenience init(seed: UInt64 = 0, clock: ManualClock = ManualClock(), capacity: Int? = nil) {
        self.init(seed: seed, clock: clock, capacity: capacity, tellsBoot: true)
    }

    /// An empty disk; with `tellsBoot` false the system does not say which start of the machine this is.
    package init(
        seed: UInt64, clock: ManualClock = ManualClock(), capacity: Int? = nil, tellsBoot: Bool,
        rates: FaultRates = .none
    ) {
        self.seed = seed
        self.clock = clock
        var state = DiskState(tree: DiskTree(now: clock.now()), seed: seed)
        state.capacity = capacity
        state.tellsBoot = tellsBoot
        state.rates = rates
        self.state = Mutex(state)
    }

    private init(_ state: DiskState, seed: UInt64, clock: ManualClock) {
        self.seed = seed
        self.clock = clock
        self.state = Mutex(state)
    }

    /// The disk as it is now, in another machine: same names, same bytes, same risks, no process. What happens to one does
    /// not happen to the other, but for their common clock. Cheap: bytes are copied when they are changed.
    package func copy() -> SimulatedDisk {
        var state = state.withLock { $0 }
        state.endLife()
        state.tree.restart()
        return SimulatedDisk(state, seed: seed, clock: clock)
    }

    // MARK: for programs

    /// The disk as the process sees that runs now: its calls fail for ever after `restart` or `restartProcess`, so that what
    /// is left of the process in memory cannot write on.
    package var processFileSystem: any FileSystem { DiskLife(disk: self, number: state.withLock { $0.life }) }

    /// What names a start of the machine.
    func bootIdentifier(_ start: Int) -> String { "simulated-\(seed)-\(start)" }

    // MARK: crashes

    /// The machine stops, now: every call fails with an I/O error until `restart`.
    public func crash() { state.withLock { $0.isDown = true } }

    /// The machine stops at call number `number`, counted as `callsCount` does. A write then leaves some of its first bytes.
    package func crash(at number: Int) { state.withLock { $0.crashCall = number } }

    /// Whether a crash has come and no restart since.
    public var isDown: Bool { state.withLock { $0.isDown } }

    /// Power fails and comes back: what was flushed is there, and of the rest what `cut` says. Descriptors and locks are gone,
    /// planned crashes too; planned faults stay.
    public func restart(_ cut: PowerCut = .drawn) { restart(cut, seed: nil) }

    /// `restart` with a draw of its own, so that several can be tried from copies of one disk.
    package func restart(_ cut: PowerCut = .drawn, seed: UInt64?) {
        state.withLock { state in
            var lottery = CrashLottery(cut, seed: seed ?? state.random.next())
            lottery.strike(&state.tree)
            state.coverage += lottery.coverage
            state.coverage.count(.machineCrash)
            state.endLife()
            state.startsCount += 1
        }
    }

    /// The process is killed and started anew; the machine goes on. Nothing that was written is lost, and nothing is flushed.
    public func restartProcess() {
        state.withLock { state in
            state.coverage.count(.processCrash)
            state.endLife()
            state.tree.restart()
        }
    }

    // MARK: faults

    /// Adds faults to the plan; they count calls from now on. The first fault that wants a call has it.
    package func inject(_ faults: [Fault]) { state.withLock { $0.plan.inject(faults) } }

    /// Adds one fault.
    package func inject(_ fault: Fault) { inject([fault]) }

    /// From now on nothing fails, by plan or by chance; what failed flushes gave up stays lost.
    public func heal() {
        state.withLock { state in
            state.plan.heal()
            state.rates = .none
        }
    }

    /// What fails by chance.
    package var rates: FaultRates {
        get { state.withLock { $0.rates } }
        set { state.withLock { $0.rates = newValue } }
    }

    /// Bytes that files may have together; nil: without end. May be set below what they have.
    public var capacity: Int? {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// Bytes that files have together, those included that have no name any more but are open.
    public var usedBytes: Int { state.withLock { $0.tree.usedBytes } }

    /// What becomes of rotting bytes.
    package enum Rot: Hashable, Sendable {
        /// These bits of every byte are turned round.
        case flip(UInt8)
        case zero
    }

    /// Changes bytes of a file on the disk and for programs. Returns how many there were to change; throws when there is no
    /// such file.
    @discardableResult
    package func corrupt(_ path: FilePath, at bytes: Range<Int>, _ rot: Rot = .flip(1)) throws(FileError) -> Int {
        try state.withLock { state in
            Result { () throws(FileError) in
                do throws(Errno) {
                    let file = try state.tree.file(path)
                    state.coverage.count(.bitRot)
                    return state.tree.change(file) { file in
                        switch rot {
                        case .flip(let bits): file.rot(bytes) { $0 ^ bits }
                        case .zero: file.rot(bytes) { _ in 0 }
                        }
                    }
                } catch {
                    throw FileError(.write, path, error)
                }
            }
        }.get()
    }

    // MARK: what happened

    /// Calls made so far, by all processes; those of processes that had ended do not count.
    public var callsCount: Int { state.withLock { $0.callsCount } }

    /// Faults and crash outcomes so far.
    package var coverage: Coverage { state.withLock { $0.coverage } }

    /// Whether calls are recorded in `trace`; off at first.
    package var isTracing: Bool {
        get { state.withLock { $0.isTracing } }
        set { state.withLock { $0.isTracing = newValue } }
    }

    /// Recorded calls in order.
    package var trace: [FileCall] { state.withLock { $0.trace } }

    /// Forgets the recorded calls. Their numbers go on.
    package func clearTrace() { state.withLock { $0.trace = [] } }
}

/// The disk as whichever process sees it that runs at the moment of each call.
extension SimulatedDisk: FileSystem {
    package func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        try processFileSystem.open(path, access)
    }
    package func status(of path: FilePath) throws(FileError) -> FileStatus { try processFileSystem.status(of: path) }
    package func entries(of directory: FilePath) throws(FileError) -> [String] {
        try processFileSystem.entries(of: directory)
    }
    package func createDirectory(_ path: FilePath) throws(FileError) { try processFileSystem.createDirectory(path) }
    package func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        try processFileSystem.rename(source, to: destination)
    }
    package func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        try processFileSystem.link(existing, to: new)
    }
    package func removeFile(_ path: FilePath) throws(FileError) { try processFileSystem.removeFile(path) }
    package func removeDirectory(_ path: FilePath) throws(FileError) { try processFileSystem.removeDirectory(path) }
    package func flushDirectory(_ path: FilePath) throws(FileError) { try processFileSystem.flushDirectory(path) }
    package func lock(_ path: FilePath) throws(FileError) -> any FileLock { try processFileSystem.lock(path) }
    package func space(at path: FilePath) throws(FileError) -> FileSystemSpace { try processFileSystem.space(at: path) }
}
