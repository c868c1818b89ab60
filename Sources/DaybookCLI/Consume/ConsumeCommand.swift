// `daybook consume`: its arguments. Attaches read-only, so that it works beside a live writer; what it reads and prints
// is `ConsumeRun`'s business.

import ArgumentParser
import Daybook

extension RecordFormat: ExpressibleByArgument {}

/// `consume`.
struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Print records of a topic.",
        discussion: """
            Records come in the order of their offsets, one partition after the other; with --follow partitions take turns \
            from the first to the last, and each keeps its own order. Nothing is changed, and a writer may be at work: \
            committed isolation shows durable records of no transaction or of committed ones, durable isolation what a power \
            cut cannot take back, however its transactions end, pagecache also what has only been written.

            value prints values and a line feed behind each (null for none); json prints an object a line with topic, \
            partition, offset, timestamp, appendTime, key, value and headers, where bytes that are not UTF-8 are \
            {"base64":"…"}. Offsets that cannot be read are told on standard error and passed over; those of aborted transactions \
            are passed over in silence.
            """)

    @Argument(help: "The topic to read.")
    var topic: String
    @Option(help: "A partition to read, repeatable; otherwise all.")
    var partition: [Int32] = []
    @Option(
        help: ArgumentHelp(
            "Where to begin: beginning, end, an offset, or an ISO 8601 time: the first record whose timestamp is not before it.",
            valueName: "place"), transform: ConsumePlace.parse)
    var from = ConsumePlace.beginning
    @Option(
        help: ArgumentHelp(
            "Where to stop: end (as it is now), an offset or a time, which are exclusive.", valueName: "place"),
        transform: ConsumePlace.parseUntil)
    var until: ConsumePlace?
    @Option(help: "Only records with this key; all partitions are searched unless --partition is given.")
    var key: String?
    @Option(
        help: ArgumentHelp(
            "Only records with this header, repeatable: a record must carry all of them.", valueName: "name=value"),
        transform: OptionValues.pair)
    var header: [(name: String, value: String)] = []
    @Option(help: "Stop after so many records.")
    var max: Int?
    @Flag(help: "At the end wait for more, until Control-C.")
    var follow = false
    @Option(
        help: ArgumentHelp("committed, durable or pagecache.", valueName: "level"),
        transform: { text in
            switch text.lowercased() {
            case "committed": return .committed
            case "durable": return .durable
            case "pagecache": return .pageCache
            default: throw ValidationError("use committed, durable or pagecache")
            }
        })
    var isolation = Isolation.committed
    @Option(help: "How records are printed.")
    var format = RecordFormat.value
    @OptionGroup var data: DataOptions

    func validate() throws {
        if let max, max < 0 { throw ValidationError("--max needs a number from 0 upwards.") }
        if follow, until == .end { throw ValidationError("--follow goes on behind the end; leave out --until end.") }
    }

    func run() async throws {
        let directory = try data.directory()
        Interruption.watch()
        try await withReader(directory) { daybook in
            let topic = try daybook.topic(self.topic)
            let unknown = partition.first { !(0..<topic.partitionsCount).contains($0) }
            if let unknown {
                throw CommandFailure(
                    "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(unknown).")
            }
            let partitions =
                partition.isEmpty
                ? topic.partitions
                : Set(partition).sorted().map { TopicPartition(topic: topic.name, partition: $0) }
            var run = ConsumeRun(
                daybook: daybook, isolation: isolation, key: key.map { Array($0.utf8) },
                headers: header.map { RecordHeader($0.name, $0.value) }, max: max ?? .max,
                printer: RecordPrinter(format, width: Terminal.columns ?? 160))
            try await run.place(partitions, from: from, until: until ?? (follow ? nil : .end))
            if follow { try await run.follow() } else { try await run.readToEnd() }
            try run.finish(isFollower: follow)
        }
    }
}
