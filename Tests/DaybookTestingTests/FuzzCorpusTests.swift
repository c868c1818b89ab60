// Every input that a fuzzer has kept, and every one that once broke something, in each run of the tests. What must hold is
// said by `FuzzTarget`; fuzzing goes on with tools/fuzz.

import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite("Fuzz corpus")
struct FuzzCorpusTests {
    /// A committed input.
    struct Input: CustomTestStringConvertible, Sendable {
        let target: FuzzTarget
        let path: FilePath
        var testDescription: String { "\(target.name)/\(path.lastComponent?.string ?? "")" }
    }

    private static let package = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .appending("Fuzzing")

    private static func inputs(in folder: String) -> [Input] {
        FuzzTarget.allCases.flatMap { target -> [Input] in
            let directory = package.appending(folder).appending(target.name)
            let names = (try? PosixFileSystem().entries(of: directory)) ?? []
            return names.sorted().map { Input(target: target, path: directory.appending($0)) }
        }
    }

    private static let failures = inputs(in: "Failures")
    private static let corpus = inputs(in: "Corpus")

    private func run(_ input: Input) throws {
        let bytes = try #require(try AtomicFile.read(input.path, in: PosixFileSystem()))
        try input.target.run(bytes)
    }

    @Test("what once broke a promise breaks none now", arguments: failures)
    func failure(_ input: Input) throws { try run(input) }

    @Test("no input of the corpus breaks a promise", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let inputs = Self.corpus.filter { $0.target == target }
        #expect(!inputs.isEmpty, "the corpus of \(target.name) is missing")
        for input in inputs {
            #expect(throws: Never.self, "\(input.testDescription)") { try run(input) }
        }
    }

    @Test("no seed breaks a promise", arguments: FuzzTarget.allCases)
    func seeds(_ target: FuzzTarget) throws {
        let seeds = try target.seeds
        #expect(seeds.count >= 4)
        for (number, seed) in seeds.enumerated() {
            #expect(throws: Never.self, "seed \(number)") { try target.run(seed) }
        }
        for input in [[], [0xFF]] as [[UInt8]] { try target.run(input) }
    }
}
