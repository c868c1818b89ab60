// How long a disk takes to make a small write durable, measured in the data directory itself: on a file of its own, which
// is removed again. What the figures mean is judged by `MachineExamination`.

internal import DaybookFiles
public import DaybookModel
internal import SystemPackage

/// Times of appended writes, each followed by a flush.
public struct FlushLatency: Sendable, Hashable {
    public let count: Int
    /// Bytes of each write.
    public let writeSize: ByteCount
    public let minimum: Duration
    public let median: Duration
    /// 99 of 100 were not slower; with fewer than 100 the slowest one.
    public let p99: Duration
    public let maximum: Duration

    /// Nil for no times at all.
    init?(_ times: [Duration], writeSize: ByteCount) {
        let sorted = times.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        count = sorted.count
        self.writeSize = writeSize
        (minimum, maximum) = (first, last)
        median = sorted[(sorted.count - 1) / 2]
        p99 = sorted[(sorted.count * 99 + 99) / 100 - 1]
    }
}

/// The measurement.
struct FlushProbe {
    let fileSystem: any FileSystem
    let clock: any TimeSource
    let path: FilePath

    static let writeSize = 4096
    /// More than a hundred, so that one slow one is not the 99th percentile.
    static let writesCount = 128
    /// A disk that is this slow has said enough.
    static let timeLimit = Duration.seconds(10)

    /// Appends and flushes up to `count` times; removes the file whatever happens. The first error counts.
    func run(count: Int) throws(FileError) -> [Duration] {
        let outcome = Result { () throws(FileError) in try measure(count: count) }
        do throws(FileError) {
            try fileSystem.removeIfPresent(path)
        } catch {
            // The measurement's own failure says more than that of tidying up behind it.
            if case .failure(let first) = outcome { throw first }
            throw error
        }
        return try outcome.get()
    }

    private func measure(count: Int) throws(FileError) -> [Duration] {
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(path, .create) }
        // An examination that was killed may have left its file.
        try uninterrupted { () throws(FileError) in try file.truncate(to: 0) }
        // The name and the length of nothing are flushed first, so that the first append is like the others.
        try uninterrupted { () throws(FileError) in try file.flush() }
        let bytes = (0..<Self.writeSize).map { UInt8(truncatingIfNeeded: $0 &* 167) }
        var times: [Duration] = []
        let begun = clock.elapsed()
        for number in 0..<count {
            let start = clock.elapsed()
            try bytes.withUnsafeBytes { buffer in
                Result { () throws(FileError) in
                    try file.writeFully(buffer, at: Position(number * Self.writeSize))
                }
            }.get()
            try uninterrupted { () throws(FileError) in try file.flush() }
            let end = clock.elapsed()
            times.append(end - start)
            if end - begun > Self.timeLimit { break }
        }
        try file.close()
        return times
    }
}
