// `daybook doctor`: runs the engine's examination and prints its report. Exit code 0 when nothing has to be done, 1 with
// warnings, 2 with errors. How the report looks is in `DoctorText`.

import ArgumentParser
import Daybook

/// `doctor`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Examine the machine and the data directory, and say what to do.",
        discussion: """
            Measures how long the disk takes for a durable write; looks at the file system, room, limits, the lock, owners, \
            the clock, retention, scrubbing, quarantine and leftovers; and says of each finding what it means and what to \
            do. Works beside a live writer. Writes one file of 512 KiB to the directory, doctor.tmp, and removes it again; \
            changes nothing else. Records are not read: that is what verify does. Exit code 0: nothing has to be done; \
            1: warnings; 2: errors, or a directory that cannot be examined.
            """)

    @Argument(help: "The data directory; otherwise --data or DAYBOOK_DATA. May be empty.")
    var directory: String?
    @Flag(help: "Write nothing at all: the flush latency is not measured.")
    var noWrite = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try self.directory ?? data.directory()
        // Whoever stops the command still gets the temporary file removed.
        Interruption.watch()
        let report: DoctorReport
        do {
            report = try await Daybook.examine(directory, measuresFlushes: !noWrite)
        } catch let error as DaybookError {
            throw CommandFailure(error.description, exitCode: 2)
        }
        if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
        let text =
            json
            ? DoctorText.json(report).text + "\n"
            : DoctorText.text(report, columns: Terminal.columns ?? 100, wrote: report.flushLatency != nil)
        try StandardStream.output.writeAll(text.utf8)
        switch report.severity {
        case .good, .note: return
        case .warning: throw ExitCode(1)
        case .error: throw ExitCode(2)
        }
    }
}
