// Things to come back to at given moments, the earliest first; and places in the order in which they came.
// They hold what `GroupMachine` waits for.

internal import DaybookModel

/// A binary heap of moments. Of equal ones the first that was put in comes first, so that runs can be repeated.
struct MomentQueue<Element: Sendable>: Sendable {
    private var heap: [(moment: Timestamp, number: UInt64, element: Element)] = []
    private var count: UInt64 = 0

    /// How many there are.
    var elementsCount: Int { heap.count }

    /// Forgets elements. O(elements), and their sorting where they did not come in order.
    mutating func removeAll(where isOver: (Element) -> Bool) {
        heap.removeAll { isOver($0.element) }
        // What is sorted is a heap.
        heap.sort { ($0.moment, $0.number) < ($1.moment, $1.number) }
    }

    /// The earliest moment. O(1).
    var first: Timestamp? { heap.first?.moment }

    /// O(log elements).
    mutating func insert(_ element: Element, at moment: Timestamp) {
        heap.append((moment, count, element))
        count += 1
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The earliest element if its moment has come. O(log elements).
    mutating func popDue(at now: Timestamp) -> Element? {
        guard let first = heap.first, first.moment <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, smallest) {
                smallest = child
            }
            if smallest == parent { return first.element }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (heap[a].moment, heap[a].number) < (heap[b].moment, heap[b].number)
    }
}

/// Places, first in, first out. O(1) each, amortised.
struct PlaceQueue: Sendable {
    private var places: [Place] = []
    private var head = 0

    var first: Place? { head < places.count ? places[head] : nil }

    mutating func append(_ place: Place) { places.append(place) }

    mutating func removeFirst() {
        head += 1
        if head > 1024, head * 2 > places.count {
            places.removeFirst(head)
            head = 0
        }
    }
}
