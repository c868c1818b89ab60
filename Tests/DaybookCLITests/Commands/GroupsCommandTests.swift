// `daybook groups`: tables and JSON, places and dry runs, and what is said when something cannot be.

import Foundation
import Testing

@Suite("daybook groups")
struct GroupsCommandTests {
    /// Two partitions, of twenty records and of none, and a group at 5 in the first.
    private func stage() throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "2")
        let lines = (0..<20).map { "k\($0)=v\n" }.joined()
        try command.succeed("produce", "orders", "--key-separator", "=", "--partition", "0", input: lines)
        try command.succeed("groups", "reset", "warehouse", "--topic", "orders", "--to", "5", "--apply")
        return command
    }

    /// The cells of a table's line; two blanks and more stand between them.
    private func cells(_ line: String?) -> [String] {
        (line ?? "").components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
            !$0.isEmpty
        }
    }

    @Test func `A group is listed and described, for people and for programs`() throws {
        let command = try stage()
        try command.succeed("groups", "reset", "accounting", "--partition", "orders-0", "--to", "end", "--apply")
        let list = try command.succeed("groups", "list").lines
        #expect(list.count == 3)
        #expect(cells(list.first) == ["group", "state", "partitions", "members", "lag", "last commit"])
        #expect(cells(list.dropFirst().first).prefix(5) == ["accounting", "moving", "1", "0", "0"])
        #expect(cells(list.last).prefix(5) == ["warehouse", "moving", "2", "0", "15"])

        let array = try JSONSerialization.jsonObject(with: command.succeed("groups", "list", "--json").bytes)
        let groups = try #require(array as? [[String: Any]])
        #expect(groups.map { $0["group"] as? String } == ["accounting", "warehouse"])
        #expect(groups.map { $0["lag"] as? Int } == [0, 15] && groups.map { $0["problems"] as? Int } == [0, 0])

        let text = try command.succeed("groups", "describe", "warehouse").lines
        #expect(
            text.first?.hasPrefix("Group warehouse is moving: no members, 15 records before it, last commit 2") == true)
        #expect(
            text.count == 5
                && cells(text[2]).prefix(6) == ["partition", "committed", "log start", "end", "lag", "oldest"])
        #expect(cells(text[3]).prefix(5) == ["orders-0", "5", "0", "20", "15"])
        #expect(cells(text[4]).prefix(6) == ["orders-1", "0", "0", "0", "0", "moving"], "no age where nothing waits")

        let object = try command.succeed("groups", "describe", "warehouse", "--json").object()
        #expect(object["lag"] as? Int == 15 && object["state"] as? String == "moving")
        let rows = try #require(object["partitions"] as? [[String: Any]])
        #expect(rows.map { $0["lag"] as? Int } == [15, 0])
        #expect((rows.first?["committed"] as? [String: Any])?["offset"] as? Int == 5)
        #expect(rows.first?["oldestAge"] is Int && rows.last?["oldestAge"] is NSNull)
    }

    @Test func `A reset shows what it would do and does it when told to, in all partitions or in some`() throws {
        let command = try stage()
        let dry = try command.succeed("groups", "reset", "warehouse", "--shift-by", "-7")
        #expect(dry.errors == "Nothing has been changed; add --apply to change it.\n")
        #expect(cells(dry.lines[0]) == ["partition", "committed", "would be", "moved by"])
        #expect(cells(dry.lines[1]) == ["orders-0", "5", "0", "-5", "the log does not reach to -2"])
        func places() throws -> [Int?] {
            let object = try command.succeed("groups", "describe", "warehouse", "--json").object()
            let rows = object["partitions"] as? [[String: Any]]
            return (rows ?? []).map { ($0["committed"] as? [String: Any])?["offset"] as? Int }
        }
        #expect(try places() == [5, 0])
        let lines: [([String], [Int?])] = [
            (["--to", "end"], [20, 0]), (["--to", "beginning", "--partition", "orders-1"], [20, 0]),
            (["--to", "7", "--partition", "orders-0"], [7, 0]), (["--shift-by", "2"], [9, 0]),
            (["--to", "2999-01-01"], [20, 0]), (["--to", "1999-01-01"], [0, 0]), (["--to", "current"], [0, 0]),
            (["--to-append-time", "2999-01-01"], [20, 0]), (["--to-append-time", "1999-01-01T00:00Z"], [0, 0]),
        ]
        for (arguments, expected) in lines {
            let done = try command.succeed(["groups", "reset", "warehouse"] + arguments + ["--apply"])
            #expect(done.errors.isEmpty && cells(done.lines.first)[2] == "now")
            #expect(try places() == expected, "\(arguments)")
        }
        let object = try command.succeed("groups", "reset", "warehouse", "--to", "1000", "--json").object()
        let moves = try #require(object["moves"] as? [[String: Any]])
        #expect(object["applied"] as? Bool == false && moves.map { $0["new"] as? Int } == [20, 0])
        #expect(moves.map { $0["outOfRange"] as? Int } == [1000, 1000] && moves.first?["distance"] as? Int == 20)
    }

    @Test func `A group is deleted when it is said twice, as a whole or in some partitions`() throws {
        let command = try stage()
        let dry = try command.succeed("groups", "delete", "warehouse")
        #expect(dry.errors == "Nothing has been deleted; add --apply to delete group warehouse.\n")
        #expect(dry.lines.dropFirst().map { Array(cells($0).prefix(2)) } == [["orders-0", "5"], ["orders-1", "0"]])
        let part = try command.succeed("groups", "delete", "warehouse", "--partition", "orders-1", "--apply")
        #expect(part.lines.last == "Deleted 1 committed offset of group warehouse.")
        #expect(try command.succeed("groups", "describe", "warehouse").lines.count == 4)
        let object = try command.succeed("groups", "delete", "warehouse", "--apply", "--json").object()
        #expect(object["applied"] as? Bool == true && (object["partitions"] as? [Any])?.count == 1)
        #expect(try command.succeed("groups", "list", "--json").output == "[]\n")
        #expect(try command.succeed("groups", "list").errors.hasPrefix("There are no groups"))
        let records = try command.succeed("consume", "orders", "--format", "json").lines
        #expect(records.count == 20, "no record is deleted")
    }

    @Test func `Wrong arguments each get one sentence, and nothing changes`() throws {
        let command = try stage()
        func reset(_ arguments: String..., status: Int32 = 1) throws -> String {
            let outcome = try command.run(["groups", "reset", "warehouse", "--apply"] + arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            return outcome.errors
        }
        #expect(try reset(status: 64).contains("one of them"))
        #expect(try reset("--to", "end", "--shift-by", "3", status: 64).contains("one of them"))
        #expect(try reset("--to", "middle", status: 64).contains("use beginning, end, current"))
        #expect(try reset("--to", "-3", status: 64).contains("--to"))
        #expect(try reset("--to-append-time", "soon", status: 64).contains("ISO 8601"))
        #expect(try reset("--to", "end", "--partition", "orders", status: 64).contains("such as orders-0"))
        #expect(try reset("--to", "end", "--partition", "orders-7").contains("orders"))
        #expect(try reset("--to", "end", "--topic", "nothing").contains("no topic \"nothing\""))
        #expect(try command.fail("groups", "reset", "nobody", "--to", "end").contains("no group \"nobody\""))
        #expect(try command.fail("groups", "describe", "nobody").contains("daybook groups list"))
        #expect(try command.fail("groups", "delete", "nobody").contains("no group \"nobody\""))
        #expect(try command.fail("groups", "delete", "nobody", "--apply").contains("no group \"nobody\""))
        #expect(try command.fail("groups", "delete", "", "--apply").contains("needs a name"))
        #expect(try command.fail("groups", "list", "--data", command.path + "/nowhere").contains("nowhere"))
        #expect(try command.succeed("groups", "list", "--json").output.contains("\"lag\":15"))
    }

    @Test func `Names go to the terminal without moving its cursor`() throws {
        let command = try stage()
        try command.succeed("groups", "reset", "Lager\u{1B}[2J", "--topic", "orders", "--to", "end", "--apply")
        for arguments in [["list"], ["describe", "Lager\u{1B}[2J"], ["delete", "Lager\u{1B}[2J", "--apply"]] {
            let outcome = try command.succeed(["groups"] + arguments)
            #expect(!outcome.output.contains("\u{1B}") && outcome.output.contains("Lager\\u{1b}[2J"))
        }
    }
}
