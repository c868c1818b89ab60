// The demo's last scenes: one order's history, and the comparison of the whole log with what was sent.
// The generator runs once more beside the log: it says what must stand there.

import Daybook

/// Reads the log back.
struct DemoCheck {
    let daybook: Daybook
    let records: Int
    let partitions: Int

    /// Prints the events of the order that has most of them.
    func showBusiestOrder() async throws {
        var events = ErpEvents()
        var counts: [[UInt8]: Int] = [:]
        for _ in 1...min(records, 20_000) {
            events.next()
            counts[events.key, default: 0] += 1
        }
        guard let busiest = counts.max(by: { ($0.value, $1.key.last ?? 0) < ($1.value, $0.key.last ?? 0) })?.key else {
            return
        }
        let number = DefaultPartitioner.partition(forKey: busiest, partitionsCount: Int32(partitions))
        let partition = TopicPartition(topic: try daybook.topic(CrashDemoCommand.topic).name, partition: number)
        say("   order \(String(decoding: busiest, as: UTF8.self)), partition \(number)")
        var table = TextTable(columns: [.right("   offset"), .right("rev"), .left("type"), .right("bytes")])
        var cursor = DemoCursor(daybook: daybook, partition: partition)
        while let (offset, record) = try await cursor.next() {
            guard record.key == busiest, let value = record.value else { continue }
            let text = String(decoding: value, as: UTF8.self)
            table.addRow(["\(offset)", Self.field("rev", of: text), Self.field("type", of: text), "\(value.count)"])
        }
        StandardStream.output.write(table.render())
    }

    /// Compares every record, byte by byte, with what was sent, in the order of each partition; checks that each order's
    /// revisions follow each other; prints what it all took.
    func compareAll() async throws {
        var events = ErpEvents()
        let topic = try daybook.topic(CrashDemoCommand.topic)
        var cursors = topic.partitions.map { DemoCursor(daybook: daybook, partition: $0) }
        var revisions: [[UInt8]: Int] = [:]
        var payload = 0
        let progress = Progress(label: "   comparing", total: records)
        let start = ContinuousClock.now
        for number in 1...records {
            events.next()
            let partition = Int(DefaultPartitioner.partition(forKey: events.key, partitionsCount: Int32(partitions)))
            guard let (offset, record) = try await cursors[partition].next() else {
                throw DemoFailure("\(topic.partitions[partition]) ends before event \(number).")
            }
            guard record.key == events.key, record.value == events.value else {
                throw DemoFailure("\(topic.partitions[partition]) offset \(offset) is not event \(number).")
            }
            payload += events.key.count + events.value.count
            let revision = Int(Self.field("rev", of: String(decoding: events.value, as: UTF8.self))) ?? 0
            guard revision == revisions[events.key, default: 0] + 1 else {
                throw DemoFailure(
                    "Revision \(revision) of \(String(decoding: events.key, as: UTF8.self)) is out of order.")
            }
            revisions[events.key] = revision
            if number % 5000 == 0 { progress.update(number) }
        }
        for (index, partition) in topic.partitions.enumerated() {
            guard try await cursors[index].next() == nil else {
                throw DemoFailure("\(partition) holds more than was sent.")
            }
        }
        progress.finish()
        let seconds = start.duration(to: .now).seconds
        var size = 0
        for partition in topic.partitions { size += try await daybook.offsets(partition).size.rawValue }
        var table = TextTable(columns: [.left("   whole log"), .right("")])
        table.addRow(["   events, each equal to what was sent", Numbers.grouped(records)])
        table.addRow(["   orders, each with its revisions in order", Numbers.grouped(revisions.count)])
        table.addRow(["   keys and values", Numbers.bytes(payload)])
        table.addRow(["   bytes on disk", Numbers.bytes(size)])
        table.addRow(["   compression ratio", "\(Numbers.fixed(Double(payload) / Double(size), 2)) : 1"])
        table.addRow(["   read, decoded and compared per second", Numbers.grouped(Int(Double(records) / seconds))])
        StandardStream.output.write(table.render())
        say("   lost 0, duplicated 0, out of order 0")
    }

    /// The value of a field in a JSON text of the generator, which writes no blanks and no escapes.
    private static func field(_ name: String, of text: String) -> String {
        guard let range = text.firstRange(of: "\"\(name)\":") else { return "" }
        return text[range.upperBound...].drop { $0 == "\"" }.prefix { $0 != "," && $0 != "\"" && $0 != "}" }.description
    }
}

/// Reads one partition record by record.
struct DemoCursor {
    let daybook: Daybook
    let partition: TopicPartition
    private var nextOffset = Offset.zero
    private var records: [(offset: Offset, record: Record)] = []
    private var batches: [RecordBatch] = []

    init(daybook: Daybook, partition: TopicPartition) {
        self.daybook = daybook
        self.partition = partition
    }

    /// The next record, or nil at the end; a gap is a failure here.
    mutating func next() async throws -> (offset: Offset, record: Record)? {
        while records.isEmpty {
            if batches.isEmpty {
                let result = try await daybook.read(partition, from: nextOffset)
                if let gap = result.gaps.first { throw DemoFailure("\(partition) has a \(gap).") }
                if result.isEmpty { return nil }
                nextOffset = result.nextOffset
                batches = result.batches.reversed()
            }
            if let batch = batches.popLast() { records = try batch.records().reversed() }
        }
        return records.popLast()
    }
}
