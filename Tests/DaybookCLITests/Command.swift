// Runs the built `daybook` in a process of its own, as a user would, and collects what it says.
// The binary stands beside the test bundle in the folder of built products.

import DaybookTesting
import Foundation
import Testing

/// How a run of the command ended.
struct Outcome {
    let status: Int32
    let bytes: Data
    let errors: String
    var output: String { String(decoding: bytes, as: UTF8.self) }
    var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }

    /// Standard output as one JSON object.
    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any], "no JSON object: \(output)")
    }

    /// Standard output as JSON objects, one a line.
    func objects() throws -> [[String: Any]] {
        try lines.map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "no object: \(line)")
        }
    }
}

/// A data directory of a test's own, and the command run on it.
final class Command: Sendable {
    private let folder: TemporaryDirectory
    /// A folder for files of the test.
    var path: String { folder.path }
    var data: String { folder.path + "/data" }

    init() throws { folder = try TemporaryDirectory(prefix: "daybook-cli") }

    /// The binary that was built together with this test.
    static let binary: URL = {
        let arguments = CommandLine.arguments.filter { $0.contains(".xctest") }
        let bundle = arguments.first.flatMap { path -> URL? in
            guard let end = path.range(of: ".xctest")?.upperBound else { return nil }
            return URL(filePath: String(path[..<end]))
        }
        let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return (bundle ?? own).deletingLastPathComponent().appending(path: "daybook")
    }()

    /// What a sanitized process needs to be told, and nothing else of the environment in which the tests run.
    static let inherited = ProcessInfo.processInfo.environment.filter {
        ["LD_PRELOAD", "TSAN_OPTIONS", "ASAN_OPTIONS"].contains($0.key)
    }

    /// Runs the command to its end. `--data` names the directory of this test unless `environment` or the arguments do.
    @discardableResult
    func run(_ arguments: [String], input: Data = Data(), environment: [String: String]? = nil) throws -> Outcome {
        let process = Process()
        process.executableURL = Self.binary
        process.arguments = arguments
        process.environment = Self.inherited.merging(environment ?? ["DAYBOOK_DATA": data]) { $1 }
        // Files instead of pipes: nobody has to empty them while the command runs.
        let paths = ["in", "out", "err"].map { folder.path + "/\($0)-\(UUID().uuidString)" }
        try input.write(to: URL(filePath: paths[0]))
        for path in paths[1...] { try Data().write(to: URL(filePath: path)) }
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: paths[0]))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: paths[1]))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: paths[2]))
        try process.run()
        process.waitUntilExit()
        let (output, errors) = try (
            Data(contentsOf: URL(filePath: paths[1])), Data(contentsOf: URL(filePath: paths[2]))
        )
        for path in paths { try FileManager.default.removeItem(atPath: path) }
        return Outcome(
            status: process.terminationStatus, bytes: output, errors: String(decoding: errors, as: UTF8.self))
    }

    @discardableResult
    func run(_ arguments: String..., input: String) throws -> Outcome { try run(arguments, input: Data(input.utf8)) }

    @discardableResult
    func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    /// Runs commands that may ask this very process for something, on a thread of their own: the answer may need the threads on
    /// which tests run, and they must not all wait for it.
    @discardableResult
    func aside<Value: Sendable>(_ work: @escaping @Sendable (Command) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try work(self) }) }.start()
        }
    }

    /// Runs what must succeed.
    @discardableResult
    func succeed(
        _ arguments: [String], input: Data = Data(), sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        let outcome = try run(arguments, input: input)
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        return outcome
    }

    /// The same with the arguments one by one.
    @discardableResult
    func succeed(
        _ arguments: String..., input: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        try succeed(arguments, input: Data(input.utf8), sourceLocation: sourceLocation)
    }

    /// Runs what must fail, with one sentence on standard error and no trace; returns that.
    @discardableResult
    func fail(
        _ arguments: String..., input: String = "", status: Int32 = 1, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let outcome = try run(arguments, input: Data(input.utf8))
        #expect(outcome.status == status, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        let lines = outcome.errors.split(separator: "\n")
        let sentences = lines.filter { $0.hasPrefix("Error: ") }
        #expect(sentences.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
        // Wrong arguments add where the help is; nothing else adds anything.
        #expect(
            lines.count == (status == 64 ? 2 : 1) && !outcome.errors.contains("DaybookError"), "\(outcome.errors)",
            sourceLocation: sourceLocation)
        return outcome.errors
    }

    /// Writes a file and returns its path.
    func file(_ name: String, _ content: String) throws -> String {
        let path = folder.path + "/" + name
        try Data(content.utf8).write(to: URL(filePath: path))
        return path
    }
}
