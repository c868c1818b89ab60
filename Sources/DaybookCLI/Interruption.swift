// Control-C and `kill`: long commands stop at the next record, tell what they have done, and close the directory
// properly. A second Control-C ends the process at once.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether somebody wants this process to stop.
enum Interruption {
    private static let signalNumber = Atomic<Int32>(0)

    /// Begins to catch SIGINT and SIGTERM. To be called once, before the work begins.
    static func watch() {
        // The first access makes the atomic, so that a handler never has to.
        signalNumber.store(0, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.signalNumber.store(number, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }

    static var isRequested: Bool { signalNumber.load(ordering: .relaxed) != 0 }

    /// What a shell expects of a process that was stopped: 130 after Control-C, 143 after `kill`.
    static var exitCode: Int32 { 128 + signalNumber.load(ordering: .relaxed) }
}
