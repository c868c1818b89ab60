// `daybook produce`: its arguments, and the loop that takes records from the input and enqueues them. Reading, parsing
// and enqueueing happen in one task; encoding, compression and writing overlap with it inside the engine.

import ArgumentParser
import Daybook
import DaybookText

/// `produce`.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Append records to a topic, from standard input or files.",
        discussion: """
            lines: each line is a value; with --key-separator what stands before it is the key. jsonl: each line is one \
            JSON value, which is checked and stored as it stands; blank lines are passed over. csv: RFC 4180 with a header \
            line; each row becomes a JSON object of strings in the order of the columns. All text is UTF-8.

            Ends with one line of JSON on standard output: records, bytes (of keys and values), for each partition its \
            first and next offset, and seconds. Where the input is malformed, everything before that place is kept, \
            flushed and counted there; the place is told on standard error, and the exit code is 1.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case lines, jsonl, csv }

    @Argument(help: "The topic to append to.")
    var topic: String
    @Argument(
        help: "Files to read one after the other, each CSV file with its own header; - or none is standard input.")
    var files: [String] = []
    @Option(help: "What the input is.")
    var format = Format.lines
    @Option(help: "With lines: the text between the key and the value of a line; every line must have it.")
    var keySeparator: String?
    @Option(
        help: ArgumentHelp(
            """
            Where the key is: with jsonl a path such as order.id or lines[0].sku (a string's content, or a number, true or \
            false as it stands; no key where it is missing or null), with csv the name of a column.
            """, valueName: "path"))
    var keyField: String?
    @Option(help: "The partition for all records; otherwise the key decides, as with Kafka's default.")
    var partition: Int32?
    @Option(
        help: ArgumentHelp(
            "none, lz4 or zstd, with a level: zstd:3. A codec of the topic goes before it.", valueName: "codec"),
        transform: OptionValues.compression)
    var compression = Compression.none
    @Option(
        help: ArgumentHelp(
            "What is promised at the end: durable (survives a power cut), osCache (survives the process), buffered.",
            valueName: "level"), transform: OptionValues.durability)
    var durability = Durability.durable
    @Option(
        help: ArgumentHelp("A header for every record, repeatable.", valueName: "name=value"),
        transform: OptionValues.pair)
    var header: [(name: String, value: String)] = []
    @Option(
        help: ArgumentHelp("Bytes of a full batch before compression.", valueName: "bytes"),
        transform: OptionValues.byteCount)
    var batchSize = ByteCount.kibibytes(64)
    @Option(
        help: ArgumentHelp("How long a record may wait for others to share its batch.", valueName: "duration"),
        transform: OptionValues.duration)
    var linger = Duration.milliseconds(20)
    @OptionGroup var data: DataOptions

    func validate() throws {
        if keySeparator != nil, format != .lines {
            throw ValidationError("--key-separator goes with --format lines only.")
        }
        if keySeparator == "" { throw ValidationError("--key-separator needs at least one character.") }
        if keyField != nil, format == .lines {
            throw ValidationError("--key-field goes with --format jsonl or csv; for lines there is --key-separator.")
        }
        if format == .jsonl, let keyField {
            do { _ = try JSONPath(keyField) } catch { throw ValidationError(error.description) }
        }
    }

    func run() async throws {
        let directory = try data.directory()
        let inputs = files.isEmpty ? ["-"] : files
        // A misspelt name is told before anything is appended.
        for path in inputs where path != "-" { _ = try ByteInput(path) }
        Interruption.watch()
        let summary = try await withDaybook(directory, Configuration(createsDirectory: false)) { daybook in
            if let partition {
                try check(partition, of: try daybook.topic(topic))
            } else {
                _ = try daybook.topic(topic)
            }
            return try await produce(inputs, daybook)
        }
        try StandardStream.output.writeLine(summary.json.text)
        if summary.keylessCount > 0, let keyField {
            note("Note: \(counted(summary.keylessCount, "record")) had no \(keyField) and went in without a key.")
        }
        if let failure = summary.failure {
            throw CommandFailure(failure, exitCode: Interruption.isRequested ? Interruption.exitCode : 1)
        }
    }

    private func check(_ partition: Int32, of topic: Topic) throws {
        guard (0..<topic.partitionsCount).contains(partition) else {
            throw CommandFailure(
                "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(partition).")
        }
    }

    private func produce(_ inputs: [String], _ daybook: Daybook) async throws -> ProduceSummary {
        let producer = try daybook.makeProducer(
            ProducerConfiguration(
                batchSize: batchSize, linger: linger, compression: compression, durability: durability))
        let begun = ContinuousClock.now
        var summary = ProduceSummary()
        let progress = Progress(label: "Records appended to \(topic)")
        do {
            var count = 0
            for path in inputs {
                let input = try ByteInput(path)
                switch format {
                case .lines:
                    let separator = keySeparator.map { Array($0.utf8) }
                    var source = LineSource(input, .text(separator: separator))
                    try await enqueue(&source, producer, &summary, progress, &count)
                case .jsonl:
                    var source = LineSource(input, .json(key: try keyField.map { try JSONPath($0) }))
                    try await enqueue(&source, producer, &summary, progress, &count)
                case .csv:
                    var source = CSVSource(input, keyColumn: keyField)
                    try await enqueue(&source, producer, &summary, progress, &count)
                }
            }
        } catch is InputInterrupted {
            summary.failure = "Interrupted; what had been read until then has been appended."
        } catch {
            summary.failure = "\(error)"
        }
        do {
            summary.log = try await producer.close()
        } catch let failure as FlushFailure {
            summary.log = failure.summary
            summary.failure = summary.failure ?? failure.description
        }
        progress.finish()
        summary.duration = begun.duration(to: .now)
        return summary
    }

    private func enqueue<Source: RecordSource>(
        _ source: inout Source, _ producer: Producer, _ summary: inout ProduceSummary, _ progress: Progress,
        _ count: inout Int
    ) async throws {
        let headers = header.map { RecordHeader($0.name, $0.value) }
        let wantsKey = keyField != nil
        while let next = try source.next() {
            let record = Record(key: next.key, value: next.value, headers: headers)
            try await producer.enqueue(record, to: topic, partition: partition)
            summary.payloadBytes += (next.key?.count ?? 0) + next.value.count
            if wantsKey && next.key == nil { summary.keylessCount += 1 }
            count += 1
            if count & 0x3FF == 0 {
                progress.update(count)
                if Interruption.isRequested { throw InputInterrupted() }
            }
        }
    }
}
