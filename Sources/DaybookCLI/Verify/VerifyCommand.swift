// `daybook verify`: runs the engine's verification and prints its report. Exit code 0 when all is well, 1 when there are
// findings; nothing in the directory is changed.

import ArgumentParser
import Daybook

/// `verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every byte of a data directory, without changing any.",
        discussion: """
            Checks the small files of the directory, every batch's structure, checksum and place in the chain of offsets, \
            every record, and each sidecar against its segment. Works beside a live writer: what it has under way at the \
            end of a log is a note. A snapshot that a backup made is also compared with its manifest. Exit code 0: nothing \
            found; 1: findings, listed by file, position and offsets.
            """)

    @Argument(help: "The data directory; otherwise --data or DAYBOOK_DATA.")
    var directory: String?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try self.directory ?? data.directory()
        let progress = Progress(label: "Bytes checked")
        let report = try await Daybook.verify(directory) { checked, total in
            progress.update(checked.rawValue, of: total.rawValue)
        }
        progress.finish()
        try StandardStream.output.writeAll((json ? Self.json(report).text + "\n" : Self.text(report)).utf8)
        if !report.isClean { throw ExitCode.failure }
    }

    private static func text(_ report: VerificationReport) -> String {
        var text = report.findings.map { DisplayText.escaped($0.description) + "\n" }.joined()
        text += report.notes.map { "note: " + DisplayText.escaped($0.description) + "\n" }.joined()
        let found = report.isClean ? "Clean" : counted(report.findings.count, "finding")
        return text
            + "\(found): \(counted(report.topicsCount, "topic")), \(counted(report.partitionsCount, "partition")), "
            + "\(counted(report.segmentsCount, "segment")), \(counted(Int(report.batchesCount), "batch", "batches")), "
            + "\(counted(Int(report.recordsCount), "record")), \(Numbers.bytes(report.bytes.rawValue)) checked in "
            + "\(Numbers.fixed(report.duration / .seconds(1), 2)) s\(report.hasLiveWriter ? ", beside a live writer" : "")"
            + ".\n"
    }

    private static func json(_ report: VerificationReport) -> JSONValue {
        [
            "directory": .string(report.directory), "clean": .bool(report.isClean),
            "findings": .array(report.findings.map { json($0) }),
            "notes": .array(report.notes.map { ["file": .string($0.file), "reason": .string($0.reason)] }),
            "closedProperly": .bool(report.wasClosedCleanly), "liveWriter": .bool(report.hasLiveWriter),
            "topics": .integer(report.topicsCount), "partitions": .integer(report.partitionsCount),
            "segments": .integer(report.segmentsCount), "batches": .integer(report.batchesCount),
            "records": .integer(report.recordsCount), "bytes": .integer(report.bytes.rawValue),
            "seconds": .number(report.duration / .seconds(1), places: 3),
        ]
    }

    private static func json(_ finding: VerificationReport.Finding) -> JSONValue {
        let positions = finding.positions.map { range -> JSONValue in
            ["start": .integer(range.lowerBound.rawValue), "end": .integer(range.upperBound.rawValue)]
        }
        let offsets = finding.offsets.map { range -> JSONValue in
            ["start": .integer(range.lowerBound.rawValue), "end": .integer(range.upperBound.rawValue)]
        }
        return [
            "kind": .string(finding.kind.rawValue), "file": .string(finding.file), "positions": positions ?? .null,
            "offsets": offsets ?? .null, "reason": .string(finding.reason),
        ]
    }
}
