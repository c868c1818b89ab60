// Sleeping until a moment on a thread of a benchmark's own.
// Never on one of Swift's cooperative threads.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A pause of the calling thread.
enum Pause {
    /// Returns at `moment` or a little later; at once when it has passed.
    static func until(_ moment: ContinuousClock.Instant) {
        while true {
            let (seconds, attoseconds) = ContinuousClock.now.duration(to: moment).components
            if seconds < 0 || attoseconds < 0 || seconds == 0 && attoseconds == 0 { return }
            var time = timespec()
            time.tv_sec = Int(seconds)
            time.tv_nsec = Int(attoseconds / 1_000_000_000)
            nanosleep(&time, nil)
        }
    }
}
