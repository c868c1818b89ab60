// The main job on real input: a year of invoices goes in by invoice and comes back equal, line by line, in order.
// Python's csv module is the judge of what the lines say.

import Foundation
import Testing

@Suite("Real data")
struct RealDataTests {
    private static let archive = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "../shared/data/online-retail-2010-12_2011-08.csv.zst").standardizedFileURL.path

    private static func output(_ program: String, _ arguments: [String]) throws -> Data? {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? data : nil
    }

    private static let canRun: Bool = {
        guard FileManager.default.fileExists(atPath: archive) else { return false }
        return ((try? output("zstd", ["--version"])) ?? nil) != nil
            && ((try? output("python3", ["-c", "import csv, json"])) ?? nil) != nil
    }()

    /// Prints each row as the JSON object that it should become.
    private static let judge = """
        import csv, json, sys
        with open(sys.argv[1], newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        """

    @Test(
        "invoices come back equal and in order",
        .enabled(if: canRun, "needs ../shared/data beside the repository, and the commands zstd and python3"),
        .timeLimit(.minutes(10)))
    func invoices() throws {
        let command = try Command()
        let csv = command.path + "/retail.csv"
        _ = try #require(try Self.output("zstd", ["-dcq", Self.archive]))
            .write(to: URL(filePath: csv))
        try command.succeed("topic", "create", "invoices", "--partitions", "8", "--config", "segment.bytes=2MiB")
        let summary = try command.succeed(
            "produce", "invoices", csv, "--format", "csv", "--key-field", "InvoiceNo", "--compression", "zstd"
        ).object()
        #expect(summary["records"] as? Int == 320_705)
        #expect((summary["partitions"] as? [[String: Int]])?.count == 8)

        let text = try #require(try Self.output("python3", ["-c", Self.judge, csv]))
        let expected = Self.byKey(text)
        let consumed = try command.succeed("consume", "invoices").bytes
        let found = Self.byKey(consumed)
        #expect(expected.values.reduce(0) { $0 + $1.count } == 320_705)
        #expect(Set(found.keys) == Set(expected.keys))
        let differing = expected.filter { found[$0.key] != $0.value }
        #expect(differing.isEmpty, "\(differing.count) invoices differ, \(differing.first?.key ?? "") among them")
        #expect(try command.succeed("verify").output.hasPrefix("Clean"))
    }

    /// The lines of each invoice in their order. Every object begins with its invoice number.
    private static func byKey(_ text: Data) -> [String: [Data]] {
        var lines: [String: [Data]] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let start = line.index(line.startIndex, offsetBy: 14)
            let key = String(decoding: line[start...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
            lines[key, default: []].append(Data(line))
        }
        return lines
    }
}
