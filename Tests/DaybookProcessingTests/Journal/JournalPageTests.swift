// The bytes of journals: everything comes back, nothing that is cut or garbled traps, and a plain success costs few bytes.
// What pages do to a group is tested in `GroupMachineTests`.

import DaybookModel
import DaybookTesting
import Testing

@testable import DaybookProcessing

@Suite("Journal pages")
struct JournalPageTests {
    private static let note = FailureNote(type: "HTTPError", text: "503 – später")
    private static let key = Lane(Place(2, 0), key: Array("SO-1".utf8))

    private static func entries() throws -> [JournalEntry] {
        let place = Place(3, 70_000)
        var entries: [JournalEntry] = [
            .opened, .closed,
            .partition(number: 2, TopicPartition(topic: try TopicName("orders"), partition: 7), from: 9),
            .succeeded(partition: 3, Offset(500)..<Offset(501)), .succeeded(partition: 0, Offset(0)..<Offset(90)),
            .succeeded(partition: 3, Offset(20)..<Offset(22)),
            .redriven(id: "r", by: "eva", note: "", [place, Place(0, 1)]),
            .lane(key, isHeld: true, by: "eva", note: "n"),
            .lane(Lane(place, key: nil), isHeld: false, by: "", note: ""),
            .stopped(.deadLetters), .stopped(.parked), .stopped(.policy), .resumed(by: "eva", note: "ok"),
            .routes([RouteName(types: "order.*", downstream: "erp"), RouteName(types: "**", downstream: "")]),
            .routes([]),
        ]
        let due = Timestamp(milliseconds: 1_767_225_600_000)
        var changes: [EventChange] = [
            .waiting(deadline: due), .attempting, .retrying(attempts: 3, due: due, spent: 99, note: note),
            .retrying(attempts: 0, due: due, spent: 0, note: nil),
            .unknown(attempts: 1, due: due, spent: 5, note: note), .doubted(note),
            .succeeded(attempts: 1, reference: "INV-1", isAdopted: false),
            .succeeded(attempts: 2, reference: nil, isAdopted: true), .skipped(.filtered), .skipped(.stale),
            .skipped(.duplicate(of: 4, partition: 1)), .skipped(.decided(by: "eva", note: "why")), .parked(behind: 12),
        ]
        for reason in DeadLetterReason.allCases {
            changes.append(.dead(reason, attempts: 10, note: note, holdsKey: true))
            changes.append(.dead(reason, attempts: 0, note: nil, holdsKey: false))
        }
        entries += changes.map { .changed(place, $0) }
        return entries
    }

    @Test func `every entry comes back from its bytes`() throws {
        let page = JournalPage(epoch: 7, time: Timestamp(milliseconds: -5), entries: try Self.entries())
        #expect(try JournalPage(decoding: page.encoded()) == page)
    }

    @Test func `what is cut short, or garbled, is refused or read, and never traps`() throws {
        let bytes = JournalPage(epoch: 7, time: .none, entries: try Self.entries()).encoded()
        for count in bytes.indices {
            #expect(throws: JournalBytesError.self) { try JournalPage(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: JournalBytesError.trailingBytes(1)) { try JournalPage(decoding: bytes + [0]) }
        var random = SeededGenerator(seed: 1)
        var refused = 0
        for _ in 0..<20_000 {
            var garbled = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                garbled[Int.random(in: garbled.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do { _ = try JournalPage(decoding: garbled) } catch { refused += 1 }
            do { _ = try GroupSnapshot.state(Array(garbled.dropFirst(2)), effectsCapacity: 10) } catch {}
        }
        #expect(refused > 1000)
    }

    @Test func `a hundred plain successes, in any order, take less than eight bytes each with their batch`() throws {
        var random = SeededGenerator(seed: 1)
        let offsets = (0..<300).map { $0 }.shuffled(using: &random).prefix(100)
        let page = JournalPage(
            epoch: 3, time: Timestamp(milliseconds: 1_767_225_600_000),
            gathering: offsets.map {
                .changed(
                    Place(0, Offset(1_000_000 + Int64($0))), .succeeded(attempts: 1, reference: nil, isAdopted: false))
            })
        // A batch of one record has 61 bytes of its own and some twenty of the record's.
        #expect(page.encoded().count + 81 < 800)
        let all = (0..<100).map {
            JournalEntry.changed(Place(0, Offset($0)), .succeeded(attempts: 1, reference: nil, isAdopted: false))
        }
        #expect(
            JournalPage(epoch: 1, time: .none, gathering: all).entries == [
                .succeeded(partition: 0, Offset(0)..<Offset(100))
            ])
    }

    @Test func `a note is cut at a character, whatever it says`() {
        let note = FailureNote(type: "T", text: String(repeating: "ü", count: 1000))
        #expect(note.text.utf8.count <= 1024)
        #expect(note.text.utf8.count > 700)
        #expect(note.text.allSatisfy { $0 == "ü" })
    }
}
