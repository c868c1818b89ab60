// A file that is open only while it has to be. Remembers what a descriptor alone would forget: whether bytes await a
// flush, and that a flush has failed.

package import DaybookModel
package import SystemPackage
internal import Synchronization

/// A file whose descriptor comes from a `DescriptorPool`. Calls may come from several threads at once.
package final class PooledFile: Sendable {
    package let path: FilePath
    private let access: FileAccess
    private let pool: DescriptorPool
    private let state = Mutex(State())
    /// Held while a flush is under way: who finds nothing to flush because another thread has taken it on must wait
    /// for that thread, and hear of its failure.
    private let flushing = Mutex(())

    fileprivate struct State {
        var file: (any File)?
        /// Calls under way; a pinned descriptor is not closed.
        var pins = 0
        var usedSinceLastRound = false
        var isDirty = false
        var flushFailure: FileError?
    }

    init(path: FilePath, access: FileAccess, pool: DescriptorPool) {
        self.path = path
        self.access = access
        self.pool = pool
    }

    /// Reads until `buffer` is full or the file ends; returns how many bytes.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        let file = try pin()
        defer { unpin() }
        return try file.readFully(into: buffer, at: position)
    }

    /// Writes all of `bytes`. After an error the file may hold a part of them.
    package func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) {
        let file = try pin()
        defer { unpin(wrote: file) }
        try file.writeFully(bytes, at: position)
    }

    package func truncate(to size: Int) throws(FileError) {
        let file = try pin()
        defer { unpin(wrote: file) }
        try uninterrupted { () throws(FileError) in try file.truncate(to: size) }
    }

    package func status() throws(FileError) -> FileStatus {
        let file = try pin()
        defer { unpin() }
        return try uninterrupted { () throws(FileError) in try file.status() }
    }

    /// Makes durable all that was written before the call.
    ///
    /// Goes through the descriptor that wrote. Once a flush has failed, here or when the pool closed the file, every
    /// later flush throws that failure: what was written may be gone although the system would report success. So it
    /// does, with `canceled`, when the file was closed before its bytes were flushed.
    package func flush() throws(FileError) {
        try flushing.withLock { _ throws(FileError) in
            let dirty = try state.withLock { state throws(FileError) -> (any File)? in
                if let failure = state.flushFailure { throw failure }
                guard state.isDirty, let file = state.file else { return nil }
                // Whoever writes from now on marks the file again when the write is over.
                state.isDirty = false
                state.pins += 1
                return file
            }
            guard let dirty else { return }
            defer { unpin() }
            do throws(FileError) {
                try uninterrupted { () throws(FileError) in try dirty.flush() }
            } catch {
                state.withLock { $0.flushFailure = error }
                throw error
            }
        }
    }

    /// Closes the descriptor if one is open. Does not flush. The file may be used again afterwards.
    package func close() throws(FileError) {
        let (file, isInUse) = state.withLock { state -> ((any File)?, Bool) in
            defer { state.file = nil }
            if state.isDirty { state.noteUnflushed(path) }
            return (state.file, state.pins > 0)
        }
        guard let file else { return }
        pool.unregister(self)
        // Another thread is reading or writing through it: it is closed with that thread's reference, because its
        // number could otherwise become another file's under the call.
        if !isInUse { try file.close() }
    }

    // MARK: the descriptor

    private func pin() throws(FileError) -> any File {
        while true {
            if let file = state.withLock({ $0.pinIfOpen() }) { return file }
            let opened = try pool.open(path, access)
            let isFirst = state.withLock { state -> Bool in
                guard state.file == nil else { return false }
                state.file = opened
                return true
            }
            // Another thread may have opened it at the same time; ours is then one too many.
            if isFirst { pool.register(self) } else { try opened.close() }
        }
    }

    /// Ends a use; after a write, whole or failed, the file is dirty. Not before it: a flush that runs meanwhile would take
    /// the mark away and leave the bytes behind.
    private func unpin(wrote file: (any File)? = nil) {
        state.withLock { state in
            state.pins -= 1
            guard let file else { return }
            if state.file === file { state.isDirty = true } else { state.noteUnflushed(path) }
        }
    }

    var isOpen: Bool { state.withLock { $0.file != nil } }

    /// Whether the pool may close this file now; if so it is pinned until `finishEviction`.
    func beginEviction(dirtyToo: Bool) -> Bool {
        state.withLock { state in
            guard state.file != nil, state.pins == 0 else { return false }
            if state.usedSinceLastRound {
                state.usedSinceLastRound = false
                return false
            }
            guard dirtyToo || !state.isDirty else { return false }
            state.pins += 1
            return true
        }
    }

    /// Flushes if need be and closes, unless somebody began to use the file meanwhile.
    func finishEviction() {
        // A failure is kept in the state; the next flush of this file throws it.
        do { try flush() } catch {}
        let (file, isInUse) = state.withLock { state -> ((any File)?, Bool) in
            state.pins -= 1
            // A file whose flush failed can be closed, dirty or not: the failure is remembered, and there is no other end.
            guard state.pins == 0, !state.isDirty || state.flushFailure != nil else { return (nil, state.file != nil) }
            defer { state.file = nil }
            return (state.file, false)
        }
        if isInUse { return pool.register(self) }
        // The bytes are flushed, or known to be lost: a failure to close can lose nothing more.
        do { try file?.close() } catch {}
    }
}

extension PooledFile.State {
    @inline(__always)
    fileprivate mutating func pinIfOpen() -> (any File)? {
        guard let file else { return nil }
        pins += 1
        usedSinceLastRound = true
        return file
    }

    /// The descriptor went away with bytes that were not flushed: no other one will tell whether they reached the disk.
    fileprivate mutating func noteUnflushed(_ path: FilePath) {
        isDirty = false
        flushFailure = flushFailure ?? FileError(.flush, path, .canceled)
    }
}
