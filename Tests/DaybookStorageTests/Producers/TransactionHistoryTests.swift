// Whatever is done to a log, readers of committed records get each of them once and nothing else.

import DaybookStorage
import DaybookTesting
import Testing

@Suite("Histories of transactions")
struct TransactionHistoryTests {
    @Test(arguments: Array(0..<60) + [1775, 1798, 2919, 2941, 2985] as [UInt64])
    func `C60 readers of committed records get each of them once, through compaction, deletion and power cuts`(
        seed: UInt64
    ) throws {
        var history = try TransactionHistory(seed: seed)
        for _ in 0..<150 where !history.isOver { try history.step() }
        #expect(history.isOver || history.counts["checks", default: 0] > 20)
    }

    @Test func `the histories do what they are meant to do`() throws {
        var counts: [String: Int] = [:]
        for seed in UInt64(0)..<12 {
            var history = try TransactionHistory(seed: seed)
            for _ in 0..<150 where !history.isOver { try history.step() }
            counts.merge(history.counts) { $0 + $1 }
        }
        for name in ["compacted", "cut", "seen", "aborted"] { #expect(counts[name, default: 0] > 100, "\(name)") }
    }
}
