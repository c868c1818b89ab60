// One sidecar file, block by block: what each covers, and what is wrong where bytes are no sound block.
// Whether it agrees with its segment is what `verify` tells.

import Daybook
import DaybookFiles
import DaybookStorage
import SystemPackage

/// Shows one `.sidecar` file.
struct SidecarDump {
    let file: FilePath
    let fileSystem: PosixFileSystem
    let isJSON: Bool

    func run() throws {
        let inspection = SidecarInspection(try AtomicFile.read(file, in: fileSystem) ?? [])
        if isJSON {
            let summaries = inspection.summaries.map { ($0.positions.lowerBound, json($0)) }
            let problems = inspection.problems.map { ($0.positions.lowerBound, json($0)) }
            for (_, value) in (summaries + problems).sorted(by: { $0.0 < $1.0 }) {
                try StandardStream.output.writeLine(value.text)
            }
            return
        }
        var table = TextTable(columns: [
            .right("position"), .right("number"), .left("state"), .right("covers"), .left("offsets"),
            .right("records"), .right("batches"), .left("hash"), .right("index entries"), .right("producers"),
            .right("aborted"),
        ])
        for summary in inspection.summaries { table.addRow(cells(summary)) }
        try StandardStream.output.writeAll(table.render().utf8)
        if let last = inspection.summaries.last {
            let facts = last.facts
            let epochs = facts.epochStarts.map { "\($0.epoch) from offset \($0.startOffset)" }.joined(separator: ", ")
            let lines = [
                "  partition \(last.partition) of the topic with id \(String(last.topicID, radix: 16))",
                "  appended \(MomentText.format(facts.firstAppendTime)) to \(MomentText.format(facts.lastAppendTime))",
                "  timestamps \(MomentText.format(facts.firstTimestamp)) first, "
                    + "\(MomentText.format(facts.maxTimestamp)) largest",
                "  leader epochs \(epochs)",
            ]
            for line in lines { try StandardStream.output.writeLine(line) }
            for state in last.producers.sorted { try StandardStream.output.writeLine("  \(text(state))") }
        }
        for transaction in inspection.summaries.flatMap(\.aborted) {
            try StandardStream.output.writeLine(
                "  aborted transaction of producer \(transaction.producer.rawValue), offsets "
                    + "\(transaction.firstOffset)...\(transaction.lastOffset)")
        }
        for problem in inspection.problems {
            let (start, end) = (problem.positions.lowerBound, problem.positions.upperBound)
            try StandardStream.output.writeLine("  damaged: positions \(start)..<\(end): \(problem.reason)")
        }
    }

    private func cells(_ summary: SidecarInspection.Summary) -> [String] {
        let facts = summary.facts
        return [
            summary.positions.lowerBound.description, String(summary.number), state(summary), facts.size.description,
            "\(facts.baseOffset)..<\(facts.nextOffset)", String(facts.recordsCount), String(facts.batchesCount),
            String(facts.hash, radix: 16), String(summary.entries.count), String(summary.producers.count),
            String(summary.aborted.count),
        ]
    }

    private func state(_ summary: SidecarInspection.Summary) -> String {
        (summary.isSealed ? "sealed" : "open") + (summary.isFlushed ? ", flushed" : ", not flushed")
    }

    private func text(_ state: ProducerState) -> String {
        let last = state.batches.last.map {
            ", last batch at offset \($0.baseOffset) with sequence \($0.baseSequence)...\($0.lastSequence)"
        }
        let open = state.transactionStart.map { ", transaction open from offset \($0)" }
        return "producer \(state.id.rawValue), epoch \(state.epoch), last heard of \(MomentText.format(state.lastTime))"
            + (last ?? "") + (open ?? "")
    }

    private func json(_ state: ProducerState) -> JSONValue {
        let batches = state.batches.indices.map { index -> JSONValue in
            let batch = state.batches[index]
            return [
                "baseOffset": .integer(batch.baseOffset.rawValue), "lastOffset": .integer(batch.lastOffset.rawValue),
                "baseSequence": .integer(batch.baseSequence), "lastSequence": .integer(batch.lastSequence),
            ]
        }
        return [
            "id": .integer(state.id.rawValue), "epoch": .integer(state.epoch),
            "coordinatorEpoch": .integer(state.coordinatorEpoch),
            "lastTime": .string(MomentText.format(state.lastTime)),
            "transactionStart": state.transactionStart.map { .integer($0.rawValue) } ?? .null,
            "batches": .array(batches),
        ]
    }

    private func json(_ transaction: AbortedTransaction) -> JSONValue {
        [
            "producer": .integer(transaction.producer.rawValue),
            "firstOffset": .integer(transaction.firstOffset.rawValue),
            "lastOffset": .integer(transaction.lastOffset.rawValue),
        ]
    }

    private func json(_ summary: SidecarInspection.Summary) -> JSONValue {
        let facts = summary.facts
        let epochs = facts.epochStarts.map { start -> JSONValue in
            ["epoch": .integer(start.epoch.rawValue), "startOffset": .integer(start.startOffset.rawValue)]
        }
        return [
            "file": .string(file.string), "position": .integer(summary.positions.lowerBound.rawValue),
            "size": .integer(summary.positions.lowerBound.distance(to: summary.positions.upperBound)),
            "number": .integer(summary.number), "isSealed": .bool(summary.isSealed),
            "isFlushed": .bool(summary.isFlushed), "topicId": .string(String(summary.topicID, radix: 16)),
            "partition": .integer(summary.partition), "baseOffset": .integer(facts.baseOffset.rawValue),
            "nextOffset": .integer(facts.nextOffset.rawValue), "coveredBytes": .integer(facts.size.rawValue),
            "recordsCount": .integer(facts.recordsCount), "batchesCount": .integer(facts.batchesCount),
            "hash": .integer(facts.hash), "firstAppendTime": .string(MomentText.format(facts.firstAppendTime)),
            "lastAppendTime": .string(MomentText.format(facts.lastAppendTime)),
            "firstTimestamp": .string(MomentText.format(facts.firstTimestamp)),
            "maxTimestamp": .string(MomentText.format(facts.maxTimestamp)), "epochs": .array(epochs),
            "indexEntries": .integer(summary.entries.count),
            "appendTimeChanges": .integer(summary.appendTimes.count),
            "aborted": .array(summary.aborted.map { json($0) }),
            "producers": .array(summary.producers.sorted.map { json($0) }),
        ]
    }

    private func json(_ problem: SidecarInspection.Problem) -> JSONValue {
        [
            "file": .string(file.string), "position": .integer(problem.positions.lowerBound.rawValue),
            "end": .integer(problem.positions.upperBound.rawValue), "damage": .string(problem.reason),
        ]
    }
}
