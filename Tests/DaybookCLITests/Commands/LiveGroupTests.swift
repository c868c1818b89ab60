// Groups whose members are at work in a process, seen and changed by commands beside it.

import Daybook
import Testing

@Suite struct LiveGroupTests {
    @Test(.timeLimit(.minutes(2)))
    func `Members are shown while they are at work, and a group with members is neither moved nor deleted`()
        async throws
    {
        let command = try Command()
        let daybook = try await Daybook.open(command.data)
        try await daybook.createTopic("orders", partitions: 4)
        let producer = try daybook.makeProducer()
        for number in 0..<8 {
            _ = try await producer.send(Record(key: nil, value: "x"), to: "orders", partition: Int32(number % 4))
        }
        var members: [Consumer] = []
        for name in ["one", "two"] {
            members.append(
                try await daybook.makeConsumer(
                    group: "warehouse", topics: ["orders"], member: GroupMemberConfiguration(clientID: name)))
        }
        while members.contains(where: { $0.assignment.count != 2 }) {
            for member in members { _ = try await member.poll(timeout: .milliseconds(1)) }
        }
        for member in members { try await member.commit() }

        let described = try await command.aside { try $0.succeed("groups", "describe", "warehouse", "--json") }.object()
        #expect(described["groupState"] as? String == "Stable")
        #expect(described["assignor"] as? String == "cooperative-sticky")
        let shown = try #require(described["members"] as? [[String: Any]])
        #expect(Set(shown.compactMap { $0["client"] as? String }) == ["one", "two"])
        #expect(shown.allSatisfy { ($0["assignment"] as? [String])?.count == 2 })
        let text = try await command.aside { try $0.succeed("groups", "describe", "warehouse") }.output
        #expect(text.contains("2 members (Stable, cooperative-sticky, generation"))
        let list = try await command.aside { try $0.succeed("groups", "list") }.output
        #expect(list.contains("warehouse"))
        for arguments in [["reset", "warehouse", "--to", "beginning", "--apply"], ["delete", "warehouse", "--apply"]] {
            let refused = try await command.aside { try $0.run(["groups"] + arguments) }
            #expect(refused.status != 0)
            #expect(refused.errors.contains("2 members at work") && refused.errors.contains("stop them first"))
        }

        for member in members { await member.close() }
        let after = try await command.aside { try $0.succeed("groups", "describe", "warehouse", "--json") }.object()
        #expect(after["groupState"] as? String == "Empty" && (after["members"] as? [Any])?.isEmpty == true)
        try await command.aside { try $0.succeed("groups", "reset", "warehouse", "--to", "beginning", "--apply") }
        #expect(try await daybook.committedOffsets(group: "warehouse").values.allSatisfy { $0.offset == 0 })

        // Whoever was at work when its process ended is no member any more.
        let last = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
        while last.assignment.count != 4 { _ = try await last.poll(timeout: .milliseconds(1)) }
        try await daybook.close()
        let ended = try await command.aside { try $0.succeed("groups", "describe", "warehouse", "--json") }.object()
        #expect(ended["groupState"] as? String == "Empty" && (ended["members"] as? [Any])?.isEmpty == true)
        await last.close()
    }
}
