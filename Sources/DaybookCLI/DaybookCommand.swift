// The command `daybook`: its subcommands, and how errors reach a person: one sentence, no stack trace.
// What a subcommand does is in the folder of its name; what all of them print with is in Output.

import ArgumentParser
import Daybook

/// The root command.
@main
struct DaybookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybook",
        abstract: "An embedded, durable, partitioned log: look into it, feed it, measure it.",
        version: Daybook.release,
        subcommands: [
            StatusCommand.self, TopicCommand.self, ProduceCommand.self, ConsumeCommand.self, OffsetsCommand.self,
            GroupsCommand.self, DeadLettersCommand.self, TrackCommand.self, LanesCommand.self,
            DumpCommand.self,
            VerifyCommand.self, RepairCommand.self, DoctorCommand.self, ScrubCommand.self, CompactCommand.self,
            DeleteRecordsCommand.self,
            BackupCommand.self, RestoreCommand.self, SimulateCommand.self, BenchCommand.self, DemoCommand.self,
        ])

    static func main() async {
        StandardStream.survivePipes()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            CommandFailure.end(with: error)
        }
    }
}
