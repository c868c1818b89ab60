// Benchmarks run and print what they measured; how fast anything is, is not tested.

import Foundation
import Testing

@Suite struct BenchCommandTests {
    @Test func `The benchmark of transactions compares four ways of sending`() throws {
        let command = try Command()
        let result = try command.succeed(
            "bench", "transactions", "--records", "300", "--transaction", "100", "--rounds", "1", "--json"
        ).object()
        let ways = try #require(result["ways"] as? [String: Any])
        #expect(ways.keys.sorted() == ["flushed", "idempotent", "plain", "transactions"])
        #expect(result["recordsOfTransaction"] as? Int == 100)
        let table = try command.succeed("bench", "transactions", "--records", "300", "--rounds", "1")
        #expect(table.output.contains("transactions"))
        #expect(try command.run(["bench", "transactions", "--durability", "buffered"]).status != 0)
    }
}
