// Ranges of offsets against a plain set, for random insertions of all sizes.
// Which offsets are put in is tested in `GroupMachineTests`.

import DaybookModel
import DaybookTesting
import Testing

@testable import DaybookProcessing

@Suite("Offset ranges")
struct OffsetRangesTests {
    @Test func `ranges hold what a set holds`() {
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            var ranges = OffsetRanges(floor: 3)
            var set = Set<Int64>(0..<3)
            for _ in 0..<60 {
                let low = Int64.random(in: 0..<80, using: &random)
                let high = low + Int64.random(in: 0..<6, using: &random)
                ranges.insert(Offset(low)..<Offset(high))
                set.formUnion(low..<high)
                #expect((0..<90).allSatisfy { ranges.contains(Offset($0)) == set.contains($0) }, "seed \(seed)")
                #expect(ranges.floor.rawValue == (0...).first { !set.contains($0) }, "seed \(seed)")
                for (a, b) in zip(ranges.ranges, ranges.ranges.dropFirst()) { #expect(a.upperBound < b.lowerBound) }
                #expect(ranges.ranges.first.map { $0.lowerBound > ranges.floor } ?? true)
                #expect(OffsetRanges(floor: ranges.floor, ranges: ranges.ranges) == ranges)
            }
        }
    }
}
