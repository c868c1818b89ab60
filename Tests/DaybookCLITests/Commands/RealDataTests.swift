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

    /// Compares what each row of the CSV should have become with what came back, invoice by invoice, in order.
    private static let judge = """
        import collections, csv, json, sys
        expected, found = collections.defaultdict(list), collections.defaultdict(list)
        with open(sys.argv[1], newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                expected[row["InvoiceNo"]].append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        with open(sys.argv[2], newline="\\n", encoding="utf-8") as file:
            for line in file:
                found[json.loads(line)["InvoiceNo"]].append(line[:-1])
        for invoice in expected.keys() | found.keys():
            if expected[invoice] != found[invoice]:
                print("invoice", invoice, "differs")
        print(sum(map(len, expected.values())), "lines of", len(expected), "invoices")
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

        let consumed = command.path + "/consumed.jsonl"
        try command.succeed("consume", "invoices").bytes.write(to: URL(filePath: consumed))
        let verdict = try #require(try Self.output("python3", ["-c", Self.judge, csv, consumed]))
        #expect(String(decoding: verdict, as: UTF8.self) == "320705 lines of 16459 invoices\n")
        #expect(try command.succeed("verify").output.hasPrefix("Clean"))
    }
}
