// A file system that fails as planned and remembers every call, in front of any other. Small on purpose: what survives a
// power cut is not simulated here, only what calls answer.

package import DaybookFiles
internal import DaybookModel
internal import Synchronization
package import SystemPackage

/// Wraps a file system; injects faults and records calls. Thread-safe.
package final class FaultyFileSystem: FileSystem {
    private let base: any FileSystem
    /// Flushes are only recorded unless this is set: while no power fails they change nothing, and they are slow.
    private let flushesForReal: Bool
    private let state = Mutex(State())

    fileprivate struct State {
        var plan = FaultPlan()
        var isTracing = true
        var callsCount = 0
        var descriptorsCount = 0
        var trace: [FileCall] = []
        var observer: (@Sendable (FileCall) -> Void)?
    }

    package init(_ base: any FileSystem = PosixFileSystem(), faults: [Fault] = [], flushesForReal: Bool = false) {
        self.base = base
        self.flushesForReal = flushesForReal
        inject(faults)
    }

    // MARK: the plan

    /// Adds faults; they count calls from now on. The first fault that wants a call has it.
    package func inject(_ faults: [Fault]) { state.withLock { $0.plan.inject(faults) } }

    /// Adds one fault.
    package func inject(_ fault: Fault) { inject([fault]) }

    /// Forgets all faults: every call from now on is the real one.
    package func heal() { state.withLock { $0.plan.heal() } }

    /// While false, no fault strikes and none counts calls.
    package var isEnabled: Bool {
        get { state.withLock { $0.plan.isEnabled } }
        set { state.withLock { $0.plan.isEnabled = newValue } }
    }

    // MARK: the trace

    /// Calls in order, since the beginning or the last `clearTrace`.
    package var trace: [FileCall] { state.withLock { $0.trace } }

    /// Forgets the calls recorded so far. Their numbers go on.
    package func clearTrace() { state.withLock { $0.trace = [] } }

    /// Whether calls are recorded; long runs turn it off.
    package var isTracing: Bool {
        get { state.withLock { $0.isTracing } }
        set { state.withLock { $0.isTracing = newValue } }
    }

    /// Calls made so far, recorded or not, faulty or not.
    package var callsCount: Int { state.withLock { $0.callsCount } }

    /// Calls `observer` on the caller's thread before each call is made: the place to do something in the midst of it.
    package func observe(_ observer: (@Sendable (FileCall) -> Void)?) { state.withLock { $0.observer = observer } }

    // MARK: the file system

    package func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        try begin(.open, path)
        let file = try base.open(path, access)
        let number = state.withLock { state in
            defer { state.descriptorsCount += 1 }
            return state.descriptorsCount
        }
        return FaultyFile(file, number: number, fileSystem: self)
    }

    package func status(of path: FilePath) throws(FileError) -> FileStatus {
        try begin(.status, path)
        return try base.status(of: path)
    }

    package func entries(of directory: FilePath) throws(FileError) -> [String] {
        try begin(.entries, directory)
        return try base.entries(of: directory)
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        try begin(.createDirectory, path)
        try base.createDirectory(path)
    }

    package func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        try begin(.rename, source)
        try base.rename(source, to: destination)
    }

    package func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        try begin(.link, new)
        try base.link(existing, to: new)
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        try begin(.removeFile, path)
        try base.removeFile(path)
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try begin(.removeDirectory, path)
        try base.removeDirectory(path)
    }

    package func flushDirectory(_ path: FilePath) throws(FileError) {
        try begin(.flushDirectory, path)
        if flushesForReal { try base.flushDirectory(path) }
    }

    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        try begin(.lock, path)
        return try base.lock(path)
    }

    package func space(at path: FilePath) throws(FileError) -> FileSystemSpace {
        try begin(.space, path)
        return try base.space(at: path)
    }

    // MARK: what happens to a call

    /// Records a call that moves no bytes and refuses it if the plan says so.
    fileprivate func begin(
        _ kind: FileCallKind, _ path: FilePath, descriptor: Int? = nil, size: Int? = nil
    ) throws(FileError) {
        let effect = note(kind, path, descriptor: descriptor, position: nil, count: size)
        if case .fail(let errno, _)? = effect { throw FileError(kind.operation, path, errno) }
    }

    /// Records a call and says what the plan makes of it.
    fileprivate func note(
        _ kind: FileCallKind, _ path: FilePath, descriptor: Int?, position: Position?, count: Int?
    ) -> Fault.Effect? {
        let (effect, call, observer) = state.withLock {
            state -> (Fault.Effect?, FileCall, (@Sendable (FileCall) -> Void)?) in
            let effect = state.plan.effect(on: kind, path)
            var call = FileCall(
                number: state.callsCount, kind: kind, path: path, descriptor: descriptor, position: position,
                count: count)
            switch effect {
            case .fail(let errno, _): call.outcome = .failed(errno)
            case .short: call.outcome = .short
            case nil: break
            }
            state.callsCount += 1
            if state.isTracing { state.trace.append(call) }
            return (effect, call, state.observer)
        }
        observer?(call)
        return effect
    }

    fileprivate func flush(_ file: any File) throws(FileError) {
        if flushesForReal { try file.flush() }
    }
}

/// An open file of a faulty file system.
private final class FaultyFile: File {
    private let base: any File
    private let number: Int
    private let fileSystem: FaultyFileSystem

    init(_ base: any File, number: Int, fileSystem: FaultyFileSystem) {
        self.base = base
        self.number = number
        self.fileSystem = fileSystem
    }

    var path: FilePath { base.path }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        switch fileSystem.note(.read, path, descriptor: number, position: position, count: buffer.count) {
        case .fail(let errno, _): throw FileError(.read, path, errno)
        case .short(let limit):
            return try base.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit)), at: position)
        case nil: return try base.read(into: buffer, at: position)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        switch fileSystem.note(.write, path, descriptor: number, position: position, count: bytes.count) {
        case .fail(let errno, let moved):
            if moved > 0 { _ = try base.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(moved)), at: position) }
            throw FileError(.write, path, errno)
        case .short(let limit):
            return try base.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(limit)), at: position)
        case nil: return try base.write(bytes, at: position)
        }
    }

    func truncate(to size: Int) throws(FileError) {
        try fileSystem.begin(.truncate, path, descriptor: number, size: size)
        try base.truncate(to: size)
    }

    func flush() throws(FileError) {
        try fileSystem.begin(.flush, path, descriptor: number)
        try fileSystem.flush(base)
    }

    func status() throws(FileError) -> FileStatus {
        try fileSystem.begin(.fileStatus, path, descriptor: number)
        return try base.status()
    }

    func close() throws(FileError) {
        try fileSystem.begin(.close, path, descriptor: number)
        try base.close()
    }
}
