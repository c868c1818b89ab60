// How a command ends badly: one sentence on standard error and an exit code, whatever was thrown.
// Codes: 1 something failed or was found, 2 `doctor` found errors, 64 the arguments are wrong (sysexits.h), 130 interrupted.

import ArgumentParser

/// A sentence for the person at the terminal, without "Error:" before it.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let exitCode: Int32

    init(_ sentence: String, exitCode: Int32 = 1) {
        description = sentence
        self.exitCode = exitCode
    }

    /// Ends the process as `error` wants it.
    static func end(with error: any Error) -> Never {
        switch error {
        case is ReaderGone: DaybookCommand.exit()
        case let code as ExitCode: DaybookCommand.exit(withError: code)
        case let failure as CommandFailure: end(failure.description, failure.exitCode)
        default: break
        }
        let code = DaybookCommand.exitCode(for: error)
        // Help and version are asked for: they go to standard output.
        if code == .success { DaybookCommand.exit(withError: error) }
        guard code == .validationFailure else { end(DaybookCommand.message(for: error), code.rawValue) }
        note("Error: \(DaybookCommand.message(for: error))")
        // ArgumentParser knows which subcommand was meant; its last line says where the help is.
        let hint = DaybookCommand.fullMessage(for: error).split(separator: "\n").last { $0.hasPrefix("  See '") }
        if let hint { note(String(hint.dropFirst(2))) }
        DaybookCommand.exit(withError: ExitCode.validationFailure)
    }

    private static func end(_ sentence: String, _ exitCode: Int32) -> Never {
        note("Error: \(sentence)")
        DaybookCommand.exit(withError: ExitCode(exitCode))
    }
}
