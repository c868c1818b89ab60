// Where the data is: `--data`, else the environment variable DAYBOOK_DATA. Every command takes it.
// A command that needs no directory ignores it.

import ArgumentParser
import Daybook
import FoundationEssentials

/// The data directory of a command.
struct DataOptions: ParsableArguments {
    @Option(name: .long, help: "The data directory; otherwise the environment variable DAYBOOK_DATA.")
    var data: String?

    /// The directory; throws a sentence when neither the option nor the variable names one.
    func directory() throws -> String {
        if let data { return data }
        if let data = ProcessInfo.processInfo.environment["DAYBOOK_DATA"], !data.isEmpty { return data }
        throw ValidationError("Name the data directory with --data DIR, or set DAYBOOK_DATA.")
    }
}
