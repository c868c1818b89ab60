// `daybook produce`: formats, keys, headers, the summary line, and malformed input.

import Foundation
import Testing

@Suite("daybook produce")
struct ProduceCommandTests {
    private func command(partitions: Int = 1) throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "\(partitions)")
        return command
    }

    private func keysAndValues(_ command: Command) throws -> [[String?]] {
        try command.succeed("consume", "orders", "--format", "json").objects().map {
            [$0["key"] as? String, $0["value"] as? String]
        }
    }

    @Test("lines, with and without keys")
    func lines() throws {
        let command = try command()
        let summary = try command.succeed("produce", "orders", input: "one\ntwo\r\n\nlast").object()
        #expect(summary["records"] as? Int == 4)
        #expect(summary["bytes"] as? Int == 10)
        let partition = try #require((summary["partitions"] as? [[String: Int]])?.first)
        #expect(partition == ["partition": 0, "firstOffset": 0, "nextOffset": 4, "records": 4])
        #expect(summary["seconds"] as? Double != nil)
        #expect(try command.succeed("consume", "orders").output == "one\ntwo\n\nlast\n")
        try command.succeed("produce", "orders", "--key-separator", "::", input: "k::v\n::\na::b::c\n")
        #expect(try keysAndValues(command).suffix(3) == [["k", "v"], ["", ""], ["a", "b::c"]])
    }

    @Test("a second run goes on where the first ended")
    func continues() throws {
        let command = try command()
        try command.succeed("produce", "orders", input: "a\nb\n")
        let summary = try command.succeed("produce", "orders", input: "c\n").object()
        let partition = try #require((summary["partitions"] as? [[String: Int]])?.first)
        #expect(partition["firstOffset"] == 2 && partition["nextOffset"] == 3)
    }

    @Test("JSON lines are stored as they stand; the key is looked up in them")
    func jsonLines() throws {
        let command = try command()
        let input = "{ \"order\" : {\"id\": \"\\u0041-1\"} }\n\n{\"order\":{\"id\":17}}\r\n{\"order\":{}}\n"
        let outcome = try command.succeed(
            "produce", "orders", "--format", "jsonl", "--key-field", "order.id", input: input)
        #expect(try outcome.object()["withoutKey"] as? Int == 1)
        #expect(outcome.errors.contains("1 record had no order.id"))
        #expect(
            try keysAndValues(command) == [
                ["A-1", "{ \"order\" : {\"id\": \"\\u0041-1\"} }"], ["17", "{\"order\":{\"id\":17}}"],
                [nil, "{\"order\":{}}"],
            ])
    }

    @Test("CSV rows become objects of strings in the order of the columns")
    func csv() throws {
        let command = try command()
        let input = "\u{FEFF}id,\"the \"\"note\"\"\",empty\r\n7,\"a,b\nc \"\"d\"\" \\ é\",\r\n\r\n8,x,\"\"\r\n"
        let summary = try command.succeed("produce", "orders", "--format", "csv", "--key-field", "id", input: input)
        #expect(try summary.object()["records"] as? Int == 2)
        #expect(
            try keysAndValues(command) == [
                ["7", #"{"id":"7","the \"note\"":"a,b\nc \"d\" \\ é","empty":""}"#],
                ["8", #"{"id":"8","the \"note\"":"x","empty":""}"#],
            ])
    }

    @Test("several files, headers, a partition, compression")
    func options() throws {
        let command = try command(partitions: 4)
        let first = try command.file("a.csv", "k,v\n1,a\n")
        let second = try command.file("b.csv", "v,k\nb,2\n")
        let outcome = try command.succeed(
            "produce", "orders", first, second, "--format", "csv", "--key-field", "k", "--partition", "3",
            "--compression", "zstd:5", "--durability", "osCache", "--header", "source=erp", "--header", "empty=",
            "--batch-size", "1KiB", "--linger", "1ms")
        #expect(try outcome.object()["records"] as? Int == 2)
        let records = try command.succeed("consume", "orders", "--format", "json").objects()
        #expect(records.map { $0["partition"] as? Int } == [3, 3])
        #expect(records.map { $0["value"] as? String } == [#"{"k":"1","v":"a"}"#, #"{"v":"b","k":"2"}"#])
        let headers = try #require(records.first?["headers"] as? [[String: String]])
        #expect(headers == [["name": "source", "value": "erp"], ["name": "empty", "value": ""]])
    }

    @Test("the same key goes to the same partition, in order")
    func order() throws {
        let command = try command(partitions: 5)
        let input = (0..<2000).map { "key-\($0 % 7)|value-\($0)\n" }.joined()
        try command.succeed("produce", "orders", "--key-separator", "|", "--batch-size", "2KiB", input: input)
        let records = try command.succeed("consume", "orders", "--format", "json").objects()
        #expect(records.count == 2000)
        for key in 0..<7 {
            let own = records.filter { $0["key"] as? String == "key-\(key)" }
            #expect(Set(own.map { $0["partition"] as? Int }).count == 1)
            let expected = stride(from: key, to: 2000, by: 7).map { "value-\($0)" }
            #expect(own.map { $0["value"] as? String } == expected)
        }
    }

    @Test(
        "malformed input: what stands before is kept, the place is told",
        arguments: [
            (["--format", "jsonl"], "{\"a\":1}\n{\"b\":2}\n{\"c\":3]\n{\"d\":4}\n", 2, "line 3"),
            (["--format", "jsonl"], "{\"a\":1}\n{\"b\":\n", 1, "line 2"),
            (["--format", "jsonl", "--key-field", "a"], "{\"a\":1}\n{\"a\":{}}\n", 1, "line 2"),
            (["--format", "csv"], "a,b\n1,2\n\"x\ny\",3\n4\n5,6\n", 2, "line 5"),
            (["--format", "csv"], "a,b\n1,2\n3,\"4\n5,6\n", 1, "line 3"),
            (["--format", "csv"], "a,b\n1,2\n3,4\"5\n", 1, "line 3"),
            (["--key-separator", "="], "a=1\nb=2\nc\n", 2, "line 3"),
        ] as [([String], String, Int, String)])
    func malformed(_ arguments: [String], _ input: String, _ kept: Int, _ line: String) throws {
        let command = try command()
        let outcome = try command.run(["produce", "orders"] + arguments, input: Data(input.utf8))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("standard input, \(line): "), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
        let summary = try outcome.object()
        #expect(summary["records"] as? Int == kept)
        #expect((summary["error"] as? String)?.contains(line) == true)
        #expect(try command.succeed("consume", "orders", "--format", "json").lines.count == kept)
    }

    @Test("bytes that are not UTF-8 are malformed in JSON and CSV, and welcome in lines")
    func notUTF8() throws {
        let command = try command()
        let latin = Data([UInt8(ascii: "\""), 0xE9, UInt8(ascii: "\""), UInt8(ascii: "\n")])
        #expect(try command.run(["produce", "orders", "--format", "jsonl"], input: latin).errors.contains("line 1"))
        let csv = try command.run(["produce", "orders", "--format", "csv"], input: Data("a\nx\n".utf8) + latin)
        #expect(csv.status == 1 && csv.errors.contains("line 3") && csv.errors.contains("UTF-8"))
        #expect(try command.run(["produce", "orders"], input: latin).status == 0)
        let last = try #require(try command.succeed("consume", "orders", "--format", "json").objects().last)
        #expect((last["value"] as? [String: String])?["base64"] == Data(latin.dropLast()).base64EncodedString())
    }

    @Test("wrong arguments each get one sentence, and nothing is appended")
    func refuses() throws {
        let command = try command(partitions: 2)
        #expect(try command.fail("produce", "nothing", input: "a\n").contains("There is no topic"))
        #expect(try command.fail("produce", "orders", "--partition", "2", input: "a\n").contains("0 to 1"))
        #expect(try command.fail("produce", "orders", "/does/not/exist").contains("No such file"))
        #expect(try command.fail("produce", "orders", "--format", "xml", status: 64).contains("xml"))
        #expect(try command.fail("produce", "orders", "--compression", "zip", status: 64).contains("zstd:3"))
        #expect(try command.fail("produce", "orders", "--durability", "safe", status: 64).contains("osCache"))
        #expect(try command.fail("produce", "orders", "--key-field", "a", status: 64).contains("--key-separator"))
        #expect(
            try command.fail("produce", "orders", "--format", "csv", "--key-separator", "=", status: 64).contains(
                "lines"))
        #expect(
            try command.fail("produce", "orders", "--format", "jsonl", "--key-field", "a..b", status: 64).contains(
                "path"))
        #expect(try command.fail("produce", "orders", "--linger", "soon", status: 64).contains("duration"))
        #expect(try command.fail("produce", "orders", "--batch-size", "0").contains("batch.size"))
        #expect(try command.succeed("consume", "orders").output.isEmpty)
    }

    @Test("CSV without its header or its key column")
    func csvHeader() throws {
        let command = try command()
        for (input, word) in [("", "header"), ("\n", "header"), ("a,a\n", "twice"), ("a,b\n1,2\n", "no column \"k\"")] {
            let outcome = try command.run(
                ["produce", "orders", "--format", "csv", "--key-field", "k"], input: Data(input.utf8))
            #expect(outcome.status == 1 && outcome.errors.contains(word), "\(outcome.errors)")
        }
    }

    @Test func `A limit on the size of files ends produce with a sentence, and the log is sound`() throws {
        let command = try Command()
        try command.run(["topic", "create", "orders", "--config", "segment.bytes=100MiB"])
        let lines = (0..<40_000).map { "{\"number\": \($0), \"text\": \"\(String(repeating: "x", count: 60))\"}\n" }
        let input = command.path + "/lines.json"
        try Data(lines.joined().utf8).write(to: URL(filePath: input))
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        // A megabyte, in units of 1024 bytes.
        process.arguments = [
            "-c", "ulimit -f 1024; exec \(Command.binary.path()) produce orders --format jsonl \(input)",
        ]
        process.environment = ["DAYBOOK_DATA": command.data]
        let errors = Pipe()
        (process.standardOutput, process.standardError) = (Pipe(), errors)
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus != 0)
        #expect(text.contains("ulimit -f"), "\(text)")
        let verified = try command.run(["verify"])
        #expect(verified.status == 0, "\(verified.output)")
    }
}
