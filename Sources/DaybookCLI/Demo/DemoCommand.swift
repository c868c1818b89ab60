// `daybook demo`: what Daybook is for, shown. Each demonstration is a command of its own beside this one; nothing is shown
// here.

import ArgumentParser

/// The demonstrations; without a name the one of the main job.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show Daybook at work: orders on their way to three failing systems, or a writer that is killed.",
        subcommands: [ErpDemoCommand.self, CrashDemoCommand.self], defaultSubcommand: ErpDemoCommand.self)
}
