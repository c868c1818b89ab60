// `daybook bench idle`: what a daybook costs while nothing happens, with many consumers that wait for records.
// Nothing but the CPU time of the process is of interest; who waits must have none.

import ArgumentParser
import Daybook

/// Lets many consumers wait for records that do not come.
struct IdleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Let many consumers wait while nothing happens, and say what CPU time that takes.")

    @OptionGroup var data: DataOptions

    @Option(help: "How many consumers wait, each in a task of its own.")
    var consumers = 1000

    @Option(help: "How many partitions the topic has that is made for it.")
    var partitions = 10

    @Option(help: "For how many seconds they wait.")
    var seconds = 10

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if !(0...100_000).contains(consumers) { throw ValidationError("--consumers needs a number from 0 to 100000.") }
        if !(1...1000).contains(partitions) { throw ValidationError("--partitions needs a number from 1 to 1000.") }
        if !(1...3600).contains(seconds) { throw ValidationError("--seconds needs a number from 1 to 3600.") }
    }

    private static let topic = "bench-idle"

    func run() async throws {
        let daybook = try await Daybook.open(try data.directory())
        if !daybook.topics.contains(where: { $0.name.description == Self.topic }) {
            try await daybook.createTopic(Self.topic, partitions: partitions)
        }
        let topic = try daybook.topic(Self.topic)
        let (result, woken) = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<consumers {
                let partition = topic.partitions[number % topic.partitions.count]
                let consumer = try await daybook.makeConsumer(assigned: [partition], from: .end)
                group.addTask {
                    var iterator = consumer.batches.makeAsyncIterator()
                    return try await iterator.next()?.recordsCount ?? 0
                }
            }
            // What beginning to wait costs is not what waiting costs.
            try await Task.sleep(for: .seconds(1))
            let measurement = Measurement(daybook)
            try await Task.sleep(for: .seconds(seconds))
            let result = measurement.end(daybook)
            // They have waited, and have not merely been gone.
            let producer = try daybook.makeProducer()
            for partition in topic.partitions {
                _ = try await producer.send(
                    Record(key: nil, value: "x"), to: Self.topic, partition: partition.partition)
            }
            return (result, try await group.reduce(0, +))
        }
        try report(result, woken: woken, partitions: topic.partitions.count)
        try await daybook.close()
    }

    private func report(_ result: Measurement.Result, woken: Int, partitions: Int) throws {
        let share = result.cpuSeconds / result.seconds
        if json {
            let object: JSONValue = [
                "benchmark": "idle", "consumers": .integer(consumers), "partitions": .integer(partitions),
                "seconds": .number(result.seconds, places: 3), "cpuSeconds": .number(result.cpuSeconds, places: 6),
                "cpuShare": .number(share, places: 6), "systemCalls": .integer(result.calls), "woken": .integer(woken),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        var table = TextTable(columns: [.left("idle"), .right("\(consumers) consumers wait")])
        table.addRow(["partitions", Numbers.grouped(partitions)])
        table.addRow(["seconds", Numbers.fixed(result.seconds, 3)])
        table.addRow(["CPU seconds", Numbers.fixed(result.cpuSeconds, 6)])
        table.addRow(["CPU, share of one core", "\(Numbers.fixed(share * 100, 4)) %"])
        table.addRow(["system calls on files", Numbers.grouped(result.calls)])
        table.addRow(["consumers woken by a record afterwards", Numbers.grouped(woken)])
        StandardStream.output.write(table.render())
    }
}
