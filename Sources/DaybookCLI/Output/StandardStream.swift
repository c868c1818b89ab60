// Standard output and standard error of a command. A reader who has gone away (`daybook consume … | head`) is no error:
// writing then throws `ReaderGone`, with which a command ends quietly.

import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Nobody reads our output any more. Ends a command with success and without a word.
struct ReaderGone: Error {}

/// One of the two streams that a command writes to.
struct StandardStream: Sendable {
    private let descriptor: FileDescriptor

    static let output = StandardStream(descriptor: .standardOutput)
    static let error = StandardStream(descriptor: .standardError)

    /// Whether a person looks at it.
    var isTerminal: Bool { isatty(descriptor.rawValue) == 1 }

    /// Whether a progress line disturbs nobody: a person looks on, and the output goes elsewhere.
    static var showsProgress: Bool { error.isTerminal && !output.isTerminal }

    /// Writes all bytes; throws `ReaderGone`, or the system's error when a disk is full.
    func writeAll(_ bytes: some Sequence<UInt8>) throws {
        do {
            try descriptor.writeAll(bytes)
        } catch let error as Errno where error == .brokenPipe {
            throw ReaderGone()
        }
    }

    /// Writes text as it is; a failure is passed over, for notes that nobody must wait for.
    func write(_ text: String) {
        do { try writeAll(text.utf8) } catch {}
    }

    /// Writes one line.
    func writeLine(_ text: String) throws { try writeAll((text + "\n").utf8) }

    /// Lets a write to a closed pipe fail instead of ending the process. To be called once, at the start.
    static func survivePipes() { signal(SIGPIPE, SIG_IGN) }
}

/// Says something on standard error, on a line of its own.
func note(_ sentence: String) { StandardStream.error.write(sentence + "\n") }
