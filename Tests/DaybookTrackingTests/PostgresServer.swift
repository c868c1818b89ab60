// A real PostgreSQL server, from the folder of programs that DAYBOOK_POSTGRES names; tools/test prepares one. It runs in a folder of
// its own, answers at a socket there, and ends with the tests' process. Without it the tests that need it say why they are skipped.

import DaybookTesting
import Foundation
import Synchronization
import Testing

@testable import DaybookTracking

/// The server of all tests of this process.
final class PostgresServer: Sendable {
    /// Of `initdb` and `postgres`; nil where there is none.
    static let programs = ProcessInfo.processInfo.environment["DAYBOOK_POSTGRES"].flatMap {
        FileManager.default.isExecutableFile(atPath: $0 + "/initdb") ? $0 : nil
    }
    static let absence: Comment =
        "DAYBOOK_POSTGRES names no folder with PostgreSQL's programs (tools/test prepares one)"

    /// The server, started by the first test that needs it.
    static let shared = Result { try PostgresServer() }

    private let folder: TemporaryDirectory
    private let number = Mutex(0)
    /// The server's keeper ends it when this end of the pipe closes, with the process at the latest.
    private let keeper: Pipe
    private let process: Process

    private init() throws {
        let programs = try #require(Self.programs)
        let folder = try TemporaryDirectory(prefix: "daybook-postgres")
        self.folder = folder
        (keeper, process) = (Pipe(), Process())
        // The server refuses to work for root; `nobody` has no rights, and needs none but to this folder.
        let isRoot = geteuid() == 0
        if isRoot {
            for path in [folder.path] {
                try FileManager.default.setAttributes(
                    [.ownerAccountID: 65534, .groupOwnerAccountID: 65534], ofItemAtPath: path)
            }
        }
        let script = """
            exec 2>&1
            export TZ=UTC LC_ALL=C
            '\(programs)/initdb' -D '\(folder.path)/data' -U daybook -A trust -E UTF8 --no-locale -N > '\(folder.path)/initdb.log' ||
                { cat '\(folder.path)/initdb.log'; exit 1; }
            '\(programs)/postgres' -D '\(folder.path)/data' -k '\(folder.path)' -c listen_addresses= -c fsync=off < /dev/null &
            server=$!
            read -r _
            kill -QUIT $server
            wait $server
            """
        process.executableURL = URL(filePath: isRoot ? "/usr/bin/setpriv" : "/bin/sh")
        process.arguments =
            (isRoot ? ["--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh"] : []) + ["-c", script]
        // Programs that were only unpacked find their libraries beside them.
        let root = URL(filePath: programs).appending(path: "../../../../..").standardized.path()
        if root != "/" {
            let libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap {
                ["\(root)/usr/lib/\($0)", "\(root)/lib/\($0)"]
            }
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["LD_LIBRARY_PATH": libraries.joined(separator: ":")]) { $1 }
        }
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.standardInput = keeper
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        var said = ""
        while !said.contains("database system is ready to accept connections") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failed(output: said) }
            said += String(decoding: data, as: UTF8.self)
        }
        // What it says from here on is nobody's business, and must not fill the pipe.
        output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    struct Failed: Error { let output: String }

    /// A database of that test's own, empty.
    func database() throws -> SQLDatabase {
        let name = number.withLock { number in
            number += 1
            return "test_\(number)"
        }
        try PostgresSession(url: url("postgres")).execute(SQLStatement("CREATE DATABASE \(name)"))
        return .postgres(url(name))
    }

    private func url(_ database: String) -> String { "postgres://daybook@/\(database)?host=\(folder.path)" }
}
