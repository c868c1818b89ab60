// `daybook verify` and `daybook dump`: clean directories, and each kind of damage, told with file, position and offsets.

import Foundation
import Testing

@Suite("daybook verify and dump")
struct VerifyCommandTests {
    /// Two partitions; the first one has several segments.
    private func command() throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "2", "--config", "segment.bytes=2048")
        let input = (0..<200).map { "value number \($0)\n" }.joined()
        try command.succeed("produce", "orders", "--partition", "0", "--batch-size", "512", input: input)
        try command.succeed("produce", "orders", "--partition", "1", "--compression", "zstd", input: input)
        return command
    }

    private func segments(_ command: Command, _ partition: Int = 0) throws -> [String] {
        let folder = "\(command.data)/orders-\(partition)"
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }.sorted()
            .map { folder + "/" + $0 }
    }

    private func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        body(&bytes)
        try bytes.write(to: URL(filePath: path))
    }

    /// Every file with its size and its time of modification.
    private func picture(_ command: Command) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: command.data).sorted()
        return try (names + [""]).map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: command.data + "/" + name)
            return "\(name) \(attributes[.size] ?? "") \(attributes[.modificationDate] ?? "")"
        }
    }

    private func findings(_ command: Command) throws -> [[String: Any]] {
        let before = try picture(command)
        let outcome = try command.run("verify", "--json")
        #expect(try picture(command) == before, "verification changed the directory")
        let findings = try #require(try outcome.object()["findings"] as? [[String: Any]])
        #expect(outcome.status == (findings.isEmpty ? 0 : 1))
        return findings
    }

    @Test("a directory that was closed properly is clean")
    func clean() throws {
        let command = try command()
        #expect(try findings(command).isEmpty)
        let outcome = try command.run("verify", command.data)
        #expect(outcome.status == 0 && outcome.output.hasPrefix("Clean: 1 topic, 2 partitions"))
        #expect(try command.fail("verify", "/does/not/exist").contains("no data directory"))
        #expect(try command.fail("verify", command.path).contains("is no data directory"))
    }

    @Test("a flipped bit in a segment is found by position and offsets, at every tenth byte")
    func flips() throws {
        let command = try command()
        let path = try segments(command)[0]
        let whole = try Data(contentsOf: URL(filePath: path))
        for position in stride(from: 0, to: whole.count, by: max(1, whole.count / 40)) {
            try change(path) { $0[position] ^= 0x10 }
            let found = try findings(command)
            #expect(
                found.contains { finding in
                    guard let positions = finding["positions"] as? [String: Int], let start = positions["start"],
                        let end = positions["end"], (finding["file"] as? String)?.hasSuffix("00.log") == true
                    else { return false }
                    return (start..<end).contains(position)
                }, "byte \(position): \(found)")
            try whole.write(to: URL(filePath: path))
        }
    }

    @Test("a flipped bit in any of the small files is found")
    func smallFiles() throws {
        let command = try command()
        let sidecar = try segments(command)[0].replacingOccurrences(of: ".log", with: ".sidecar")
        let small = ["state", "topics", "topics.copy", "watermarks"].map { command.data + "/" + $0 } + [sidecar]
        for path in small {
            let whole = try Data(contentsOf: URL(filePath: path))
            for position in stride(from: 0, to: whole.count, by: max(1, whole.count / 8)) where whole[position] != 0 {
                try change(path) { $0[position] ^= 0x01 }
                #expect(try !findings(command).isEmpty, "\(path), byte \(position)")
                try whole.write(to: URL(filePath: path))
            }
        }
        #expect(try findings(command).isEmpty)
    }

    @Test("missing, cut and doubled segments, and sidecars of others")
    func segments() throws {
        let command = try command()
        let logs = try segments(command)
        try #require(logs.count >= 3)
        func kinds() throws -> Set<String> { Set(try findings(command).compactMap { $0["kind"] as? String }) }
        func restoring(_ paths: [String], _ body: () throws -> Void) throws {
            let contents = try paths.map { try Data(contentsOf: URL(filePath: $0)) }
            try body()
            for (path, content) in zip(paths, contents) { try content.write(to: URL(filePath: path)) }
        }
        try restoring([logs[1]]) {
            try FileManager.default.removeItem(atPath: logs[1])
            #expect(try kinds() == ["missing"])
        }
        try restoring([logs[2]]) {
            try change(logs[2]) { $0.removeLast(10) }
            #expect(try kinds().contains("corruption"))
        }
        let last = try #require(logs.last)
        try restoring([last]) {
            try change(last) { $0.removeAll() }
            #expect(try kinds().contains("missing"))
        }
        let sidecars = logs.map { $0.replacingOccurrences(of: ".log", with: ".sidecar") }
        try restoring([sidecars[0], sidecars[1]]) {
            try Data(contentsOf: URL(filePath: sidecars[1])).write(to: URL(filePath: sidecars[0]))
            #expect(try kinds() == ["sidecar"])
        }
        try restoring([sidecars[0]]) {
            try FileManager.default.removeItem(atPath: sidecars[0])
            #expect(try kinds() == ["sidecar"])
        }
        try restoring([logs[1]]) {
            let first = try Data(contentsOf: URL(filePath: logs[0]))
            try change(logs[1]) { $0 = first + $0 }
            #expect(try !kinds().isEmpty)
        }
        #expect(try kinds().isEmpty)
    }

    @Test("a torn tail is a finding, recovery cuts it, and the quarantine is a note")
    func tornTail() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders")
        let writer = try RunningCommand(["produce", "orders", "--linger", "1ms"], data: command.data)
        try writer.send("one\n")
        let follower = try RunningCommand(["consume", "orders", "--follow", "--max", "1"], data: command.data)
        #expect(try follower.nextLine() == "one")
        #expect(follower.wait().status == 0)
        writer.kill()
        #expect(writer.wait().wasKilled)
        #expect(try findings(command).isEmpty)
        try change(try segments(command)[0]) { $0 += Data("half a batch".utf8) }
        let found = try #require(try findings(command).first)
        #expect(found["kind"] as? String == "tornTail")
        let outcome = try command.succeed("produce", "orders", input: "two\n")
        #expect(outcome.errors.contains("torn tail"))
        #expect(try findings(command).isEmpty)
        #expect(try command.succeed("verify").output.contains("quarantine/"))
        #expect(try command.succeed("consume", "orders").lines == ["one", "two"])
    }

    @Test("dump shows batches, records, sidecars and damage, and goes on behind it")
    func dump() throws {
        let command = try command()
        let log = try segments(command)[0]
        let batches = try command.succeed("dump", log, "--json").objects()
        #expect(batches.count >= 2 && batches.allSatisfy { $0["crcOk"] as? Bool == true })
        #expect(batches.first?["baseOffset"] as? Int == 0)
        let text = try command.succeed("dump", log, "--records").output
        #expect(text.contains("value number 0") && text.contains("position") && text.contains("ok"))
        let all = try command.succeed("dump", command.data, "--records", "--json").objects()
        #expect(all.count { $0["offset"] != nil } == 400)
        let blocks = all.filter { $0["coveredBytes"] != nil }
        #expect(blocks.count >= 2)
        let producers = blocks.compactMap { $0["producers"] as? [[String: Any]] }
        #expect(producers.count == blocks.count && producers.allSatisfy { $0.count == 1 })
        #expect(blocks.allSatisfy { ($0["aborted"] as? [Any])?.isEmpty == true })
        #expect(try command.succeed("dump", "\(command.data)/orders-0").output.contains("sealed, flushed"))
        let sidecar = log.replacingOccurrences(of: ".log", with: ".sidecar")
        #expect(try command.succeed("dump", sidecar).output.contains("epoch 0, last heard of "))

        try change(log) { $0[100] ^= 1 }
        let damaged = try command.succeed("dump", log, "--json").objects()
        #expect(damaged.filter { $0["crcOk"] as? Bool == true }.count == batches.count - 1)
        #expect(damaged.contains { ($0["damage"] as? String)?.contains("checksum") == true })
        #expect(try command.succeed("dump", log).output.contains("damaged: positions 0..<"))

        #expect(try command.fail("dump", "/does/not/exist").contains("no file or folder"))
        #expect(try command.succeed("dump", command.data + "/LOCK").output == "The file is empty.\n")
    }
}
