// The bytes of a page's entries. Each begins with a tag; tags and their fields never change their meaning, new ones get new tags.
// What they mean is in `JournalEntry`.

internal import DaybookModel

extension JournalWriter {
    /// `ends`: where the last range of each partition in this page ended.
    mutating func entry(_ entry: JournalEntry, _ ends: inout [Int32: Offset]) {
        switch entry {
        case .succeeded(let partition, let offsets):
            byte(1)
            number(Int(partition))
            let end = ends[partition] ?? .zero
            signed(end.distance(to: offsets.lowerBound))
            number(Int(offsets.lowerBound.distance(to: offsets.upperBound)))
            ends[partition] = offsets.upperBound
        case .changed(let place, let change):
            byte(2)
            self.place(place)
            self.change(change)
        case .opened: byte(3)
        case .closed: byte(4)
        case .partition(let number, let topicPartition, let from):
            byte(5)
            self.number(Int(number))
            text(topicPartition.topic.description)
            self.number(Int(topicPartition.partition))
            self.number(UInt64(from.rawValue))
        case .redriven(let id, let by, let note, let places):
            byte(6)
            for text in [id, by, note] { self.text(text) }
            number(places.count)
            for place in places { self.place(place) }
        case .lane(let lane, let isHeld, let by, let note):
            byte(isHeld ? 7 : 8)
            self.lane(lane)
            for text in [by, note] { self.text(text) }
        case .stopped(let reason):
            byte(9)
            byte(reason.rawValue)
        case .resumed(let by, let note):
            byte(10)
            for text in [by, note] { self.text(text) }
        case .hastened(let place, let by, let note):
            byte(11)
            self.place(place)
            for text in [by, note] { self.text(text) }
        case .byHand: byte(12)
        case .routes(let routes):
            byte(13)
            number(routes.count)
            for route in routes {
                text(route.types)
                text(route.downstream)
            }
        }
    }

    mutating func place(_ place: Place) {
        number(Int(place.partition))
        number(UInt64(place.offset.rawValue))
    }

    mutating func lane(_ lane: Lane) {
        number(Int(lane.partition))
        switch lane.key {
        case .bytes(let key):
            byte(1)
            data(key)
        case .none(let offset):
            byte(0)
            number(UInt64(offset.rawValue))
        }
    }

    mutating func note(_ note: FailureNote) {
        text(note.type)
        text(note.text)
    }

    private mutating func change(_ change: EventChange) {
        switch change {
        case .waiting(let deadline):
            byte(1)
            signed(deadline.rawValue)
        case .attempting: byte(2)
        case .retrying(let attempts, let due, let spent, let note): failed(3, attempts, due, spent, note)
        case .unknown(let attempts, let due, let spent, let note): failed(4, attempts, due, spent, note)
        case .succeeded(let attempts, let reference, let isAdopted):
            byte(isAdopted ? 6 : 5)
            number(attempts)
            optional(reference) { $0.text($1) }
        case .skipped(let reason):
            byte(7)
            skip(reason)
        case .dead(let reason, let attempts, let note, let holdsKey):
            byte(holdsKey ? 9 : 8)
            byte(reason.rawValue)
            number(attempts)
            optional(note) { $0.note($1) }
        case .parked(let blocker):
            byte(10)
            number(UInt64(blocker.rawValue))
        case .doubted(let note):
            byte(11)
            self.note(note)
        }
    }

    private mutating func failed(_ tag: UInt8, _ attempts: Int, _ due: Timestamp, _ spent: Int64, _ note: FailureNote?)
    {
        byte(tag)
        number(attempts)
        signed(due.rawValue)
        number(UInt64(spent))
        optional(note) { $0.note($1) }
    }

    private mutating func skip(_ reason: SkipReason) {
        switch reason {
        case .filtered: byte(1)
        case .duplicate(let offset, let partition):
            byte(2)
            place(Place(partition, offset))
        case .stale: byte(3)
        case .decided(let by, let note):
            byte(4)
            for text in [by, note] { self.text(text) }
        case .replaced(let offset, let by, let note):
            byte(5)
            number(UInt64(offset.rawValue))
            for text in [by, note] { self.text(text) }
        }
    }
}

extension JournalReader {
    mutating func entry(_ ends: inout [Int32: Offset]) throws(JournalBytesError) -> JournalEntry {
        switch try byte() {
        case 1:
            let partition = try partition()
            let start = (ends[partition] ?? .zero).rawValue.addingReportingOverflow(try signed())
            let count = Int64(try integer(1...(1 << 40)))
            guard !start.overflow, (0...(.max - count)).contains(start.partialValue) else {
                throw .invalidNumber(UInt64(bitPattern: start.partialValue))
            }
            let range = Offset(start.partialValue)..<Offset(start.partialValue + count)
            ends[partition] = range.upperBound
            return .succeeded(partition: partition, range)
        case 2: return .changed(try place(), try change())
        case 3: return .opened
        case 4: return .closed
        case 5:
            let number = try partition()
            guard let topic = try? TopicName(try text()) else { throw .invalidText }
            let topicPartition = TopicPartition(topic: topic, partition: try partition())
            return .partition(number: number, topicPartition, from: try offset())
        case 6:
            return .redriven(
                id: try text(), by: try text(), note: try text(),
                try array { r throws(JournalBytesError) in try r.place() })
        case 7: return .lane(try lane(), isHeld: true, by: try text(), note: try text())
        case 8: return .lane(try lane(), isHeld: false, by: try text(), note: try text())
        case 9:
            let raw = try byte()
            guard let reason = StopReason(rawValue: raw) else { throw .unknownTag(raw) }
            return .stopped(reason)
        case 10: return .resumed(by: try text(), note: try text())
        case 11: return .hastened(try place(), by: try text(), note: try text())
        case 12: return .byHand
        case 13:
            return .routes(
                try array { r throws(JournalBytesError) in
                    RouteName(types: try r.text(), downstream: try r.text())
                })
        case let tag: throw .unknownTag(tag)
        }
    }

    mutating func partition() throws(JournalBytesError) -> Int32 { Int32(try integer(0...Int(Int32.max))) }

    mutating func offset() throws(JournalBytesError) -> Offset { Offset(Int64(try integer(0...(Int.max - 1)))) }

    mutating func moment() throws(JournalBytesError) -> Timestamp { Timestamp(milliseconds: try signed()) }

    mutating func place() throws(JournalBytesError) -> Place { Place(try partition(), try offset()) }

    mutating func lane() throws(JournalBytesError) -> Lane {
        let partition = try partition()
        switch try byte() {
        case 1: return Lane(Place(partition, .zero), key: try data())
        case 0: return Lane(Place(partition, try offset()), key: nil)
        case let tag: throw .unknownTag(tag)
        }
    }

    mutating func note() throws(JournalBytesError) -> FailureNote { FailureNote(type: try text(), text: try text()) }

    mutating func optionalNote() throws(JournalBytesError) -> FailureNote? {
        try optional { r throws(JournalBytesError) in try r.note() }
    }

    mutating func optionalText() throws(JournalBytesError) -> String? {
        try optional { r throws(JournalBytesError) in try r.text() }
    }

    mutating func deadLetterReason() throws(JournalBytesError) -> DeadLetterReason {
        let raw = try byte()
        guard let reason = DeadLetterReason(rawValue: raw) else { throw .unknownTag(raw) }
        return reason
    }

    private mutating func change() throws(JournalBytesError) -> EventChange {
        switch try byte() {
        case 1: return .waiting(deadline: try moment())
        case 2: return .attempting
        case 3:
            return .retrying(
                attempts: try integer(), due: try moment(), spent: Int64(try integer()), note: try optionalNote())
        case 4:
            return .unknown(
                attempts: try integer(), due: try moment(), spent: Int64(try integer()), note: try optionalNote())
        case 5: return .succeeded(attempts: try integer(), reference: try optionalText(), isAdopted: false)
        case 6: return .succeeded(attempts: try integer(), reference: try optionalText(), isAdopted: true)
        case 7: return .skipped(try skip())
        case 8: return try dead(holdsKey: false)
        case 9: return try dead(holdsKey: true)
        case 10: return .parked(behind: try offset())
        case 11: return .doubted(try note())
        case let tag: throw .unknownTag(tag)
        }
    }

    private mutating func dead(holdsKey: Bool) throws(JournalBytesError) -> EventChange {
        .dead(try deadLetterReason(), attempts: try integer(), note: try optionalNote(), holdsKey: holdsKey)
    }

    private mutating func skip() throws(JournalBytesError) -> SkipReason {
        switch try byte() {
        case 1: return .filtered
        case 2:
            let place = try place()
            return .duplicate(of: place.offset, partition: place.partition)
        case 3: return .stale
        case 4: return .decided(by: try text(), note: try text())
        case 5: return .replaced(with: try offset(), by: try text(), note: try text())
        case let tag: throw .unknownTag(tag)
        }
    }
}
