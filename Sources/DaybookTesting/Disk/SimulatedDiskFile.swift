// An open file of a simulated disk, and the one file that the system itself would show there.
// Bytes are in `DiskFile`; a descriptor is a number in `DiskState`.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

/// A descriptor of one process life.
final class SimulatedDiskFile: File {
    private let life: DiskLife
    private let descriptor: Int
    let path: FilePath

    init(_ life: DiskLife, descriptor: Int, path: FilePath) {
        self.life = life
        self.descriptor = descriptor
        self.path = path
    }

    deinit { life.disk.state.withLock { $0.close(descriptor) } }

    /// Makes one call under the disk's lock; what fails or shortens it is handed to `body`.
    private func call<Result: Sendable>(
        _ kind: FileCallKind, at position: Position? = nil, count: Int? = nil,
        _ body: (inout DiskState, DiskState.Descriptor, Fault.Effect?) throws(Errno) -> Result
    ) throws(FileError) -> Result {
        try life.disk.state.withLock { state in
            Swift.Result { () throws(FileError) in
                let effect = try state.begin(
                    kind, path, life: life.number, descriptor: descriptor, at: position, count: count)
                do throws(Errno) {
                    guard let known = state.descriptors[descriptor] else { throw .badFileDescriptor }
                    return try body(&state, known, effect)
                } catch {
                    throw FileError(kind.operation, path, error)
                }
            }
        }.get()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        try call(.read, at: position, count: buffer.count) { state, known, effect throws(Errno) in
            guard position >= .zero else { throw .invalidArgument }
            var limit = buffer.count
            if case .short(let few)? = effect { limit = min(few, limit) }
            return state.tree.files[known.file]!
                .read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit)), at: position.rawValue)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        let now = life.disk.clock.now()
        return try call(.write, at: position, count: bytes.count) { state, known, effect throws(Errno) in
            guard known.access != .read else { throw .badFileDescriptor }
            guard position >= .zero else { throw .invalidArgument }
            var limit = bytes.count
            switch effect {
            case .short(let few)?: limit = min(few, limit)
            case .fail(_, let moved)?: limit = min(moved, limit)
            case nil: break
            }
            // A full disk takes what there is room for, and refuses the next write.
            let place = position.rawValue
            let (end, size) = (place + limit, state.tree.files[known.file]!.size)
            if end > size, end - size > state.room {
                state.coverage.count(.diskFull)
                limit = size + state.room - place
                guard limit > 0 else { throw .noSpace }
            }
            state.tree.change(known.file) { file in
                file.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(limit)), at: place)
                file.modified = now
            }
            if case .fail(let errno, _)? = effect { throw errno }
            return limit
        }
    }

    func truncate(to size: Int) throws(FileError) {
        let now = life.disk.clock.now()
        try call(.truncate, count: size) { state, known, _ throws(Errno) in
            guard known.access != .read, size >= 0 else { throw .invalidArgument }
            guard size - state.tree.files[known.file]!.size <= state.room else {
                state.coverage.count(.diskFull)
                throw .noSpace
            }
            state.tree.change(known.file) { file in
                file.truncate(to: size)
                file.modified = now
            }
        }
    }

    func flush() throws(FileError) {
        try call(.flush) { state, known, effect throws(Errno) in
            if case .fail(let errno, _)? = effect {
                // An interrupted flush has done nothing; any other has given up what it should have written, and whoever
                // flushes next is told only of what happens from now on.
                guard errno != .interrupted, !state.isDown else { throw errno }
                state.tree.change(known.file) { $0.abandon() }
                _ = state.hearsOfFailure(descriptor)
                throw errno
            }
            let hears = state.hearsOfFailure(descriptor)
            state.tree.change(known.file) { $0.flush() }
            if hears { throw .ioError }
        }
    }

    func status() throws(FileError) -> FileStatus {
        try call(.fileStatus) { state, known, _ throws(Errno) in state.tree.status(.file(known.file)) }
    }

    func close() throws(FileError) {
        // A second close does nothing, and neither does one after the process that opened the file.
        guard life.disk.state.withLock({ $0.life != life.number || $0.descriptors[descriptor] != nil }) else { return }
        try call(.close) { state, _, effect throws(Errno) in
            if !state.isDown { state.close(descriptor) }
            if case .fail(let errno, _)? = effect { throw errno }
        }
    }
}

/// The file in which Linux tells which start of the machine this is.
final class BootIdentifierFile: File {
    private let bytes: [UInt8]
    let path: FilePath

    init(_ identifier: String, path: FilePath) {
        bytes = Array((identifier + "\n").utf8)
        self.path = path
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        let rest = bytes.dropFirst(position.rawValue).prefix(buffer.count)
        buffer.copyBytes(from: rest)
        return rest.count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        throw FileError(.write, path, .badFileDescriptor)
    }

    func truncate(to size: Int) throws(FileError) { throw FileError(.truncate, path, .invalidArgument) }
    func flush() throws(FileError) {}
    func status() throws(FileError) -> FileStatus { FileStatus(isDirectory: false, size: 0, modified: .none) }
    func close() throws(FileError) {}
}
