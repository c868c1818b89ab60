// The checks of the machine: how fast a flush is, what file system it is, how much room there is, what the limits are.
// Each judges facts; only the flush probe does something.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

extension Examination {
    /// Below this median no disk has written anything.
    private static var incredible: Duration { .microseconds(30) }
    /// Above this 99th percentile every durable send is felt.
    private static var slow: Duration { .milliseconds(100) }
    /// What a writer leaves alone at the end of a disk, unless it was told otherwise.
    private static var reserve: Int { Configuration().reservedSpace.rawValue }

    mutating func checkMachine(measuresFlushes: Bool) {
        checkFileSystem()
        checkRoom()
        checkFiles()
        checkOpenFiles()
        checkFileSize()
        if measuresFlushes { checkFlushLatency() }
    }

    // MARK: flush latency

    private mutating func checkFlushLatency() {
        let allowed = (surroundings.limits.fileSize ?? .max) / FlushProbe.writeSize
        let count = min(FlushProbe.writesCount, allowed)
        guard count > 0, (surroundings.space?.available ?? .max) > 4 * count * FlushProbe.writeSize else {
            return report.add(
                .note, .flushLatency, "not measured: there is no room for \(FlushProbe.writesCount) small writes")
        }
        let times: [Duration]
        do throws(FileError) {
            let path = layout.root.appending(Self.temporaryName)
            times = try FlushProbe(fileSystem: fileSystem, clock: clock, path: path).run(count: count)
        } catch {
            return report.add(
                .error, .flushLatency, "the measurement failed: \(error)",
                means: "appends fail in the same way", remedy: "see to that error first")
        }
        guard let latency = FlushLatency(times, writeSize: .bytes(FlushProbe.writeSize)) else { return }
        report.flushLatency = latency
        judge(latency)
    }

    private mutating func judge(_ latency: FlushLatency) {
        let figures = "median \(Amounts.latency(latency.median)), p99 \(Amounts.latency(latency.p99))"
        if latency.median < Self.incredible {
            let isMemory = surroundings.kind.nature == .volatile
            report.add(
                .warning, .flushLatency, "too fast to be true: \(figures)",
                means: isMemory
                    ? "this is memory: a flush has nothing to do, and a restart takes everything"
                    : "hardly any disk keeps a write safe in that time. It suggests a volatile cache that claims to be none, a "
                        + "virtual disk whose host ignores flushes (cache=unsafe), or memory (tmpfs); what was acknowledged as "
                        + "durable may then be gone after a power cut",
                remedy: isMemory
                    ? "use a directory on a disk"
                    : "look at cat /sys/block/DEVICE/queue/write_cache, at smartctl -a or nvme id-ctrl for power-loss "
                        + "protection, at mount for barrier=0 or nobarrier, and at the cache mode of the virtual disk. A cache with "
                        + "a battery or capacitors is fine")
        }
        if latency.p99 > Self.slow {
            report.add(
                .warning, .flushLatency, "slow: \(figures), slowest \(Amounts.latency(latency.maximum))",
                means:
                    "each durable send waits for a flush; many senders at once share one, a single one waits that long",
                remedy:
                    "measure again while nothing else uses the disk (iostat -x 1); let sends wait together, or use a disk "
                    + "with power-loss protection")
        }
        if report.findings.allSatisfy({ $0.check != .flushLatency }) {
            report.add(.good, .flushLatency, figures)
        }
    }

    // MARK: file system

    private mutating func checkFileSystem() {
        let name = surroundings.kind.name
        switch surroundings.kind.nature {
        case .local: report.add(.good, .fileSystem, name)
        case .network:
            report.add(
                .warning, .fileSystem, "\(name): a network file system",
                means: "locks do not keep a writer on another machine out, and a flush is only as good as the server's",
                remedy: "keep the directory on a disk of this machine, and copy backups to the network")
        case .shared:
            report.add(
                .warning, .fileSystem, "\(name): a folder of the host",
                means: "whether locks and flushes hold is up to the host and how it shares the folder",
                remedy: "give the virtual machine a disk of its own for the directory")
        case .volatile:
            report.add(
                .warning, .fileSystem, "\(name): memory", means: "nothing survives a restart of the machine",
                remedy: "use a directory on a disk; for tests this is fine")
        case .layered:
            report.add(
                .note, .fileSystem, "\(name): a layer over another file system",
                means: "in a container the layer goes when the container goes",
                remedy: "put the directory on a volume of its own")
        case .program:
            report.add(
                .note, .fileSystem, "\(name): a program answers for the disk",
                means: "flushes and locks are as good as that program",
                remedy: "use a file system of the kernel's if you can")
        case .simple:
            report.add(
                .warning, .fileSystem, "\(name): made for exchange, not for logs",
                means: "without a journal a power cut may damage the folders themselves",
                remedy: "use ext4, xfs, btrfs or zfs")
        case .readOnly:
            report.add(
                .error, .fileSystem, "\(name): takes no writes", means: "the directory can only be read")
        case .unknown:
            report.add(
                .note, .fileSystem, "\(name): not known to this release",
                means: "nobody has said whether its locks and flushes hold")
        }
    }

    // MARK: room

    private mutating func checkRoom() {
        guard let space = surroundings.space else {
            report.add(.note, .room, "the system does not tell how much room there is")
            return
        }
        // Compaction makes a copy of a segment before it gives one back.
        let comfortable = max(4 * Self.reserve, 2 * facts.segmentBytes, report.bytes.rawValue / 10)
        let seen =
            "\(Amounts.bytes(space.available)) of \(Amounts.bytes(space.total)) free, topics take "
            + Amounts.bytes(report.bytes.rawValue)
        let remedy =
            "free some space, delete old records (retention.ms, retention.bytes), or give the directory a larger disk"
        if space.available < Self.reserve {
            report.add(
                .error, .room, seen,
                means: "less than the reserve of \(Amounts.bytes(Self.reserve)): appends are refused; reads go on",
                remedy: remedy)
        } else if space.available < comfortable {
            report.add(
                .warning, .room, seen,
                means: "little: less than \(Amounts.bytes(comfortable)), which is what segments and "
                    + "their compaction may need soon", remedy: remedy)
        } else {
            report.add(.good, .room, seen)
        }
    }

    private mutating func checkFiles() {
        guard let files = surroundings.files else { return }
        // A segment is two files; a partition begins with two more.
        let needed = max(1000, 4 * facts.partitions.count)
        guard files.available < needed || files.available < files.total / 100 else { return }
        report.add(
            .warning, .room, "room for \(files.available) more files (inodes) of \(files.total)",
            means: "no segment can be started when there is none, however many bytes are free",
            remedy: "remove small files from this file system (df -i), or make one with more inodes")
    }

    // MARK: limits

    private mutating func checkOpenFiles() {
        let limits = surroundings.holderLimits ?? surroundings.limits
        let whose = surroundings.holderLimits == nil ? "this shell's; a service may have another" : "the writer's"
        guard let limit = limits.openFiles else { return report.add(.good, .openFiles, "no limit (\(whose))") }
        let seen =
            "limit \(limit) (\(whose)) for \(Amounts.counted(report.segmentsCount, "segment")) in "
            + Amounts.counted(report.partitionsCount, "partition")
        // The engine keeps half of the limit for the program around it; a partition writes a segment and its sidecar.
        let pool = min(8192, limit / 2)
        let ceiling =
            switch limits.openFilesCeiling {
            case nil: "freely"
            case .some(...limit): "its ceiling too, which takes the superuser"
            case .some(let ceiling): "up to \(ceiling) without further rights"
            }
        let remedy = "raise it, \(ceiling): ulimit -n, or LimitNOFILE= in a systemd unit"
        if limit < 256 || pool < 2 * facts.partitions.count {
            report.add(
                .warning, .openFiles, seen,
                means:
                    "only \(pool) files are kept open: files that are written are flushed, closed and opened again all the "
                    + "time, and the program around the log may run out of descriptors", remedy: remedy)
        } else if pool < 2 * report.segmentsCount {
            report.add(
                .note, .openFiles, seen,
                means: "replaying everything opens and closes files along the way, which costs a little time",
                remedy: remedy)
        } else {
            report.add(.good, .openFiles, seen)
        }
    }

    private mutating func checkFileSize() {
        let limits = surroundings.holderLimits ?? surroundings.limits
        guard let limit = limits.fileSize else { return report.add(.good, .fileSize, "no limit") }
        let seen = "files may have \(Amounts.bytes(limit)), segments up to \(Amounts.bytes(facts.segmentBytes))"
        guard limit < facts.segmentBytes else { return report.add(.good, .fileSize, seen) }
        report.add(
            .warning, .fileSize, seen,
            means: "a segment cannot grow to its size: appends are refused there, as on a full disk",
            remedy: "lift the limit (ulimit -f unlimited, LimitFSIZE= in a systemd unit), or set segment.bytes below it"
        )
    }
}
