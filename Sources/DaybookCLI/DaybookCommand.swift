// The command `daybook`: its subcommands, and how errors reach a person: one sentence, no stack trace.

import ArgumentParser
import Daybook

/// The root command.
@main
struct DaybookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybook",
        abstract: "An embedded, durable, partitioned log: look into it, feed it, measure it.",
        subcommands: [BenchCommand.self, DemoCommand.self])
}
