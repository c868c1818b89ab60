// What time it is: the time of day for append times and retention, and a time that never jumps, to measure how long
// something took. A seam: tests move both themselves.

package import DaybookModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Two clocks.
package protocol TimeSource: Sendable {
    /// The time of day. May jump, forwards and backwards.
    func now() -> Timestamp
    /// Time since some moment in the past. Never goes back, and goes no faster than time does.
    func elapsed() -> Duration
}

/// The operating system's clocks.
package struct SystemTime: TimeSource {
    package init() {}

    package func now() -> Timestamp {
        let time = time(of: CLOCK_REALTIME)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func elapsed() -> Duration {
        let time = time(of: CLOCK_MONOTONIC)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    private func time(of clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}
