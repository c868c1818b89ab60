// Wall clock, CPU time and system calls over a stretch of a benchmark.
// Of the whole process: the engine's threads are part of what it costs.

import Daybook

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a stretch took: of the whole process, all threads.
struct Measurement {
    private let start = ContinuousClock.now
    private let cpu = Self.cpuSeconds()
    private let before: IOStatistics

    init(_ daybook: Daybook) { before = daybook.statistics }

    /// The stretch ends here.
    func end(_ daybook: Daybook) -> Result {
        let cpu = Self.cpuSeconds() - cpu
        let (seconds, attoseconds) = start.duration(to: .now).components
        let after = daybook.statistics
        return Result(
            seconds: Double(seconds) + Double(attoseconds) * 1e-18, cpuSeconds: cpu,
            calls: after.calls - before.calls, writes: after.writes - before.writes,
            reads: after.reads - before.reads, flushes: after.flushes - before.flushes,
            bytesWritten: after.bytesWritten - before.bytesWritten, bytesRead: after.bytesRead - before.bytesRead)
    }

    struct Result {
        var seconds: Double
        var cpuSeconds: Double
        var calls: Int
        var writes: Int
        var reads: Int
        var flushes: Int
        var bytesWritten: Int
        var bytesRead: Int
    }

    /// User and system time of the process so far.
    static func cpuSeconds() -> Double {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
        #else
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
