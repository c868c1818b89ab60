// Which offsets of a partition are done: everything below one offset, and ranges behind it, as many as there are.
// Which offsets these are is known by `GroupState`.

internal import DaybookModel

/// A set of offsets, kept as half-open ranges. Without a limit on their number.
///
/// Adding costs O(log ranges) to find the place, and O(ranges behind it) to make room, which is little where events end in about
/// the order in which they came.
struct OffsetRanges: Sendable, Equatable {
    /// Everything below is in the set; the offset itself is not.
    private(set) var floor: Offset
    /// Behind the floor, in order, neither touching nor overlapping, not empty.
    private(set) var ranges: [Range<Offset>] = []

    init(floor: Offset) { self.floor = floor }

    init(floor: Offset, ranges: [Range<Offset>]) {
        self.floor = floor
        for range in ranges { insert(range) }
    }

    func contains(_ offset: Offset) -> Bool {
        if offset < floor { return true }
        let index = firstIndex(endingBehind: offset)
        return index < ranges.count && ranges[index].lowerBound <= offset
    }

    /// The parts of a range that are in the set, in order. O(log ranges + parts).
    func parts(of range: Range<Offset>) -> [Range<Offset>] {
        var parts: [Range<Offset>] = []
        if range.lowerBound < floor { parts.append(range.clamped(to: range.lowerBound..<floor)) }
        var index = firstIndex(endingBehind: range.lowerBound)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            parts.append(ranges[index].clamped(to: range))
            index += 1
        }
        return parts.filter { !$0.isEmpty }
    }

    mutating func insert(_ offset: Offset) { insert(offset..<offset.advanced(by: 1)) }

    mutating func insert(_ added: Range<Offset>) {
        guard added.upperBound > floor, !added.isEmpty else { return }
        var (low, high) = (max(floor, added.lowerBound), added.upperBound)
        // The ranges that touch: from the first that ends at `low` or behind it.
        let first = firstIndex { $0.upperBound >= low }
        var next = first
        while next < ranges.count, ranges[next].lowerBound <= high {
            low = min(low, ranges[next].lowerBound)
            high = max(high, ranges[next].upperBound)
            next += 1
        }
        if low == floor {
            floor = high
            ranges.removeSubrange(first..<next)
        } else if next == first + 1 {
            ranges[first] = low..<high
        } else {
            ranges.replaceSubrange(first..<next, with: CollectionOfOne(low..<high))
        }
    }

    private func firstIndex(endingBehind offset: Offset) -> Int { firstIndex { $0.upperBound > offset } }

    private func firstIndex(where isThere: (Range<Offset>) -> Bool) -> Int {
        // Nearly always it is the last range that grows.
        if let last = ranges.last, !isThere(last) { return ranges.count }
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if isThere(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
