// The bytes that `produce` reads: a file or standard input, in large strides, into one buffer.
// What the bytes mean is told by `LineParser` and `CSVParser`.

import DaybookText
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Somebody pressed Control-C while input was read.
struct InputInterrupted: Error {}

/// One source of bytes. Not thread-safe.
final class ByteInput: ByteSource {
    /// The name for messages.
    let name: String
    private let descriptor: FileDescriptor
    private let ownsDescriptor: Bool
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512 << 10, alignment: 16)

    /// Opens a file; `-` is standard input.
    init(_ path: String) throws {
        name = path == "-" ? "standard input" : path
        ownsDescriptor = path != "-"
        do {
            descriptor = ownsDescriptor ? try FileDescriptor.open(FilePath(path), .readOnly) : .standardInput
        } catch let error as Errno {
            throw CommandFailure("Could not open \(path): \(error).")
        }
    }

    deinit {
        buffer.deallocate()
        // Nothing was written: a failure to close can lose nothing.
        if ownsDescriptor { do { try descriptor.close() } catch {} }
    }

    /// The next bytes, valid until the next call; nil at the end. Throws `InputInterrupted` when the process is to stop.
    func next() throws -> UnsafeRawBufferPointer? {
        while true {
            guard try waitForInput() else { throw InputInterrupted() }
            do {
                let count = try descriptor.read(into: buffer, retryOnInterrupt: false)
                return count > 0 ? UnsafeRawBufferPointer(rebasing: buffer[..<count]) : nil
            } catch let error as Errno where error == .interrupted {
                continue
            } catch let error as Errno {
                throw CommandFailure("Could not read \(name): \(error).")
            }
        }
    }

    /// Sleeps until there is something to read, looking up now and then whether the process is to stop; returns false
    /// when it is.
    private func waitForInput() throws -> Bool {
        while !Interruption.isRequested {
            var request = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            if poll(&request, 1, 100) != 0 { return true }
        }
        return false
    }
}
