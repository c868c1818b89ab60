// A line that things wait in, without a thought of what they are or what they wait for.
// Who is in it is the business of `Fetcher` and `FetchSlot`.

/// First come, first served. Amortised O(1).
struct Line<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }

    /// The next one. Setting it changes the one that is there.
    var first: Element? {
        get { isEmpty ? nil : elements[head] }
        set {
            precondition(newValue != nil && !isEmpty, "only what is first can be changed, and is not removed so")
            elements[head] = newValue
        }
    }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() -> Element? {
        guard let first else { return nil }
        // What it holds goes with it.
        elements[head] = nil
        head += 1
        if head == elements.count || head > 32 && head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return first
    }
}
