// What the examination of a machine and a data directory found, as a value: each finding says what was seen, what that
// means, and what to do. How it is found is in the files beside this one.

public import DaybookModel

/// The state of a data directory and of the machine under it.
public struct DoctorReport: Sendable {
    /// One thing that was looked at, and what came of it.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        public let check: Check
        public let severity: Severity
        /// What was seen, for example `the data directory is on tmpfs`.
        public let observation: String
        /// What follows from it; nil where nothing does.
        public let meaning: String?
        /// What can be done about it; nil where there is nothing to do.
        public let remedy: String?

        public var description: String {
            ([observation, meaning, remedy].compactMap { $0 }).joined(separator: "; ")
        }
    }

    /// What is looked at. More may be added in later releases.
    public enum Check: String, Sendable, Hashable, CaseIterable {
        case flushLatency = "flush latency"
        case fileSystem = "file system"
        case room
        case openFiles = "open files"
        case fileSize = "file size"
        case lock
        case access
        case state
        case clock
        case retention
        case scrub
        case quarantine
        case leftovers
    }

    /// How bad a finding is.
    public enum Severity: Int, Sendable, Hashable, Comparable {
        case good
        /// Worth knowing; nothing has to be done.
        case note
        /// Something should be done; records are not lost yet.
        case warning
        /// The directory cannot be written to as it is, or records have been damaged.
        case error

        public static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    /// The process that has the directory open for writing.
    public struct Writer: Sendable, Hashable {
        /// Nil where the system does not tell: the process is in another container or on another machine.
        public let process: Int32?
        public let name: String?
    }

    public let directory: String
    /// In the order of `Check`; the worst of each check first. Every check that could be made has one at least.
    public internal(set) var findings: [Finding] = []
    /// Nil where nothing was measured.
    public internal(set) var flushLatency: FlushLatency?
    /// Nil where nobody has the directory open for writing.
    public internal(set) var writer: Writer?
    public internal(set) var topicsCount = 0
    public internal(set) var partitionsCount = 0
    public internal(set) var segmentsCount = 0
    /// Bytes of all files of the partitions.
    public internal(set) var bytes = ByteCount.bytes(0)

    /// The worst there is.
    public var severity: Severity { findings.map(\.severity).max() ?? .good }

    /// How many findings are so bad.
    public func count(_ severity: Severity) -> Int { findings.count { $0.severity == severity } }

    init(directory: String) { self.directory = directory }

    mutating func add(
        _ severity: Severity, _ check: Check, _ observation: String, means meaning: String? = nil,
        remedy: String? = nil
    ) {
        findings.append(
            Finding(check: check, severity: severity, observation: observation, meaning: meaning, remedy: remedy))
    }

    /// Puts the findings into their order.
    mutating func sort() {
        let places = Dictionary(uniqueKeysWithValues: Check.allCases.enumerated().map { ($1, $0) })
        // Enumerated, because the order in which things were found is kept and `sort` does not promise that.
        findings = findings.enumerated().sorted { a, b in
            let (left, right) = (places[a.element.check] ?? 0, places[b.element.check] ?? 0)
            if left != right { return left < right }
            if a.element.severity != b.element.severity { return a.element.severity > b.element.severity }
            return a.offset < b.offset
        }.map(\.element)
    }
}
