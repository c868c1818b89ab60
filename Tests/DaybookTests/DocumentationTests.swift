// README and the articles say what is so: their Swift code is that of `DocumentationSamples`, which runs; their tables of
// settings are the table the code works with; the files they name exist; README's shell examples run as they stand.

import Daybook
import DaybookTesting
import Foundation
import Testing

@Suite struct DocumentationTests {
    // MARK: Swift code

    @Test(arguments: [
        ("README", "DaybookTests/DocumentationSamples"), ("GettingStarted", "DaybookTests/DocumentationSamples"),
        ("TestingYourHandlers", "DaybookTests/HandlerSamples"),
        ("OperatingALiveService", "DaybookTests/DocumentationSamples"),
        ("ServicesAndObservability", "DaybookServicesTests/ServiceSamples"),
        ("OperatingOffsets", "DaybookTests/DocumentationSamples"),
        ("TrackingEvents", "DaybookTrackingTests/TrackingSamples"),
        ("ExactlyOnce", "DaybookTests/Transactions/TransactionSamples"),
        ("ConsumingWithGroups", "DaybookTests/GroupSamples"), ("ChoosingDurability", "DaybookTests/DurabilitySamples"),
        ("ProcessingEvents", "DaybookProcessingServicesTests/ProcessingSamples"),
    ])
    func `The Swift code of a document is the code that is compiled and run here`(
        document: String, source: String
    ) throws {
        let samples = try Text.read("Tests/\(source).swift").samples(of: document)
        let blocks = try Text.document(document).fenced("swift").map { block in
            let lines = block.drop { $0.hasPrefix("import ") || $0.isEmpty }
            return lines.joined(separator: "\n")
        }
        #expect(!samples.isEmpty)
        #expect(blocks == samples.map { $0.joined(separator: "\n") })
    }

    @Test
    func `README's ten lines run`() async throws {
        try await withDirectory { directory in
            try await sendAndReadBack(in: directory + "/data")
            let daybook = try await Daybook.open(directory + "/data")
            #expect(daybook.recovery.wasClosedCleanly)
            let receipt = try await daybook.makeProducer().send(Record(key: "SO-1", value: "x"), to: "orders")
            #expect(receipt.offset == 1)
            try await daybook.close()
        }
    }

    @Test
    func `The first twenty lines run, and a second time they get only what is new`() async throws {
        try await withDirectory { directory in
            let orders: Set = ["SO-1", "SO-2", "SO-3"]
            for _ in 0..<3 { #expect(try await Set(takeOrders(in: directory + "/data")) == orders) }
            let daybook = try await Daybook.open(directory + "/data")
            let committed = try await daybook.committedOffsets(group: "warehouse")
            #expect(committed.values.reduce(0) { $0 + $1.offset.rawValue } == 9)
            try await daybook.close()
        }
        let article = try Text.document("GettingStarted").fenced("swift")[0].filter { !$0.isEmpty }
        #expect(article.count <= 22)
    }

    @Test
    func `The samples of the article do what they say`() async throws {
        try await withDirectory { directory in
            let daybook = try await Samples.open(directory)
            try await Samples.makeTopic(daybook)
            try await Samples.makeTopic(daybook)
            #expect(try daybook.topic("orders").configuration.flushInterval == .milliseconds(50))
            let receipt = try await Samples.send(daybook)
            #expect(receipt.durability == .durable)

            let start = Timestamp(milliseconds: 1_767_225_600_000)
            let export = (0..<100).map {
                ExportRow(order: "SO-1", json: "{\"line\":\($0)}", time: start.advanced(byMilliseconds: $0))
            }
            #expect(try await Samples.ingest(export, daybook) == 100)
            let wanted = [#"{"total":12}"#] + export.map(\.json)
            #expect(try await Samples.readAll(receipt.topicPartition, of: daybook) == wanted)
            #expect(try await Samples.count(since: receipt.appendTime, receipt.topicPartition, of: daybook) == 101)

            let first = Checkpoint(nextOffset: 1, epoch: .zero)
            let checkpoint = try await Samples.goOn(from: first, receipt.topicPartition, of: daybook)
            #expect(checkpoint == Checkpoint(nextOffset: 101, epoch: .zero))
            await #expect {
                try await Samples.goOn(
                    from: Checkpoint(nextOffset: 102, epoch: .zero), receipt.topicPartition, of: daybook)
            } throws: {
                ($0 as? DaybookError)?.code == .divergedHistory
            }

            #expect(try await Samples.attach(directory) == 1)
            try await onThread { try Samples.load(export, into: receipt.topicPartition, of: daybook) }
            try await Samples.appendOrExplain(Record(key: "SO-1", value: "x"), try daybook.makeProducer())
            Samples.handleRedrive(daybook)
            let refused = await #expect(throws: DaybookError.self) { try await Samples.rehearse(directory) }
            #expect(refused?.code == .offsetOutOfRange)
            let administration = try await Administration.open(directory)
            #expect(
                try await administration.perform("redrive", ["id": "ticket-4711"])
                    == ["id": "ticket-4711", "redriven": 3])
            try await administration.close()

            let place = try #require(try await Samples.commit(receipt.topicPartition, of: daybook))
            #expect(place.offset == 42 && place.metadata == "picked until 17:59")
            try await Samples.goOn(from: place, in: receipt.topicPartition, of: daybook)
            try await Samples.showProgress(daybook)
            try await Samples.showMembers(daybook)
            let plan = try await Samples.goBack(daybook)
            #expect(plan.moves.map(\.new) == [0] && !plan.isApplied)
            #expect(
                try await daybook.committedOffsets(group: "warehouse").mapValues(\.offset) == [
                    receipt.topicPartition: 0
                ])
            try await daybook.close()
            #expect(try await Samples.verify(directory))
        }
    }

    // MARK: settings

    @Test(arguments: ["README", "TopicSettings"])
    func `A document's table of settings is the one that the code works with`(document: String) throws {
        let rows = TopicConfigurationTable.settings.map { setting in
            "| `\(setting.name)` | `\(setting.defaultText)` | \(setting.documentation) | \(setting.allowed) |"
        }
        let table = (["| setting | default | meaning | allowed |", "|---|---|---|---|"] + rows).joined(separator: "\n")
        let text = try Text.document(document).lines.joined(separator: "\n")
        #expect(text.contains("\n\n" + table + "\n\n"), "\(document) should hold this table:\n\(table)")
    }

    // MARK: files

    @Test(arguments: Text.documents)
    func `Every file that a document names exists`(document: String) throws {
        let missing = try Text.document(document).paths.filter {
            !FileManager.default.fileExists(atPath: Text.root.appending(path: $0).path())
        }
        #expect(missing == [])
    }

    @Test
    func `A path is found in links and in code`() {
        let text = Text("See [a](Sources/A/B+C.swift), `tools/check` and `Package.swift`, https://a.b/Sources/X.\n")
        #expect(text.paths == ["Package.swift", "Sources/A/B+C.swift", "tools/check"])
    }

    // MARK: shell

    /// The command line as the build leaves it; `swift build --build-tests` makes it with the tests.
    static let programs = Text.root.appending(path: ".build/debug")

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: programs.appending(path: "daybook").path())))
    func `README's shell examples run as they stand`() async throws {
        let blocks = try Text.document("README").fenced("sh").filter { $0.first?.hasPrefix("daybook topic ") == true }
        try #require(!blocks.isEmpty)
        try await withDirectory { directory in
            let process = Process()
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = ["-euo", "pipefail", "-c", blocks.joined().joined(separator: "\n")]
            process.currentDirectoryURL = URL(filePath: directory)
            process.environment = [
                "PATH": Self.programs.path() + ":/usr/bin:/bin", "DAYBOOK_DATA": directory + "/shop",
            ]
            let output = Pipe()
            (process.standardOutput, process.standardError) = (output, output)
            try process.run()
            let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(text)")
            #expect(text.contains("Clean: 2 topics"), "\(text)")
        }
    }
}

/// Runs what may block on a thread of its own.
private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}

/// A text of the repository, line by line.
private struct Text {
    let lines: [String]

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().standardizedFileURL

    static let articles = "Sources/Daybook/Daybook.docc"

    /// README and the articles of the catalogue.
    static let documents =
        ["README"]
        + ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: articles).path())) ?? [])
        .filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) }.sorted()

    static func read(_ path: String) throws -> Text {
        Text(try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    static func document(_ name: String) throws -> Text {
        try read(name == "README" ? "README.md" : "\(articles)/\(name).md")
    }

    /// The lines of each fenced block in `language`, in order.
    func fenced(_ language: String) -> [[String]] {
        blocks(from: { $0 == "```\(language)" }, to: { $0 == "```" })
    }

    /// The lines of each sample for `document`, in order, without the indentation they share.
    func samples(of document: String) -> [[String]] {
        blocks(
            from: { $0.trimmingCharacters(in: .whitespaces) == "// sample \(document)" },
            to: { $0.trimmingCharacters(in: .whitespaces) == "// end" }
        ).map { block in
            let shared = block.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
            return block.map { String($0.dropFirst(shared)) }
        }
    }

    private func blocks(from opens: (String) -> Bool, to closes: (String) -> Bool) -> [[String]] {
        var blocks: [[String]] = []
        var isInside = false
        for line in lines {
            if isInside, closes(line) {
                isInside = false
            } else if isInside {
                blocks[blocks.count - 1].append(line)
            } else if opens(line) {
                isInside = true
                blocks.append([])
            }
        }
        return blocks
    }

    /// The files and folders of the repository that are named in links and in code, sorted.
    var paths: [String] {
        let place = /[(`]((?:Sources|Tests|Benchmarks|tools|\.ci)\/[\w\/+.\-]*|Package\.swift|LICENSE)[)`]/
        return Set(lines.flatMap { $0.matches(of: place).map { String($0.1) } }).sorted()
    }
}
