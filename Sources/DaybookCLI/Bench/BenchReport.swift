// How a benchmark's result is shown: a table for people, one JSON object for programs.
// Every benchmark that moves records fills in one of these.

import Daybook
import Histogram

/// The result of one benchmark.
struct BenchReport {
    var title: String
    /// What was asked for, in words: codec, batch size, promise.
    var setting: String
    var records: Int
    /// Bytes of keys and values.
    var payloadBytes: Int
    /// Bytes of the batches appended, headers included, after compression; 0 where nothing was appended.
    var appendedBytes = 0
    var batches: Int
    var measured: Measurement.Result
    /// How long each acknowledgement took, in nanoseconds.
    var latencies: Histogram<UInt64>?
    /// Further facts: name, value for programs, text for people.
    var extras: [(name: String, value: JSONValue, text: String)] = []

    private var recordsPerSecond: Double { Double(records) / measured.seconds }
    private var megabytesPerSecond: Double { Double(payloadBytes) / 1e6 / measured.seconds }
    private var cpuMicrosecondsPerRecord: Double { measured.cpuSeconds * 1e6 / Double(max(1, records)) }
    private var writesPerBatch: Double { Double(measured.writes) / Double(max(1, batches)) }
    private var bytesWrittenPerByte: Double { Double(measured.bytesWritten) / Double(max(1, appendedBytes)) }
    private static let percentiles = [50.0, 90, 99, 99.9, 100]

    /// The latencies of several senders as one distribution.
    static func together(_ parts: [Histogram<UInt64>]) -> Histogram<UInt64> {
        parts.reduce(into: .ofLatencies()) { $0.add($1) }
    }

    func print(json: Bool) throws {
        try StandardStream.output.writeLine(json ? object.text : table.trimmingLastLineFeed)
    }

    private var object: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("benchmark", .string(title)), ("setting", .string(setting)), ("records", .integer(records)),
            ("bytes", .integer(payloadBytes)), ("appendedBytes", .integer(appendedBytes)),
            ("seconds", .number(measured.seconds, places: 6)),
            ("recordsPerSecond", .number(recordsPerSecond, places: 1)),
            ("megabytesPerSecond", .number(megabytesPerSecond, places: 3)),
            ("cpuSeconds", .number(measured.cpuSeconds, places: 6)),
            ("cpuMicrosecondsPerRecord", .number(cpuMicrosecondsPerRecord, places: 4)), ("batches", .integer(batches)),
            ("systemCalls", .integer(measured.calls)), ("writeCalls", .integer(measured.writes)),
            ("readCalls", .integer(measured.reads)), ("flushCalls", .integer(measured.flushes)),
            ("bytesWritten", .integer(measured.bytesWritten)), ("bytesRead", .integer(measured.bytesRead)),
        ]
        if measured.writes > 0 {
            pairs.append(("writeCallsPerBatch", .number(writesPerBatch, places: 4)))
            pairs.append(("bytesWrittenPerByteAppended", .number(bytesWrittenPerByte, places: 4)))
        }
        if let latencies {
            let values = Self.percentiles.map { percentile in
                (
                    key: Self.name(percentile),
                    value: JSONValue.number(Self.microseconds(latencies, percentile), places: 1)
                )
            }
            pairs.append(("latencyMicroseconds", .object(values)))
        }
        pairs += extras.map { ($0.name, $0.value) }
        return .object(pairs)
    }

    private var table: String {
        var table = TextTable(columns: [.left(title), .right(setting)])
        table.addRow(["records", Numbers.grouped(records)])
        table.addRow(["keys and values", Numbers.bytes(payloadBytes)])
        table.addRow(["seconds", Numbers.fixed(measured.seconds, 3)])
        table.addRow(["records per second", Numbers.grouped(Int(recordsPerSecond))])
        table.addRow(["MB per second", Numbers.fixed(megabytesPerSecond, 1)])
        table.addRow(["CPU µs per record", Numbers.fixed(cpuMicrosecondsPerRecord, 3)])
        table.addRow(["batches", Numbers.grouped(batches)])
        table.addRow(["system calls", Numbers.grouped(measured.calls)])
        if measured.writes > 0 {
            table.addRow(["bytes of batches", Numbers.bytes(appendedBytes)])
            table.addRow(["write calls per batch", Numbers.fixed(writesPerBatch, 3)])
            table.addRow(["bytes written per byte of batches", Numbers.fixed(bytesWrittenPerByte, 3)])
        }
        if measured.flushes > 0 { table.addRow(["flushes", Numbers.grouped(measured.flushes)]) }
        if let latencies {
            for percentile in Self.percentiles {
                table.addRow([
                    "latency \(Self.name(percentile))",
                    "\(Numbers.fixed(Self.microseconds(latencies, percentile), 0)) µs",
                ])
            }
        }
        for extra in extras { table.addRow([extra.name, extra.text]) }
        return table.render()
    }

    static func name(_ percentile: Double) -> String {
        percentile == 100 ? "max" : "p\(percentile == percentile.rounded() ? String(Int(percentile)) : "\(percentile)")"
    }

    private static func microseconds(_ latencies: Histogram<UInt64>, _ percentile: Double) -> Double {
        Double(latencies.valueAtPercentile(percentile)) / 1000
    }
}

extension String {
    fileprivate var trimmingLastLineFeed: String { hasSuffix("\n") ? String(dropLast()) : self }
}

extension Histogram where Count == UInt64 {
    /// From a microsecond to a minute, in nanoseconds, three digits exact.
    static func ofLatencies() -> Histogram<UInt64> {
        Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }

    /// Notes how long ago `start` was.
    mutating func record(since start: ContinuousClock.Instant) { record(start.duration(to: .now)) }

    /// Notes a time, which counts as a minute when it is longer.
    mutating func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        record(UInt64(Swift.min(59, seconds)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000))
    }
}
