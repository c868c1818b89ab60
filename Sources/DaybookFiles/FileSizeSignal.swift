// The signal that a write beyond the process's file size limit raises. Left alone it ends the process, with everything that
// has been taken in and not written; ignored, the write fails like any other.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What becomes of SIGXFSZ.
package enum FileSizeSignal {
    /// Has the signal ignored, unless the program has decided something else about it. For the whole process.
    package static func ignoreUnlessHandled() {
        var current = sigaction()
        guard sigaction(SIGXFSZ, nil, &current) == 0 else { return }
        #if canImport(Darwin)
            let isDefault = current.__sigaction_u.__sa_handler == nil && current.sa_flags & SA_SIGINFO == 0
        #elseif canImport(Musl)
            let isDefault = current.__sa_handler.sa_handler == nil && current.sa_flags & SA_SIGINFO == 0
        #else
            let isDefault = current.__sigaction_handler.sa_handler == nil && current.sa_flags & SA_SIGINFO == 0
        #endif
        // The default handler is the null pointer on every system there is.
        if isDefault { signal(SIGXFSZ, SIG_IGN) }
    }
}
