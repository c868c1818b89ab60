// Keeps the number of open descriptors bounded, however many files are in use: ten thousand partitions work under
// `ulimit -n 1024`. A file that nobody is using at the moment may be closed and is opened again when it is needed.

package import SystemPackage
internal import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens files on demand and closes the least recently used ones beyond a limit.
///
/// A file with unflushed bytes is flushed, through the descriptor that wrote them, before it is closed: a descriptor
/// opened later might not be told of a write that failed. The limit is soft: files in use are never closed.
package final class DescriptorPool: Sendable {
    package let fileSystem: any FileSystem
    package let limit: Int
    private let ring = Mutex(Ring())

    fileprivate struct Ring {
        var open: [Entry] = []
        var hand = 0

        /// A file that is open. Weak: a file that nobody holds any more closes its descriptor by itself.
        struct Entry {
            weak var file: PooledFile?
        }
    }

    package init(fileSystem: any FileSystem, limit: Int = DescriptorPool.standardLimit) {
        self.fileSystem = fileSystem
        self.limit = max(1, limit)
    }

    /// Half of what the process may open, so that the program around the log keeps the other half; at most 8,192.
    package static var standardLimit: Int {
        var limits = rlimit()
        #if canImport(Darwin)
            let result = getrlimit(RLIMIT_NOFILE, &limits)
        #else
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        #endif
        guard result == 0 else { return 256 }
        return Int(min(8192, max(8, limits.rlim_cur / 2)))
    }

    /// A file that is opened when it is first used. O(1).
    package func file(at path: FilePath, _ access: FileAccess) -> PooledFile {
        PooledFile(path: path, access: access, pool: self)
    }

    /// How many descriptors are open.
    package var openCount: Int {
        ring.withLock { ring in
            ring.open.removeAll { $0.file == nil }
            return ring.open.count
        }
    }

    /// Opens a descriptor for `file`, closing others if there are too many.
    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        makeRoom()
        return try withRoom { () throws(FileError) in try fileSystem.open(path, access) }
    }

    /// Makes a call that needs a descriptor for a moment, or for longer; again when signals interrupt it.
    ///
    /// When the rest of the process has used up its share, half of the pool's files are closed and the call is made
    /// once more.
    package func withRoom<Result>(_ call: () throws(FileError) -> Result) throws(FileError) -> Result {
        do {
            return try uninterrupted(call)
        } catch {
            guard error.errno == .tooManyOpenFiles || error.errno == .tooManyOpenFilesInSystem else { throw error }
            for _ in 0..<max(1, openCount / 2) { evictOne() }
            return try uninterrupted(call)
        }
    }

    func register(_ file: PooledFile) { ring.withLock { $0.open.append(Ring.Entry(file: file)) } }

    func unregister(_ file: PooledFile) {
        ring.withLock { ring in
            if let index = ring.open.firstIndex(where: { $0.file === file }) {
                ring.open.swapAt(index, ring.open.count - 1)
                ring.open.removeLast()
            }
        }
    }

    private func makeRoom() {
        // Files that have gone away are looked for only when it matters.
        guard ring.withLock({ $0.open.count >= limit }) else { return }
        while openCount >= limit, evictOne() {}
    }

    /// Closes one file that is not in use: a clean one if there is any, else a dirty one after a flush.
    @discardableResult
    private func evictOne() -> Bool {
        for dirtyToo in [false, true] {
            guard let victim = ring.withLock({ $0.takeVictim(dirtyToo: dirtyToo) }) else { continue }
            victim.finishEviction()
            return true
        }
        return false
    }
}

extension DescriptorPool.Ring {
    /// The clock algorithm: a file used since the hand last passed gets a second round.
    fileprivate mutating func takeVictim(dirtyToo: Bool) -> PooledFile? {
        for _ in 0..<2 * open.count {
            hand = hand + 1 < open.count ? hand + 1 : 0
            let candidate = open[hand].file
            let isVictim = candidate?.beginEviction(dirtyToo: dirtyToo) ?? false
            guard isVictim || candidate?.isOpen != true else { continue }
            open.swapAt(hand, open.count - 1)
            open.removeLast()
            if isVictim { return candidate }
            if open.isEmpty { break }
            hand = min(hand, open.count - 1)
        }
        return nil
    }
}
