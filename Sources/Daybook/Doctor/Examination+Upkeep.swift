// The checks of what comes with the years: clocks, what retention cannot remove, what nobody has looked at for long, and
// what was left behind. Housekeeping sees to most of it where a writer runs.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage

extension Examination {
    private static var day: Int64 { 86_400_000 }

    mutating func checkUpkeep() {
        checkClock()
        checkLeftovers()
        guard !facts.isNew else { return }
        checkRetention()
        checkScrub()
        checkQuarantine()
    }

    // MARK: clock

    private mutating func checkClock() {
        let now = clock.now()
        // 2020-01-01: before that there was no Daybook, and machines without a battery wake up in 1970.
        guard now.rawValue > 1_577_836_800_000 else {
            return report.add(
                .warning, .clock, "the time of day lies before 2020",
                means: "the clock has not been set; append times are wrong, and nothing is deleted for its age",
                remedy: "set the clock before you start a writer (timedatectl, chronyc tracking)")
        }
        let newest = facts.partitions.max { $0.newestAppend < $1.newestAppend }
        guard let newest, newest.newestAppend != .none else {
            return report.add(.good, .clock, "no records to compare with")
        }
        let age = newest.newestAppend.milliseconds(until: now)
        if age < -5000 {
            report.add(
                .warning, .clock,
                "\(newest.topicPartition) has records from \(Amounts.age(milliseconds: -age)) ahead of the "
                    + "time of day",
                means:
                    "the clock was set back, or was ahead when they were appended. Append times never fall: new records get "
                    + "the same one until the clock has caught up, and stay so much longer",
                remedy: "compare the clock with another one (timedatectl, chronyc tracking)")
        } else if age > 90 * Self.day {
            report.add(
                .note, .clock, "the last append was \(Amounts.age(milliseconds: age)) ago",
                means: "where that cannot be, the clock runs ahead; retention by age would delete what is young",
                remedy: "compare the clock with another one (timedatectl, chronyc tracking)")
        } else {
            report.add(.good, .clock, "agrees with the log")
        }
    }

    // MARK: retention

    private mutating func checkRetention() {
        guard !facts.topics.isEmpty else { return }
        let unlimited = facts.topics.filter { topic in
            let kept = topic.configuration.retention
            return kept.policy.deletes && (kept.age != nil || kept.bytes != nil) && !kept.guardGroups.isEmpty
                && kept.guardAge == nil && kept.guardBytes == nil
        }
        for topic in unlimited {
            let groups = topic.configuration.retention.guardGroups.joined(separator: ", ")
            report.add(
                .warning, .retention, "nothing limits what groups hold back of \(topic.name): \(groups)",
                means: "a group that stands still keeps everything, until the disk is full",
                remedy: "daybook topic alter \(topic.name) --config retention.guard.bytes=AMOUNT, or retention.guard.ms"
            )
        }
        let endless = facts.topics.filter { topic in
            let kept = topic.configuration.retention
            return kept.policy == .delete && kept.age == nil && kept.bytes == nil
        }
        guard unlimited.isEmpty else { return }
        let count = facts.topics.count
        report.add(
            .good, .retention,
            endless.isEmpty
                ? "\(Amounts.counted(count, "topic")), each with a limit"
                : "\(endless.count) of \(Amounts.counted(count, "topic")) \(endless.count == 1 ? "keeps" : "keep") "
                    + "everything, as set")
    }

    // MARK: scrub

    private mutating func checkScrub() {
        let now = clock.now()
        let sealed = facts.partitions.filter { !$0.sealed.isEmpty }
        let damaged = facts.partitions.filter { ($0.lastScrub?.damagedSegmentsCount ?? 0) > 0 }
        if let first = damaged.first {
            let segments = damaged.reduce(0) { $0 + ($1.lastScrub?.damagedSegmentsCount ?? 0) }
            report.add(
                .error, .scrub,
                "damage in \(Amounts.counted(segments, "segment")) of "
                    + Self.list(first.topicPartition.description, damaged.count),
                means: "readers get a gap where records cannot be read; the others are whole",
                remedy:
                    "daybook verify names the places; restore them from a backup, and look at the disk (smartctl -a, the "
                    + "kernel's log)")
        }
        guard !sealed.isEmpty else {
            if damaged.isEmpty { report.add(.good, .scrub, "no closed segments to look at yet") }
            return
        }
        // A writer scrubs by itself every week; twice that long is too long.
        let never = sealed.filter { $0.lastScrub == nil }
        let overdue = never.filter { partition in
            (partition.sealed.map { $0.modified.milliseconds(until: now) }.max() ?? 0) > 14 * Self.day
        }
        let stale = sealed.filter { ($0.lastScrub?.time.milliseconds(until: now) ?? 0) > 28 * Self.day }
        let remedy = "let a writer run, which does it every week by itself, or run daybook scrub now"
        if let first = overdue.first {
            report.add(
                .warning, .scrub,
                "never looked at: closed segments of "
                    + "\(Self.list(first.topicPartition.description, overdue.count)), two weeks old and more",
                means: "damage stays unknown until somebody reads there, perhaps after the last good backup is gone",
                remedy: remedy)
        }
        if let first = stale.first {
            report.add(
                .warning, .scrub,
                "not looked at for four weeks: \(Self.list(first.topicPartition.description, stale.count))",
                means: "damage since then is not known", remedy: remedy)
        }
        guard overdue.isEmpty, stale.isEmpty, damaged.isEmpty else { return }
        let done = sealed.count - never.count
        report.add(
            .good, .scrub,
            never.isEmpty
                ? "all closed segments were read and found whole"
                : "closed segments were read in \(done) of \(Amounts.counted(sealed.count, "partition")) so far")
    }

    // MARK: quarantine and leftovers

    private mutating func checkQuarantine() {
        let files = facts.quarantined
        guard !files.isEmpty else { return report.add(.good, .quarantine, "empty") }
        let oldest = files.map { $0.modified.milliseconds(until: clock.now()) }.max() ?? 0
        let corrupt = files.count(where: \.isCorruption)
        report.add(
            corrupt > 0 ? .warning : .note, .quarantine,
            "\(Amounts.counted(files.count, "file")) with \(Amounts.bytes(files.reduce(0) { $0 + $1.size })), the oldest "
                + "\(Amounts.age(milliseconds: max(0, oldest))) old"
                + (corrupt > 0 ? "; \(corrupt) of them from damage" : ""),
            means: corrupt > 0
                ? "records that were once good could not be read; these are the bytes of that place"
                : "incomplete last writes of crashes, as is to be expected",
            remedy: corrupt > 0
                ? "daybook verify tells whether the damage is still there; move the files away when it has been dealt with"
                : "move the files away when nobody wants to look at them")
    }

    private mutating func checkLeftovers() {
        // What else verification notes is told by checks of its own.
        let known: Set = ["state", "topics", "watermarks", Self.temporaryName]
        let notes: [VerificationReport.Note] = facts.verification?.notes ?? []
        let strangers = notes.filter { note in !note.file.contains("/") && !known.contains(note.file) }
        for note in strangers {
            let isFolder = TopicPartition(folderName: note.file) != nil
            report.add(
                isFolder ? .warning : .note, .leftovers, "\(note.file): \(note.reason)",
                means: isFolder ? "records that no command shows, which take room all the same" : nil,
                remedy: isFolder ? "look into it (daybook dump), then move it away" : "move it away if nobody needs it")
        }
        let inside = facts.partitions.flatMap(\.leftovers)
        // Where a writer is at work they may be in use.
        if report.writer == nil, let first = inside.first {
            report.add(
                .note, .leftovers, "\(Self.list(first, inside.count)): left by a replacement that did not end",
                means: "counts for nothing", remedy: "the next writer uses or removes it")
        }
        if facts.names.contains(Self.temporaryName) {
            report.add(
                .note, .leftovers, "\(Self.temporaryName): an examination was stopped half-way, or runs at this moment")
        }
        if report.findings.allSatisfy({ $0.check != .leftovers }) { report.add(.good, .leftovers, "none") }
    }
}
