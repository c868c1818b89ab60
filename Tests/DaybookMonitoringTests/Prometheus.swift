// A real Prometheus server and its `promtool`, from the folder that DAYBOOK_PROMETHEUS names; tools/test prepares one.

import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A server in a process of its own, with its data in a folder of the test.
struct Prometheus {
    /// Nil where there is none to ask.
    static let folder = ProcessInfo.processInfo.environment["DAYBOOK_PROMETHEUS"].flatMap {
        FileManager.default.isExecutableFile(atPath: $0 + "/promtool") ? $0 : nil
    }
    static let absence: Comment = "DAYBOOK_PROMETHEUS names no folder with Prometheus (tools/test prepares one)"

    /// The alert rules that Daybook brings.
    static let rules = source("../../Sources/DaybookMonitoring/Prometheus/daybook.rules.yml")

    static func source(_ path: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: path).standardizedFileURL.path()
    }

    let port: Int
    private let process = Process()
    private let logFile: String

    /// Scrapes `target` on the loopback interface every few seconds, with Daybook's alert rules loaded. An interval is also the
    /// time that a scrape may take, and the target shares its threads with all tests.
    init(scraping target: Int, in directory: String) throws {
        port = try Self.freePort()
        logFile = directory + "/prometheus.log"
        let configuration = """
            global: {scrape_interval: 5s, evaluation_interval: 1s}
            rule_files: ["\(Self.rules)"]
            scrape_configs:
              - job_name: daybook
                static_configs: [{targets: ["127.0.0.1:\(target)"]}]
            """
        try Data(configuration.utf8).write(to: URL(filePath: directory + "/prometheus.yml"))
        try Data().write(to: URL(filePath: logFile))
        process.executableURL = URL(filePath: try #require(Self.folder) + "/prometheus")
        process.arguments = [
            "--config.file=\(directory)/prometheus.yml", "--storage.tsdb.path=\(directory)/tsdb",
            "--web.listen-address=127.0.0.1:\(port)",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(filePath: logFile))
        try process.run()
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// What the server has said, for when it does not do what it should.
    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    /// Runs promtool; returns its status and all it said.
    static func promtool(_ arguments: String..., in directory: String) async throws -> (status: Int32, said: String) {
        let output = directory + "/said"
        try Data().write(to: URL(filePath: output))
        let process = Process()
        process.executableURL = URL(filePath: try #require(folder) + "/promtool")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let said = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardOutput = said
        process.standardError = said
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return (process.terminationStatus, try String(contentsOfFile: output, encoding: .utf8))
    }

    /// A port that nobody had a moment ago.
    private static func freePort() throws -> Int {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        try #require(result, "the system gives no port")
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// Asks again until `condition` holds; false when it still does not after five minutes, which only a failure takes. Beside
/// many other tests a turn may come seldom, so that a minute on the clock can be one question or two: it asks fifty times.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let start = ContinuousClock.now
    var asked = 0
    while asked < 50 || start.duration(to: .now) < .seconds(300) {
        if try await condition() { return true }
        asked += 1
        await Task.yield()
    }
    return false
}
