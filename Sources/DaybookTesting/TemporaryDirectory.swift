// A folder of a test's own, gone when the test is over.
// Two tests never share one, whatever process they run in.

internal import DaybookFiles
internal import Synchronization
package import SystemPackage

/// An empty folder that is removed, with everything in it, when the last reference goes or `remove` is called.
public final class TemporaryDirectory: Sendable {
    package let filePath: FilePath
    /// The folder's path.
    public var path: String { filePath.string }

    private static let count = Atomic<Int>(0)

    /// Makes the folder inside `parent`. No two processes and no two calls get the same one.
    public init(prefix: String = "daybook", in parent: String = "/tmp") throws {
        let fileSystem = PosixFileSystem()
        while true {
            let number = Self.count.wrappingAdd(1, ordering: .relaxed).oldValue
            let path = FilePath(parent).appending("\(prefix)-\(SystemIdentity.processIdentifier)-\(number)")
            do throws(FileError) {
                try fileSystem.createDirectory(path)
            } catch {
                // Left by an earlier process of our number.
                guard error.errno == .fileExists else { throw error }
                continue
            }
            filePath = path
            return
        }
    }

    /// Removes the folder now; nothing happens when it is gone already.
    public func remove() throws { try PosixFileSystem().removeAll(filePath) }

    // A test that cares calls `remove`; what is left otherwise is a folder in the system's place for such folders.
    deinit { do { try remove() } catch {} }
}

extension FileSystem {
    /// Removes a file, or a folder with everything in it. Does not follow links.
    fileprivate func removeAll(_ path: FilePath) throws(FileError) {
        do {
            return try removeFile(path)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return }
            // Linux says that it is a folder, Darwin that it is not permitted.
            guard error.errno == .isDirectory || error.errno == .notPermitted else { throw error }
        }
        for name in try entries(of: path) { try removeAll(path.appending(name)) }
        try removeDirectory(path)
    }
}
