// What the operating system refused, where, and what a person can do about it.
// Thrown by everything in this folder; the layers above add which log it was.

package import SystemPackage

/// A failed call on a file or folder.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which call it was, as the words of a sentence.
    package enum Operation: String, Sendable {
        case open, read, write, flush, truncate, close, rename, link, remove, list, status, lock
        case createDirectory = "create the folder"
        case flushDirectory = "flush the folder"
        case connect = "connect to"
        case listen = "listen at"
        case accept = "take a connection at"
        case send = "send to"
        case receive = "receive from"
        case wait = "wait for"
    }

    package let operation: Operation
    package let path: FilePath
    package let errno: Errno

    package init(_ operation: Operation, _ path: FilePath, _ errno: Errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// Whether there was no room for what was to be written: on the disk, in a quota, or under the limit of a file's size.
    package var isOutOfSpace: Bool {
        guard operation != .read else { return false }
        return errno == .noSpace || errno == .diskQuotaExceeded || errno == .fileTooLarge
    }

    package var description: String {
        let remedy =
            switch errno {
            case .noSpace, .diskQuotaExceeded: "; free some space and try again"
            case .fileTooLarge where isOutOfSpace:
                "; raise the limit on the size of files (ulimit -f) or lower the topic's segment.bytes"
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "; raise the limit on open files (ulimit -n)"
            case .permissionDenied, .notPermitted: "; check the owner and the permissions"
            case .readOnlyFileSystem: "; the file system is mounted read-only"
            case .fileNameTooLong where operation == .listen || operation == .connect:
                "; a socket's path may not have so many bytes here, use a data directory with a shorter one"
            case .ioError: "; the disk or its driver reported a failure, see the kernel's log"
            default: ""
            }
        return "Could not \(operation.rawValue) \(path): \(errno)\(remedy)"
    }
}
