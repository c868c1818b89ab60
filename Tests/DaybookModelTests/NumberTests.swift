// The numbers of the model: offsets, positions, timestamps, epochs, gaps. What they compute at their ends and what
// they refuse.

import DaybookModel
import Testing

@Suite("Numbers")
struct NumberTests {
    @Test("offsets count records")
    func offsets() {
        #expect(Offset.zero.advanced(by: 5) == 5)
        #expect(Offset(7).distance(to: 3) == -4)
        #expect(Offset(3) < Offset(4) && Offset.max.rawValue == .max)
        #expect(Offset(12).description == "12")
    }

    @Test("positions count bytes")
    func positions() {
        #expect(Position.zero.advanced(by: 61).rawValue == 61)
        #expect(Position(100).distance(to: Position(40)) == -60)
        #expect(Position(1) < Position(2))
    }

    @Test("timestamps stay within Int64 at its ends")
    func timestamps() {
        let latest = Timestamp(milliseconds: .max)
        let earliest = Timestamp(milliseconds: .min)
        #expect(Timestamp(milliseconds: 10).advanced(byMilliseconds: -15) == Timestamp(milliseconds: -5))
        #expect(latest.advanced(byMilliseconds: 1) == latest)
        #expect(earliest.advanced(byMilliseconds: -1) == earliest)
        #expect(earliest.advanced(byMilliseconds: .max) == Timestamp.none)
        #expect(earliest.milliseconds(until: latest) == .max)
        #expect(latest.milliseconds(until: earliest) == .min)
        #expect(Timestamp(milliseconds: 3).milliseconds(until: Timestamp(milliseconds: 1)) == -2)
        #expect(Timestamp.none.rawValue == -1 && Timestamp(milliseconds: 4).description == "4ms")
    }

    @Test("epochs rise by one")
    func epochs() {
        #expect(LeaderEpoch.zero.next == LeaderEpoch(rawValue: 1))
        #expect(LeaderEpoch.zero < LeaderEpoch.zero.next)
        #expect(LeaderEpoch(rawValue: 3).description == "3")
    }

    @Test("a gap is half open and says why")
    func gaps() {
        let gap = Gap(baseOffset: 3, nextOffset: 10, cause: .quarantined)
        #expect(gap.count == 7)
        #expect(gap.description == "gap 3..<10 (quarantined)")
    }

    @Test("durability is ordered from weak to strong")
    func durability() {
        #expect(Durability.allCases.sorted() == [.buffered, .osCache, .durable])
        #expect(Durability(rawValue: "osCache") == .osCache)
    }

    @Test("no producer has no id, no epoch and no sequence")
    func producers() {
        #expect(ProducerIdentity.none == ProducerIdentity(id: ProducerID(rawValue: -1), epoch: -1, baseSequence: -1))
    }

    @Test("an empty gap is a programmer's mistake")
    func emptyGap() async {
        await #expect(processExitsWith: .failure) { _ = Gap(baseOffset: 3, nextOffset: 3, cause: .control) }
    }

    @Test("there is no offset beyond the last")
    func offsetOverflow() async {
        // Printed: an optimiser may leave out a sum that nobody looks at.
        await #expect(processExitsWith: .failure) { print(Offset.max.advanced(by: 1)) }
    }

    @Test("there is no epoch beyond the last")
    func epochOverflow() async {
        await #expect(processExitsWith: .failure) { _ = LeaderEpoch(rawValue: .max).next }
    }
}
