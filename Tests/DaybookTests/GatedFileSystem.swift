// A real file system whose flushes can be held up, made to fail, and counted: for tests of what happens meanwhile.

import DaybookFiles
import DaybookModel
import Foundation
import Synchronization
import SystemPackage

/// Wraps the real disk. Flushes of files wait while the gate is closed.
final class GatedFileSystem: FileSystem {
    private let base = PosixFileSystem()
    let gate = Gate()

    /// What is counted and decided about flushes.
    final class Gate: Sendable {
        private struct State {
            var isClosed = false
            var fails = false
            var flushes = 0
            /// What `space` answers; nil asks the real disk.
            var available: Int?
            var looks = 0
            var waiting = 0
        }
        private let state = Mutex(State())
        private let opened = NSConditionBox()

        var flushes: Int { state.withLock { $0.flushes } }
        var looks: Int { state.withLock { $0.looks } }
        func setAvailable(_ bytes: Int?) { state.withLock { $0.available = bytes } }

        func space(at path: FilePath) throws(FileError) -> FileSystemSpace {
            let available = state.withLock { state in
                state.looks += 1
                return state.available
            }
            if let available { return FileSystemSpace(available: available, total: 1 << 40) }
            return try PosixFileSystem().space(at: path)
        }

        var waiting: Int { state.withLock { $0.waiting } }
        func close() { state.withLock { $0.isClosed = true } }
        func fail() { state.withLock { $0.fails = true } }
        func open() {
            state.withLock { $0.isClosed = false }
            opened.wakeAll()
        }

        func pass(_ path: FilePath) throws(FileError) {
            state.withLock {
                $0.flushes += 1
                $0.waiting += 1
            }
            opened.wait { state.withLock { !$0.isClosed } }
            let fails = state.withLock { state in
                state.waiting -= 1
                return state.fails
            }
            if fails { throw FileError(.flush, path, .ioError) }
        }
    }

    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        GatedFile(try base.open(path, access), path, gate)
    }
    func status(of path: FilePath) throws(FileError) -> FileStatus { try base.status(of: path) }
    func entries(of directory: FilePath) throws(FileError) -> [String] { try base.entries(of: directory) }
    func createDirectory(_ path: FilePath) throws(FileError) { try base.createDirectory(path) }
    func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        try base.rename(source, to: destination)
    }
    func removeFile(_ path: FilePath) throws(FileError) { try base.removeFile(path) }
    func removeDirectory(_ path: FilePath) throws(FileError) { try base.removeDirectory(path) }
    func flushDirectory(_ path: FilePath) throws(FileError) { try base.flushDirectory(path) }
    func lock(_ path: FilePath) throws(FileError) -> any FileLock { try base.lock(path) }
    func link(_ existing: FilePath, to new: FilePath) throws(FileError) { try base.link(existing, to: new) }
    func space(at path: FilePath) throws(FileError) -> FileSystemSpace { try gate.space(at: path) }
}

/// Safety: Foundation's condition may be used from any thread.
final class NSConditionBox: @unchecked Sendable {
    private let condition = NSCondition()
    func wakeAll() {
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }
    func wait(until isReady: () -> Bool) {
        condition.lock()
        while !isReady() { condition.wait() }
        condition.unlock()
    }
}

private final class GatedFile: File {
    private let base: any File
    let path: FilePath
    private let gate: GatedFileSystem.Gate

    init(_ base: any File, _ path: FilePath, _ gate: GatedFileSystem.Gate) {
        self.base = base
        self.path = path
        self.gate = gate
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        try base.read(into: buffer, at: position)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        try base.write(bytes, at: position)
    }
    func truncate(to size: Int) throws(FileError) { try base.truncate(to: size) }
    func flush() throws(FileError) {
        if path.string.hasSuffix(".log") { try gate.pass(path) }
        try base.flush()
    }
    func status() throws(FileError) -> FileStatus { try base.status() }
    func close() throws(FileError) { try base.close() }
}
