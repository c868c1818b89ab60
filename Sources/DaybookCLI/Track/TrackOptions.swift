// What the commands on tracking share: which database, brought up to date, and which events. What they print is in
// `TrackCommand` and `TrackJSON`.

import ArgumentParser
import Daybook
import DaybookTracking
import FoundationEssentials

/// Which database, and whether it is to be brought up to date.
struct TrackOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database: a file of SQLite's, or postgres://user@host/name.", valueName: "path-or-url"))
    var database: String?
    @Flag(help: "Ask the database as it is, and say how far it is behind.")
    var asIs = false
    @OptionGroup var data: DataOptions

    /// The data directory; nil where none is named and a database is, which then has to say everything by itself.
    func directory() throws -> String? {
        let variable = ProcessInfo.processInfo.environment["DAYBOOK_DATA"] ?? ""
        if database != nil, data.data == nil, variable.isEmpty { return nil }
        return try data.directory()
    }

    /// The database that was named, or the one in the directory.
    func database(_ directory: String?) throws -> SQLDatabase {
        if let database { return SQLDatabase(database) }
        guard let directory else { throw ValidationError("Name a database with --database.") }
        return .inDirectory(directory)
    }

    /// The database, brought up to date unless it is to be asked as it is.
    func prepared() async throws -> TrackState {
        let directory = try directory()
        let database = try database(directory)
        let tracking = Tracking(database)
        guard let directory else { return TrackState(tracking: tracking, groups: try await tracking.groups()) }
        let isThere = database.path.map { FileManager.default.fileExists(atPath: $0) } ?? true
        let isUpdated = !asIs || !isThere
        let groups = try await withReader(directory) { daybook in
            let tracker = Tracker(daybook, database: database)
            if isUpdated {
                let progress = Progress(label: "Journal entries folded")
                try await tracker.catchUp { progress.update(Int($0.journalPosition.rawValue)) }
                progress.finish()
            }
            return try await tracker.groups()
        }
        return TrackState(tracking: tracking, groups: groups)
    }
}

/// A database that can be asked, and how far it has come.
struct TrackState {
    let tracking: Tracking
    let groups: [TrackedGroup]

    /// Tells on standard error how far it has come.
    func tell() {
        if groups.isEmpty { note("There is no processing group yet: no processor has run on this directory.") }
        for group in groups {
            var text = "\(group.group): journal up to entry \(group.journalPosition)"
            if let time = group.time { text += ", written \(MomentText.format(time))" }
            switch group.entriesBehind {
            case nil: break
            case 0?: text += ", nothing behind"
            case let count?: text += ", \(counted(count, "entry", "entries")) behind"
            }
            note(DisplayText.escaped(text))
        }
    }
}

/// Which events.
struct TrackFilterOptions: ParsableArguments {
    @Option(help: "Only this group. May be repeated, as most of these options.")
    var group: [String] = []
    @Option(
        help: ArgumentHelp("Only this status.", valueName: "status"),
        transform: { text in
            guard let status = TrackedStatus(rawValue: text) else {
                throw ValidationError("use one of \(TrackedStatus.words)")
            }
            return status
        })
    var status: [TrackedStatus] = []
    @Option(help: "Only events of this type.")
    var type: [String] = []
    @Option(help: "Only events with this key.")
    var key: [String] = []
    @Option(help: "Only the event with this id.")
    var event: [String] = []
    @Option(help: "Only events with this correlation id.")
    var correlation: [String] = []
    @Option(
        help: "Only with this reason: permanent, exhausted, unknown, conflict, gap, unreadable, filtered, duplicate, …")
    var reason: [String] = []
    @Option(help: "Only events that go to this downstream.")
    var downstream: [String] = []
    @Option(
        help: "Only events of this partition, such as orders-0.",
        transform: { text in
            guard let partition = TopicPartition(folderName: text) else {
                throw ValidationError("use a topic and a partition such as orders-0")
            }
            return partition
        })
    var partition: TopicPartition?
    @Option(
        help: "Only events whose last attempt was at this time or later, such as 2026-01-31T18:00.", transform: moment)
    var since: Timestamp?
    @Option(help: "Only events whose last attempt was before this time.", transform: moment)
    var until: Timestamp?
    @Option(help: "Only events whose record has this timestamp or a later one.", transform: moment)
    var seenSince: Timestamp?
    @Option(help: "Only events whose record has an earlier timestamp.", transform: moment)
    var seenUntil: Timestamp?

    func validate() throws {
        for (start, end) in [(since, until), (seenSince, seenUntil)] {
            if let start, let end, start > end {
                throw ValidationError("A time to begin with must not be after the end.")
            }
        }
    }

    var filter: TrackingFilter {
        var filter = TrackingFilter()
        (filter.groups, filter.statuses, filter.types) = (Set(group), Set(status), Set(type))
        (filter.keys, filter.eventIDs, filter.correlationIDs) = (Set(key), Set(event), Set(correlation))
        (filter.reasons, filter.downstreams) = (Set(reason), Set(downstream))
        filter.topicPartition = partition
        filter.lastAttempt = Self.range(since, until)
        filter.firstSeen = Self.range(seenSince, seenUntil)
        return filter
    }

    private static func range(_ start: Timestamp?, _ end: Timestamp?) -> Range<Timestamp>? {
        guard start != nil || end != nil else { return nil }
        return (start ?? Timestamp(milliseconds: .min))..<(end ?? Timestamp(milliseconds: .max))
    }

    private static func moment(_ text: String) throws -> Timestamp {
        guard let time = MomentText.parse(text) else {
            throw ValidationError("use an ISO 8601 time such as 2026-01-31T17:59:00Z")
        }
        return time
    }
}

extension TrackedStatus {
    static var words: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
