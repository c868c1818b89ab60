// The report of an examination as text for a terminal, and as JSON.
// Long sentences are broken at blanks, so that they can be read in a narrow window as well.

import Daybook

/// Shows a `DoctorReport`.
enum DoctorText {
    /// All findings, a table of the flush latency, and what to make of it. No line is longer than `columns`, where words allow.
    static func text(_ report: DoctorReport, columns: Int, wrote: Bool) -> String {
        var text = ""
        let names = report.findings.map { title($0.check).count }.max() ?? 0
        for finding in report.findings {
            let label = title(finding.check)
            let start = pad(word(finding.severity), 7) + "  " + pad(label, names) + "  "
            text += wrapped(finding.observation, columns: columns, first: start, indent: start.count)
            let indent = 9
            if let meaning = finding.meaning {
                text += wrapped(meaning, columns: columns, first: pad("", indent) + "meaning: ", indent: indent + 9)
            }
            if let remedy = finding.remedy {
                text += wrapped(remedy, columns: columns, first: pad("", indent) + "to do:   ", indent: indent + 9)
            }
        }
        if let latency = report.flushLatency { text += "\n" + table(latency) }
        return text + "\n" + wrapped(summary(report, wrote: wrote), columns: columns, first: "", indent: 0)
    }

    private static func table(_ latency: FlushLatency) -> String {
        var table = TextTable(columns: [
            .left("append and flush"), .right("count"), .right("minimum"), .right("median"), .right("p99"),
            .right("maximum"),
        ])
        table.addRow(
            [Numbers.bytes(latency.writeSize.rawValue), Numbers.grouped(latency.count)]
                + [latency.minimum, latency.median, latency.p99, latency.maximum].map(milliseconds))
        return table.render()
    }

    private static func milliseconds(_ duration: Duration) -> String {
        Numbers.fixed(duration / .milliseconds(1), 3) + " ms"
    }

    private static func summary(_ report: DoctorReport, wrote: Bool) -> String {
        let counts = [
            (DoctorReport.Severity.error, "error"), (.warning, "warning"), (.note, "note"),
        ].filter { report.count($0.0) > 0 }.map { counted(report.count($0.0), $0.1) }
        let found = counts.isEmpty ? "All good" : counts.joined(separator: ", ")
        let writer = report.writer.map { writer in
            ", beside a live writer" + (writer.process.map { " (process \($0))" } ?? "")
        }
        let written =
            wrote
            ? "A temporary file was written and removed; nothing else was changed."
            : "Nothing was written."
        return "\(found): \(DisplayText.escaped(report.directory)), \(counted(report.topicsCount, "topic")), "
            + "\(counted(report.partitionsCount, "partition")), \(counted(report.segmentsCount, "segment")), "
            + "\(Numbers.bytes(report.bytes.rawValue))\(writer ?? ""). \(written)"
    }

    private static func word(_ severity: DoctorReport.Severity) -> String {
        switch severity {
        case .good: "ok"
        case .note: "note"
        case .warning: "WARNING"
        case .error: "ERROR"
        }
    }

    private static func title(_ check: DoctorReport.Check) -> String { check.rawValue }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// `text` behind `first`, broken at blanks before `columns`; further lines begin with `indent` blanks.
    static func wrapped(_ text: String, columns: Int, first: String, indent: Int) -> String {
        var lines = [first]
        var isEmpty = true
        for word in DisplayText.escaped(text).split(separator: " ") {
            let width = DisplayText.width(lines[lines.count - 1])
            if !isEmpty, width + 1 + DisplayText.width(String(word)) > columns {
                lines.append(pad("", indent))
                isEmpty = true
            }
            lines[lines.count - 1] += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: JSON

    static func json(_ report: DoctorReport) -> JSONValue {
        [
            "directory": .string(report.directory), "severity": .string(name(report.severity)),
            "findings": .array(
                report.findings.map { finding in
                    [
                        "check": .string(finding.check.rawValue), "severity": .string(name(finding.severity)),
                        "observation": .string(finding.observation), "meaning": .optional(finding.meaning),
                        "remedy": .optional(finding.remedy),
                    ]
                }),
            "flushLatency": report.flushLatency.map(json) ?? .null,
            "liveWriter": .bool(report.writer != nil), "writerProcess": .optional(report.writer?.process),
            "topics": .integer(report.topicsCount), "partitions": .integer(report.partitionsCount),
            "segments": .integer(report.segmentsCount), "bytes": .integer(report.bytes.rawValue),
        ]
    }

    private static func json(_ latency: FlushLatency) -> JSONValue {
        func microseconds(_ duration: Duration) -> JSONValue { .number(duration / .microseconds(1), places: 1) }
        return [
            "count": .integer(latency.count), "writeSize": .integer(latency.writeSize.rawValue),
            "minimumMicroseconds": microseconds(latency.minimum), "medianMicroseconds": microseconds(latency.median),
            "p99Microseconds": microseconds(latency.p99), "maximumMicroseconds": microseconds(latency.maximum),
        ]
    }

    private static func name(_ severity: DoctorReport.Severity) -> String { "\(severity)" }
}
