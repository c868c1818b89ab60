// `daybook repair`: prints what a repair would do, and does exactly that when it is told to. Exit code 0 when there is
// nothing to repair or it has been done, 1 when there is something to repair.

import ArgumentParser
import Daybook

/// `repair`.
struct RepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Mend a damaged data directory; without --apply only say how.",
        discussion: """
            Segments are written anew without damaged bytes, offsets that are lost are marked as lost, files that belong to \
            nothing are set aside, small files are made anew. Bytes are moved to the folder quarantine and never \
            destroyed. Needs the directory for itself: stop the process that writes to it. Exit code 0: nothing to repair, \
            or repaired; 1: there is something to repair.
            """)

    @Argument(help: "The data directory; otherwise --data or DAYBOOK_DATA.")
    var directory: String?
    @Flag(help: "Do it. Without this flag nothing is changed.")
    var apply = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let plan = try await Daybook.planRepair(try directory ?? data.directory())
        // The plan is on the screen before the first byte is moved.
        if !json { try write(Self.text(plan, applies: apply)) }
        var report: RepairReport?
        if apply, !plan.isEmpty { report = try await Daybook.repair(plan) }
        if json { try write(Self.json(plan, report).text + "\n") }
        if let report, !json {
            let seconds = Numbers.fixed(report.duration / .seconds(1), 2)
            try write("Done in \(seconds) s. daybook verify shows how things stand.\n")
        }
        if !plan.isEmpty, !apply { throw ExitCode.failure }
    }

    private func write(_ text: String) throws { try StandardStream.output.writeAll(text.utf8) }

    private static func text(_ plan: RepairPlan, applies: Bool) -> String {
        var text = plan.actions.map { DisplayText.escaped("\($0.kind.rawValue): \($0)") + "\n" }.joined()
        text += plan.notes.map { "note: " + DisplayText.escaped($0) + "\n" }.joined()
        if plan.isEmpty { return text + "Nothing to repair.\n" }
        let lost = plan.lostOffsetsCount
        text += "\(counted(plan.actions.count, "action")), \(lost == 0 ? "no" : "\(lost)") offsets are lost."
        return text + (applies ? "\n" : " Nothing has been changed; do it with --apply.\n")
    }

    private static func json(_ plan: RepairPlan, _ report: RepairReport?) -> JSONValue {
        [
            "directory": .string(plan.directory), "applied": .bool(report != nil),
            "actions": .array(
                plan.actions.map { action in
                    [
                        "kind": .string(action.kind.rawValue), "file": .string(action.file),
                        "reason": .string(action.reason), "bytes": .integer(action.bytes.rawValue),
                        "lostOffsets": .array(
                            action.lostOffsets.map { range -> JSONValue in
                                [
                                    "start": .integer(range.lowerBound.rawValue),
                                    "end": .integer(range.upperBound.rawValue),
                                ]
                            }),
                    ]
                }),
            "notes": .array(plan.notes.map { .string($0) }), "lostOffsets": .integer(plan.lostOffsetsCount),
        ]
    }
}
