// What time it is, for append times and for records without a timestamp. A seam: tests move the time themselves.
// Waiting is not its business; that is `DeadlineTimer`, which follows no jumps.

package import DaybookModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The time of day.
package protocol WallClock: Sendable {
    func now() -> Timestamp
}

/// The operating system's clock. It may jump; the log's append times never fall all the same.
package struct SystemWallClock: WallClock {
    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
