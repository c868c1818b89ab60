// The examination of a machine and a data directory: the order of the checks, and those of access, lock and state.
// The machine's are in `Examination+Machine`, those of what piles up over the years in `Examination+Upkeep`.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// Judges, and puts what it finds into a report. Writes one temporary file; runs on a thread that may block.
struct Examination {
    let layout: DirectoryLayout
    let fileSystem: any FileSystem
    let clock: any TimeSource
    let surroundings: Surroundings
    /// Who owns a file: a question of its own, so that a test can answer it.
    let ownership: @Sendable (FilePath) throws(FileError) -> FileOwnership?
    var facts = DirectoryFacts()
    var report: DoctorReport

    /// The one file that is written, and removed again.
    static let temporaryName = "doctor.tmp"

    init(
        layout: DirectoryLayout, fileSystem: any FileSystem, clock: any TimeSource, surroundings: Surroundings,
        ownership: @escaping @Sendable (FilePath) throws(FileError) -> FileOwnership?
    ) {
        self.layout = layout
        self.fileSystem = fileSystem
        self.clock = clock
        self.surroundings = surroundings
        self.ownership = ownership
        report = DoctorReport(directory: layout.root.string)
    }

    /// Makes all checks. What cannot be read is a finding; throws only where there is no data directory.
    consuming func run(measuresFlushes: Bool) throws -> DoctorReport {
        do {
            facts = try DirectoryFacts.gather(layout, in: fileSystem)
        } catch let error as DaybookError where error.code == .unsupportedFormat {
            report.add(.error, .state, error.message, means: "this release can neither read nor write the directory")
        } catch let error as FileError {
            report.add(
                .error, .access, "the directory cannot be read: \(error)",
                means: "a writer of this user fails in the same way",
                remedy: "run doctor as the user that the service runs as")
        }
        report.topicsCount = facts.topics.count
        report.partitionsCount = facts.partitions.count
        report.segmentsCount = facts.partitions.reduce(0) { $0 + $1.segments.count }
        report.bytes = .bytes(facts.partitions.reduce(0) { $0 + $1.bytes })
        checkLock()
        checkAccess()
        checkState()
        checkMachine(measuresFlushes: measuresFlushes)
        checkUpkeep()
        report.sort()
        return report
    }

    // MARK: lock

    private mutating func checkLock() {
        let lock: FileOwnership?
        do throws(FileError) {
            lock = try ownership(layout.lock)
        } catch {
            return report.add(.error, .lock, "LOCK cannot be looked at: \(error)")
        }
        guard let lock else {
            if facts.isNew, report.findings.isEmpty {
                return report.add(.good, .lock, "free; nobody has written here yet")
            }
            return report.add(
                .warning, .lock, "the file LOCK is missing",
                means:
                    "a writer that holds it goes on unseen, and a second one could start beside it and damage the log",
                remedy:
                    "make sure that no process writes to the directory; the next writer makes the file anew. LOCK "
                    + "must never be removed by itself")
        }
        guard lock.kind == .file else {
            return report.add(
                .error, .lock, "LOCK is not a file", means: "a lock on it does not keep a second writer out reliably",
                remedy: "stop all writers and remove it; the next writer makes a file")
        }
        // Verification and other examinations hold it for an instant: they are gone when one looks again.
        for _ in 0..<3 {
            if let holder = surroundings.lockHolder() {
                report.writer = DoctorReport.Writer(process: holder.process, name: holder.name)
                let name = holder.name.map { " (\($0))" } ?? ""
                return report.add(
                    .good, .lock, "held by process \(holder.process)\(name), which writes to the directory")
            }
            do throws(FileError) {
                // For an instant. Who opens the directory at that instant tries again.
                try fileSystem.lock(layout.lock).release()
                return report.add(.good, .lock, "free; no process writes to the directory")
            } catch {
                guard error.errno == .wouldBlock else {
                    return report.add(.error, .lock, "LOCK cannot be taken: \(error)", means: "no writer can start")
                }
            }
        }
        report.writer = DoctorReport.Writer(process: nil, name: nil)
        guard surroundings.listsLocks else {
            return report.add(.good, .lock, "held by another process, which writes to the directory")
        }
        report.add(
            .warning, .lock, "held by somebody who is no process that can be seen from here",
            means: "a process in another container or on another machine writes to the directory, or a child has "
                + "inherited the lock of a writer that has ended",
            remedy: "look there for it before you start a writer here. Two machines must never share a directory")
    }

    // MARK: access

    private mutating func checkAccess() {
        do throws(FileError) {
            guard let root = try ownership(layout.root) else { return }
            guard root.isWritable else {
                return report.add(
                    .error, .access,
                    "user \(surroundings.user) may not write to the directory, which is user "
                        + "\(root.owner)'s", means: "a writer of this user cannot open it",
                    remedy: "run as that user, or give the directory to the one that the service runs as: chown -R "
                        + "USER \(layout.root)")
            }
            let (foreign, refused) = try others(than: root.owner)
            if let first = refused.first {
                report.add(
                    .error, .access, "user \(surroundings.user) may not write to \(Self.list(first, refused.count))",
                    means: "a writer of this user fails when it comes to them",
                    remedy: "chown -R \(root.owner) "
                        + "\(layout.root), and check the permissions")
            }
            if let first = foreign.first {
                report.add(
                    .warning, .access,
                    "\(Self.list(first, foreign.count)) not owned by the owner of the directory, user "
                        + "\(root.owner)",
                    means:
                        "somebody else has written here, usually a command that was run as the superuser; the service "
                        + "fails when it comes to them", remedy: "chown -R \(root.owner) \(layout.root)")
            }
            if foreign.isEmpty, refused.isEmpty {
                report.add(
                    root.owner == surroundings.user ? .good : .note, .access,
                    "everything is user \(root.owner)'s and can be written"
                        + (root.owner == surroundings.user ? "" : "; this is user \(surroundings.user)"),
                    means: root.owner == surroundings.user
                        ? nil : "files that a writer of this user makes will not be that user's")
            }
        } catch {
            report.add(.error, .access, "\(error)")
        }
    }

    /// Names of files and folders that are another user's, and of those that cannot be written.
    private func others(than owner: UInt32) throws(FileError) -> (foreign: [String], refused: [String]) {
        var foreign: [String] = []
        var refused: [String] = []
        var names = facts.names.sorted()
        for folder in facts.partitions.map(\.topicPartition.description) + ["quarantine"]
        where facts.names.contains(folder) {
            // What cannot be listed is told of by its folder's own entry.
            let inside = (try? fileSystem.entries(of: layout.root.appending(folder))) ?? []
            names += inside.sorted().map { folder + "/" + $0 }
        }
        for name in names where name != Self.temporaryName {
            // A live writer removes files too.
            guard let found = try ownership(layout.root.pushing(FilePath(name))) else { continue }
            if found.owner != owner { foreign.append(name) }
            if !found.isWritable { refused.append(name) }
        }
        return (foreign, refused)
    }

    /// `orders-0/…log`, `orders-0/…log and 3 others`.
    static func list(_ first: String, _ count: Int) -> String {
        switch count {
        case 1: first
        case 2: "\(first) and another one"
        default: "\(first) and \(count - 1) others"
        }
    }

    // MARK: state

    private mutating func checkState() {
        guard let verification = facts.verification else {
            if !report.findings.contains(where: { $0.severity == .error }) {
                report.add(.good, .state, "empty; the first writer makes a data directory of it")
            }
            return
        }
        for finding in verification.findings {
            let isRegistry = finding.kind == .registry
            report.add(
                .warning, .state, "\(finding.file): \(finding.reason)",
                means: isRegistry
                    ? "topics and their settings stand in two files; one is enough, none loses the settings"
                    : "costs time at the next open, no records",
                remedy:
                    "a writer makes the file anew when it opens the directory; look at the disk, and run daybook verify"
            )
        }
        let last = facts.partitions.map(\.newestAppend).max() ?? .none
        let age = last == .none ? nil : last.milliseconds(until: clock.now())
        let written =
            age.map { $0 >= 0 ? "; last append \(Amounts.age(milliseconds: $0)) ago" : "" } ?? "; no records yet"
        let format = "format \(DirectoryLayout.formatVersion), "
        if report.writer != nil {
            report.add(.good, .state, format + "in use" + written)
        } else if verification.wasClosedCleanly {
            report.add(.good, .state, format + "closed properly" + written)
        } else {
            report.add(
                .note, .state, format + "not closed properly" + written,
                means: "the last writer was killed, or the machine lost power; that loses nothing which was promised",
                remedy: "the next writer recovers the directory when it opens it, and reports what it found")
        }
    }
}
