// The arrows of the architecture: what each target may import. A new target needs a row here before it needs a file.
// The build checks that imports are declared in Package.swift; this checks that nothing undesired is declared.

import Foundation
import Testing

@Suite("Imports")
struct ImportTests {
    private static let cLibrary: Set = ["Glibc", "Musl", "Darwin"]

    /// Target → what it may import. What is not listed is not an arrow.
    private static let allowed: [String: Set<String>] = [
        "DaybookModel": ["Synchronization"],
        "DaybookCompression": ["CZstd", "CLZ4", "DaybookModel"],
        "DaybookRecords": ["CDaybookShims", "DaybookCompression", "DaybookModel", "Synchronization"],
        "DaybookSchema": ["DaybookText", "Foundation"],
        "DaybookText": cLibrary,
        "DaybookFiles": cLibrary.union(["CDaybookShims", "DaybookModel", "SystemPackage", "Synchronization"]),
        "DaybookStorage": ["DaybookFiles", "DaybookModel", "DaybookRecords", "SystemPackage", "Synchronization"],
        "Daybook": cLibrary.union([
            "DaybookCompression", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookStorage", "SystemPackage",
            "Synchronization",
        ]),
        "DaybookProcessing": [
            "Daybook", "DaybookModel", "DaybookRecords", "DaybookSchema", "DaybookText", "FoundationEssentials",
            "ServiceLifecycle", "Synchronization",
        ],
        "DaybookProcessingServices": [
            "Daybook", "DaybookProcessing", "DaybookServices", "Logging", "Metrics", "ServiceLifecycle",
            "Synchronization",
            "Tracing",
        ],
        "DaybookTracking": [
            "CPostgres", "CSQLite", "Daybook", "DaybookModel", "DaybookProcessing", "DaybookRecords", "Dispatch",
            "ServiceLifecycle", "Synchronization",
        ],
        "DaybookScenario": ["Daybook", "DaybookProcessing", "Synchronization"],
        "IngestionExample": cLibrary.union([
            "Daybook", "DaybookServices", "Dispatch", "Logging", "ServiceLifecycle", "UnixSignals",
        ]),
        "DaybookServices": ["Daybook", "Logging", "Metrics", "ServiceLifecycle", "Synchronization", "Tracing"],
        "DaybookMonitoring": [
            "DaybookServices", "Foundation", "HTTPTypes", "Hummingbird", "Logging", "NIOCore", "ServiceLifecycle",
        ],
        "DaybookTesting": [
            "Daybook", "DaybookCompression", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookStorage",
            "DaybookText", "SystemPackage", "Synchronization",
        ],
        "DaybookCLI": cLibrary.union([
            "ArgumentParser", "Daybook", "DaybookFiles", "DaybookProcessing", "DaybookScenario", "DaybookStorage",
            "DaybookTesting", "DaybookText", "DaybookTracking",
            "Foundation",
            "FoundationEssentials", "Histogram", "SystemPackage", "Synchronization",
        ]),
    ]

    /// System libraries and C shims: no Swift in them, nothing to check.
    private static let withoutSwift: Set = ["CDaybookShims", "CLZ4", "CPostgres", "CSQLite", "CZstd"]

    @Test("a target imports only what its arrows allow")
    func arrows() {
        expectNone(in: Repository.sources, Self.arrowRule)
    }

    @Test("the rule finds an import against the arrows")
    func findsArrow() {
        #expect(count(Self.arrowRule, in: "import DaybookFiles\npackage import SystemPackage\n") == 0)
        #expect(count(Self.arrowRule, in: "import Daybook\n") == 1)
        #expect(count(Self.arrowRule, in: "@testable import DaybookModel\n") == 1)
        #expect(count(Self.arrowRule, in: "@_exported public import struct DaybookCLI.Tool\n") == 1)
        #expect(count(Self.arrowRule, in: "// import Daybook\nlet import = \"import Daybook\"\n") == 0)
        #expect(count(Self.arrowRule, in: "", at: "Sources/DaybookElse/New.swift") == 1)
    }

    @Test("every folder of Sources has a row and every row a folder")
    func rows() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Repository.root.appending(path: "Sources").path())
        let visible = Set(folders.filter { !$0.hasPrefix(".") })
        #expect(visible == Set(Self.allowed.keys).union(Self.withoutSwift))
    }

    @Test("no Foundation below the command line")
    func foundation() {
        expectNone(in: Repository.sources, Self.foundationRule)
    }

    @Test("the rule finds Foundation in the engine")
    func findsFoundation() {
        #expect(count(Self.foundationRule, in: "import Foundation\n", at: "Sources/DaybookCLI/Tool.swift") == 0)
        #expect(count(Self.foundationRule, in: "import Foundation\n") == 1)
        #expect(count(Self.foundationRule, in: "public import FoundationEssentials\n") == 1)
    }

    @Test("the command line reaches into storage only to dump, verify and repair")
    func commandLine() {
        expectNone(in: Repository.sources, Self.commandLineRule)
    }

    @Test("the rule finds another command that imports storage")
    func findsCommandLine() {
        let text = "import DaybookStorage\n"
        #expect(count(Self.commandLineRule, in: text, at: "Sources/DaybookCLI/Verify/VerifyCommand.swift") == 0)
        #expect(count(Self.commandLineRule, in: text, at: "Sources/DaybookCLI/Produce/ProduceCommand.swift") == 1)
        #expect(count(Self.commandLineRule, in: text, at: "Sources/DaybookCLI/Bench/AppendBench.swift") == 1)
    }

    @Test("the engine takes nothing but threads and the time from the C library")
    func threads() {
        expectNone(in: Repository.sources, Self.threadRule)
    }

    @Test("the rule finds the C library without a thread")
    func findsThreads() {
        let path = "Sources/Daybook/Partition/Some.swift"
        #expect(count(Self.threadRule, in: "import Glibc\npthread_self()\n", at: path) == 0)
        #expect(count(Self.threadRule, in: "import Glibc\ngetenv(\"A\")\n", at: path) == 1)
    }

    private static func arrowRule(_ file: SourceFile) -> [Finding] {
        guard let target = file.target, !withoutSwift.contains(target) else { return [] }
        guard let row = allowed[target] else {
            return [Finding(path: file.path, line: 1, message: "\(target) has no row in the import table")]
        }
        return file.imports.compactMap { line, module, isTestable in
            if isTestable { return Finding(path: file.path, line: line, message: "@testable belongs into tests") }
            if row.contains(module) { return nil }
            return Finding(path: file.path, line: line, message: "\(target) must not import \(module)")
        }
    }

    private static func foundationRule(_ file: SourceFile) -> [Finding] {
        // Documents are read and health is written as JSON by Foundation; nothing of the log stands on these. Bodies of events are
        // JSON unless a user brings another codec: one file has Foundation's coder.
        let isFree = ["DaybookCLI", "DaybookMonitoring", "DaybookSchema"].contains(file.target)
        let hasCoder = file.path.hasSuffix("Sources/DaybookProcessing/Events/JSONEventCodec.swift")
        guard !isFree, !hasCoder else { return [] }
        return file.imports.filter { $0.module.hasPrefix("Foundation") }.map {
            Finding(path: file.path, line: $0.line, message: "no \($0.module) below the command line")
        }
    }

    private static func commandLineRule(_ file: SourceFile) -> [Finding] {
        let mayReach = ["Dump", "Verify", "Repair"].contains { file.isUnder("Sources/DaybookCLI/\($0)") }
        guard file.target == "DaybookCLI", !mayReach else { return [] }
        // A bare flush, against which the log is measured, is a call of the file system.
        let isBench = file.isUnder("Sources/DaybookCLI/Bench")
        return file.imports.filter { $0.module == "DaybookStorage" || !isBench && $0.module == "DaybookFiles" }.map {
            Finding(path: file.path, line: $0.line, message: "\($0.module) only in the folders Dump, Verify and Repair")
        }
    }

    private static func threadRule(_ file: SourceFile) -> [Finding] {
        guard file.target == "Daybook", let found = file.imports.first(where: { cLibrary.contains($0.module) }),
            !file.code.contains(where: { $0.contains("pthread_") || $0.contains("clock_gettime") })
        else { return [] }
        return [
            Finding(
                path: file.path, line: found.line, message: "\(found.module) here is for threads and the clock only")
        ]
    }
}

extension SourceFile {
    /// What the file imports, with line numbers from 1.
    var imports: [(line: Int, module: String, isTestable: Bool)] {
        code.enumerated().compactMap { index, line in
            guard line.contains("import ") else { return nil }
            let statement =
                /^\s*(?:@[\w]+(?:\([^)]*\))?\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/
            guard let match = line.firstMatch(of: statement) else { return nil }
            return (index + 1, String(match.1), line.contains("@testable"))
        }
    }
}
