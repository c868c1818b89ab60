// The benchmarks of consumers: that they run, and that what they count is what there was to count.

import Foundation
import Testing

@Suite struct ConsumerBenchTests {
    @Test func `A consumer goes through as many records as a replay`() throws {
        let command = try Command()
        try command.succeed("bench", "append", "--records", "5000", "--partitions", "2", "--json")
        let replay = try command.succeed("bench", "replay", "--json").object()
        let consume = try command.succeed("bench", "consume", "--json").object()
        #expect(consume["records"] as? Int == 5000 && replay["records"] as? Int == 5000)
        #expect(consume["bytes"] as? Int == replay["bytes"] as? Int)
        #expect(
            try command.succeed("bench", "consume", "--consumers", "2", "--json").object()["records"] as? Int == 5000)
    }

    @Test func `Members of a group that commit as they go have read and committed everything in the end`() throws {
        let command = try Command()
        try command.succeed("bench", "append", "--records", "5000", "--partitions", "2", "--json")
        for arguments in [["--commit-every", "100"], ["--wait-for-commits"], ["--consumers", "2"]] {
            let result = try command.succeed(["bench", "consume", "--group", "g", "--json"] + arguments).object()
            #expect(result["records"] as? Int == 5000 && (result["flushCalls"] as? Int ?? 0) > 0)
            let group = try command.succeed("groups", "describe", "g", "--json").object()
            #expect(group["lag"] as? Int == 0 && (group["partitions"] as? [Any])?.count == 2)
        }
    }

    @Test func `Consumers that wait are woken by a record, and by nothing before`() throws {
        let command = try Command()
        let idle = try command.succeed(
            "bench", "idle", "--consumers", "50", "--partitions", "3", "--seconds", "1", "--json"
        ).object()
        #expect(idle["woken"] as? Int == 50 && idle["systemCalls"] as? Int == 0)
    }

    @Test func `The benchmark of latency measures record and bare flush side by side`() throws {
        let command = try Command()
        let latency = try command.succeed("bench", "latency", "--records", "20", "--json").object()
        let times = try #require(latency["latencyMicroseconds"] as? [String: Any])
        #expect((times["p50"] as? Double ?? 0) > 0 && (latency["p50 over bare flush"] as? Double ?? 0) > 0)
        #expect(latency["records"] as? Int == 20)
    }

    @Test func `Committed offsets are found again, all of them, and not left beside somebody's own topics`() throws {
        let command = try Command()
        for _ in 0..<2 {
            let figures = try command.succeed(
                "bench", "offsets", "--groups", "30", "--partitions", "4", "--commits", "20", "--json"
            ).object()
            #expect(figures["committedOffsets"] as? Int == 120)
        }
        #expect(
            try command.fail("bench", "offsets", "--groups", "30", "--partitions", "5", status: 64)
                .contains("has 4 partitions, not 5"))
        try command.succeed("topic", "create", "orders")
        #expect(try command.fail("bench", "offsets", status: 64).contains("holds the topic orders"))
    }

    @Test func `The benchmark of processors goes through all its parts`() throws {
        let command = try Command()
        let result = try command.succeed(
            "bench", "processing", "--records", "600", "--keys", "50", "--rounds", "1", "--concurrency", "20",
            "--keys-seen", "300", "--waiting", "200", "--ranges", "300", "--json"
        ).object()
        func figures(_ part: String) throws -> [String: Any] { try #require(result[part] as? [String: Any]) }
        #expect((try figures("idle")["recordsPerSecond"] as? Double ?? 0) > 0)
        #expect((try figures("waits")["waitMilliseconds"] as? Double ?? 0) >= 5)
        #expect((try figures("memory")["afterWaiting"] as? Int ?? 0) > 0)
        #expect((try figures("restart")["journalBytes"] as? Int ?? 0) > 300)
    }
}
