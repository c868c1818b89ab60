// `daybook bench`: what the log costs on this machine.
// Each benchmark is a file of its own beside this one.

import ArgumentParser

/// The benchmarks.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what appending, flushing, replaying, processing and maintenance cost on this machine.",
        subcommands: [
            AppendBench.self, TransactionBench.self, DurableBench.self, ReplayBench.self, ConsumeBench.self,
            ProcessingBench.self,
            LatencyBench.self, OpenBench.self, IdleBench.self, OffsetsBench.self, MaintenanceBench.self,
        ])
}
