// `daybook simulate`: what is tried on a simulated disk, the log by itself or its clients. What each trial does is in the file of
// its command.

import ArgumentParser

/// `simulate`; without a subcommand it is the log itself that is tried.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Try to make the log break a promise: crashes, power cuts and failing disks, simulated.",
        subcommands: [SimulateLogCommand.self, SimulateClientsCommand.self], defaultSubcommand: SimulateLogCommand.self)
}
