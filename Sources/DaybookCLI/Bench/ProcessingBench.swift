// `daybook bench processing`: what a processor costs. Each part makes its own topic and groups in the directory, and goes through
// them in one process: with handlers that do nothing, beside a plain member of a group; with handlers that wait; with many keys
// and many events waiting; and taken over by a second processor while many ranges of events are done out of turn.

import ArgumentParser
import Daybook
import DaybookProcessing

/// Measures processors.
struct ProcessingBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processing", abstract: "Measure handlers of events: speed, memory, and the time of a restart.",
        discussion: """
            Parts: idle (handlers that do nothing, beside a plain member of a group on the same records), waits (handlers \
            that wait 5 ms), memory (many keys seen, many events waiting), restart (many ranges of events done out of turn). \
            Topics bench-… of the directory are made anew.
            """)

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case idle, waits, memory, restart
    }

    @OptionGroup var data: DataOptions
    @Option(help: "Only this part: idle, waits, memory or restart. May be given several times.")
    var part: [Part] = []
    @Option(help: "Events of the parts idle and waits.")
    var records = 200_000
    @Option(help: "Keys of the parts idle and waits.")
    var keys = 10_000
    @Option(help: "Partitions of each topic.")
    var partitions = 4
    @Option(help: "Bytes of each event's body.")
    var size = 300
    @Option(help: "How often a plain member and the processor take turns in the part idle.")
    var rounds = 3
    @Option(help: "Handlers under way at once.")
    var concurrency = 256
    @Option(help: "Keys that have been seen in the part memory, by a group with a revision gate.")
    var keysSeen = 500_000
    @Option(help: "Events that wait in the part memory.")
    var waiting = 200_000
    @Option(help: "Ranges of the part restart.")
    var ranges = 200_000
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        let numbers = [records, keys, partitions, size, rounds, concurrency, keysSeen, waiting, ranges]
        guard numbers.allSatisfy({ $0 > 0 }), partitions <= 10_000 else {
            throw ValidationError("All numbers of bench processing begin at 1; there are at most 10000 partitions.")
        }
    }

    /// A line of the result: its name for programs and for people, and its value for both.
    struct Figure {
        var name: String
        var title: String
        var value: JSONValue
        var text: String

        static func number(_ name: String, _ title: String, _ value: Double, places: Int) -> Figure {
            Figure(
                name: name, title: title, value: .number(value, places: places),
                text: places == 0 ? Numbers.grouped(Int(value)) : Numbers.fixed(value, places))
        }

        static func bytes(_ name: String, _ title: String, _ value: Int) -> Figure {
            Figure(name: name, title: title, value: .integer(value), text: Numbers.bytes(value))
        }
    }

    func run() async throws {
        let daybook = try await Daybook.open(try data.directory())
        var results: [(Part, [Figure])] = []
        for part in Part.allCases where self.part.isEmpty || self.part.contains(part) {
            switch part {
            case .idle: results.append((part, try await idle(daybook)))
            case .waits: results.append((part, try await waits(daybook)))
            case .memory: results.append((part, try await memory(daybook)))
            case .restart: results.append((part, try await restart(daybook)))
            }
        }
        try await daybook.close()
        try print(results)
    }

    private func print(_ results: [(Part, [Figure])]) throws {
        if json {
            var pairs: [(key: String, value: JSONValue)] = [("benchmark", "processing")]
            for (part, figures) in results {
                pairs.append((part.rawValue, .object(figures.map { (key: $0.name, value: $0.value) })))
            }
            return try StandardStream.output.writeLine(JSONValue.object(pairs).text)
        }
        var table = TextTable(columns: [.left("processing"), .left(""), .right("")])
        for (part, figures) in results {
            for (index, figure) in figures.enumerated() {
                table.addRow([index == 0 ? part.rawValue : "", figure.title, figure.text])
            }
        }
        try StandardStream.output.writeAll(table.render().utf8)
    }

    private func seconds(_ start: ContinuousClock.Instant) -> Double { start.duration(to: .now) / .seconds(1) }

    // MARK: idle

    private func idle(_ daybook: Daybook) async throws -> [Figure] {
        let load = try await ProcessingLoad(
            daybook, topic: "bench-idle-handlers", count: records, keys: keys, partitions: partitions, size: size)
        var plain: [Measurement.Result] = []
        var processed: [Measurement.Result] = []
        for round in 0..<rounds {
            let measurement = Measurement(daybook)
            try await load.consume(group: fresh("bench-plain-\(round)"))
            plain.append(measurement.end(daybook))
            processed.append(try await process(load, round, daybook))
        }
        let (count, middle) = (Double(records), rounds / 2)
        let plainSpeed = count / plain.map(\.seconds).sorted()[middle]
        let speed = count / processed.map(\.seconds).sorted()[middle]
        let plainCPU = plain.map(\.cpuSeconds).sorted()[middle] * 1e6 / count
        let cpu = processed.map(\.cpuSeconds).sorted()[middle] * 1e6 / count
        let bytes = Double(processed.map(\.bytesWritten).sorted()[middle]) / count
        return [
            .number("plainRecordsPerSecond", "records a second, plain member", plainSpeed, places: 0),
            .number("recordsPerSecond", "records a second, handlers that do nothing", speed, places: 0),
            .number("ratio", "of the plain member's", speed / plainSpeed, places: 3),
            .number("plainMicrosecondsPerRecord", "CPU µs a record, plain member", plainCPU, places: 3),
            .number("microsecondsPerRecord", "CPU µs a record, handlers that do nothing", cpu, places: 3),
            .number("journalBytesPerRecord", "bytes written a record, journal and commits", bytes, places: 2),
        ]
    }

    private func process(_ load: ProcessingLoad, _ round: Int, _ daybook: Daybook) async throws -> Measurement.Result {
        let handled = Counted(records)
        let processor = try load.processor(
            group: fresh("bench-idle-\(round)"), concurrency: concurrency, handled: handled
        ) {}
        let measurement = Measurement(daybook)
        async let end: Void = processor.run()
        await handled.all()
        // What is durable counts: the end waits for it.
        processor.stop()
        try await end
        return measurement.end(daybook)
    }

    /// A group that nobody has used yet in this directory.
    private func fresh(_ name: String) -> String {
        "\(name)-\(UInt64.random(in: .min ... .max))"
    }

    // MARK: waits

    private func waits(_ daybook: Daybook) async throws -> [Figure] {
        let load = try await ProcessingLoad(
            daybook, topic: "bench-waiting-handlers", count: records, keys: keys, partitions: partitions, size: size)
        let handled = Counted(records)
        let waited = WaitedTime()
        let processor = try load.processor(
            group: fresh("bench-waits"), { $0.maximumOpenEvents = max(10_000, keys) },
            concurrency: concurrency, handled: handled
        ) {
            let start = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(5), tolerance: .zero)
            waited.add(start.duration(to: .now))
        }
        let measurement = Measurement(daybook)
        async let end: Void = processor.run()
        await handled.all()
        processor.stop()
        try await end
        let result = measurement.end(daybook)
        let speed = Double(records) / result.seconds
        let wait = waited.total / .milliseconds(1) / Double(records)
        return [
            .number("recordsPerSecond", "records a second, handlers that wait 5 ms", speed, places: 0),
            .number("ratio", "of \(concurrency) / 5 ms", speed / (Double(concurrency) / 0.005), places: 3),
            .number("waitMilliseconds", "ms that they really waited", wait, places: 3),
            .number("ratioOfWaits", "of \(concurrency) / that", speed * wait / 1000 / Double(concurrency), places: 3),
            .number(
                "microsecondsPerRecord", "CPU µs a record", result.cpuSeconds * 1e6 / Double(records), places: 3),
        ]
    }

    // MARK: memory

    private func memory(_ daybook: Daybook) async throws -> [Figure] {
        let group = fresh("bench-memory")
        let before = ResidentMemory.now
        let seen = try await ProcessingLoad(
            daybook, topic: "bench-keys-seen", count: keysSeen, keys: keysSeen, partitions: partitions, size: size)
        let filled = ResidentMemory.now
        let handled = Counted(keysSeen)
        let first = try seen.processor(group: group, { $0.revisionGate = RevisionGate() }, handled: handled) {}
        async let firstEnd: Void = first.run()
        await handled.all()
        let afterKeys = ResidentMemory.now
        first.stop()
        try await firstEnd

        let many = try await ProcessingLoad(
            daybook, topic: "bench-events-waiting", count: waiting, keys: waiting, partitions: partitions, size: size)
        let all = Counted(waiting)
        let gate = Gate()
        let second = try many.processor(
            group: group,
            {
                $0.topics = [seen.topic, many.topic]
                $0.revisionGate = RevisionGate()
                $0.maximumOpenEvents = waiting + 1
                $0.maximumOpenBytes = .bytes(.max)
            }, handled: all
        ) { await gate.pass() }
        async let secondEnd: Void = second.run()
        try await until { try await second.status().openCount == waiting }
        let afterWaiting = ResidentMemory.now
        gate.open()
        await all.all()
        second.stop()
        try await secondEnd
        return [
            .number("keysSeen", "keys seen, with a revision gate", Double(keysSeen), places: 0),
            .number("waiting", "events waiting", Double(waiting), places: 0),
            .bytes("before", "resident before", before), .bytes("filled", "resident before the first event", filled),
            .bytes("afterKeys", "resident when the keys have been seen", afterKeys),
            .bytes("afterWaiting", "resident while the events wait", afterWaiting),
            .bytes("most", "most that was ever resident", ResidentMemory.most),
        ]
    }

    /// Returns when something is so, which is looked at every 10 ms.
    private func until(_ isSo: () async throws -> Bool) async throws {
        while true {
            do { if try await isSo() { return } } catch let error as ProcessingError where error.code == .notRunning {}
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: restart

    private func restart(_ daybook: Daybook) async throws -> [Figure] {
        let group = fresh("bench-restart")
        let load = try await ProcessingLoad(
            daybook, topic: "bench-restart", count: 2 * ranges, keys: 2 * ranges, partitions: 1, size: size
        ) { $0 % 2 == 0 ? "crm.order.changed.v1" : "crm.order.late.v1" }
        let gate = Gate()
        let change: (inout ProcessorConfiguration) -> Void = {
            $0.maximumOpenEvents = ranges + 10_000
            $0.maximumOpenBytes = .bytes(.max)
        }
        let first = try load.processor(group: group, change, handled: Counted(0), late: { await gate.pass() }) {}
        async let firstEnd: Void = first.run()
        try await until { try await first.status().counts.succeeded >= ranges }

        guard let journal = load.journal(of: group) else { preconditionFailure("a group at work has a journal") }
        let reading = ContinuousClock.now
        let offsets = try await daybook.offsets(journal)
        var next = offsets.logStartOffset
        while next < offsets.highWatermark {
            next = try await daybook.read(journal, from: next, isolation: .durable).nextOffset
        }
        let read = seconds(reading)
        let size = try await daybook.offsets(journal).size.rawValue

        // As after a crash: the one that is at work is not asked, and finds out with its next word.
        let second = try load.processor(group: group, change, handled: Counted(0), late: { await gate.pass() }) {}
        let starting = ContinuousClock.now
        async let secondEnd: Void = second.run()
        while (try? await second.status()) == nil { try await Task.sleep(for: .milliseconds(1)) }
        let started = seconds(starting)
        gate.open()
        first.stop()
        second.stop()
        try await secondEnd
        do { try await firstEnd } catch let error as ProcessingError where error.code == .fenced {}
        return [
            .number("ranges", "ranges done out of turn", Double(ranges), places: 0),
            .bytes("journalBytes", "bytes of the journal", size),
            .number("readMilliseconds", "ms to read them", read * 1000, places: 1),
            .number("restartMilliseconds", "ms until another processor is at work", started * 1000, places: 1),
            .number("ratio", "of the one to the other", started / read, places: 2),
        ]
    }
}
