// Events as records and back: every attribute, every way in which a record is none, and moments as text.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookRecords
import Testing

@Suite("Events")
struct EventTests {
    private static let full = Event(
        id: "c1", source: "/crm/eu1", type: "crm.order.created.v1", time: Timestamp(milliseconds: 1_767_225_600_125),
        subject: "SO-000001", contentType: "application/json", schema: "https://example.com/order.json",
        partitionKey: "SO-000001", sequence: 1, correlationID: "SO-000001", causationID: "q7",
        traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", extensions: ["region": "eu"],
        body: Array("{}".utf8))

    @Test func `an event comes back from its record with every attribute`() throws {
        let record = try Self.full.record()
        #expect(try Event(record) == Self.full)
        #expect(record.key == Array("SO-000001".utf8))
        #expect(record.headers.contains(RecordHeader("ce_time", "2026-01-01T00:00:00.125Z")))
        #expect(record.headers.contains(RecordHeader("content-type", "application/json")))
        let least = Event(id: "a", source: "b", type: "c")
        #expect(try Event(least.record()) == least)
    }

    @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type"])
    func `a record without a required attribute is no event`(name: String) throws {
        var record = try Self.full.record()
        record.headers.removeAll { $0.name == name }
        #expect(throws: EventError.missing(name)) { try Event(record) }
    }

    @Test func `what is wrong with a record is named`() throws {
        func event(_ name: String, _ value: [UInt8]?) throws -> Event {
            var record = try Self.full.record()
            record.headers.removeAll { $0.name == name }
            record.headers.append(RecordHeader(name, value))
            return try Event(record)
        }
        #expect(throws: EventError.empty("id")) { try event("ce_id", []) }
        #expect(throws: EventError.invalidText("id")) { try event("ce_id", [0xff]) }
        #expect(throws: EventError.invalidText("subject")) { try event("ce_subject", nil) }
        #expect(throws: EventError.unsupportedVersion("0.3")) { try event("ce_specversion", Array("0.3".utf8)) }
        #expect(throws: EventError.invalidTime("yesterday")) { try event("ce_time", Array("yesterday".utf8)) }
        #expect(throws: EventError.invalidSequence("-1")) { try event("ce_sequence", Array("-1".utf8)) }
        var record = try Self.full.record()
        record.headers.append(RecordHeader("ce_id", "again"))
        #expect(throws: EventError.repeated("id")) { try Event(record) }
    }

    @Test func `headers of others and keys that are no text leave an event alone`() throws {
        var record = try Self.full.record()
        record.headers.append(RecordHeader("x-request", [0xff]))
        #expect(try Event(record) == Self.full)
        record.key = [0xff]
        #expect(try Event(record).partitionKey == nil)
    }

    @Test func `what cannot be written down is refused`() {
        func refuses(_ error: EventError, _ change: (inout Event) -> Void) {
            var event = Self.full
            change(&event)
            #expect(throws: error) { try event.record() }
        }
        refuses(.empty("source")) { $0.source = "" }
        refuses(.invalidSequence("-1")) { $0.sequence = -1 }
        for (year, milliseconds) in [
            ("+010000-01-01T00:00:00Z", 253_402_300_800_000), ("0000-12-31T23:59:59.999Z", -62_135_596_800_001),
        ] as [(String, Int64)] {
            refuses(.invalidTime(year)) { $0.time = Timestamp(milliseconds: milliseconds) }
        }
        refuses(.invalidName("id")) { $0.extensions = ["id": "x"] }
        refuses(.invalidName("Region")) { $0.extensions = ["Region": "x"] }
        refuses(.invalidName("")) { $0.extensions = ["": "x"] }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:30:15.5+01:30", 951_822_015_500),
        ("1969-12-31T23:59:59.999Z", -1), ("2026-01-01t00:00:00.123456789z", 1_767_225_600_123),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ])
    func `moments are read as RFC 3339 writes them`(text: String, milliseconds: Int64) throws {
        var record = try Self.full.record()
        record.headers.removeAll { $0.name == "ce_time" }
        record.headers.append(RecordHeader("ce_time", text))
        #expect(try Event(record).time == Timestamp(milliseconds: milliseconds))
    }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "26-01-01T00:00:00Z", "2026-01-01T00:00:00Zx",
    ])
    func `what is no moment is refused`(text: String) throws {
        var record = try Self.full.record()
        record.headers.removeAll { $0.name == "ce_time" }
        record.headers.append(RecordHeader("ce_time", text))
        #expect(throws: EventError.invalidTime(text)) { try Event(record) }
    }

    @Test func `every day of four hundred years is written as it is read`() throws {
        for day in stride(from: Int64(-100_000), to: 60_000, by: 1) {
            let time = Timestamp(milliseconds: day * 86_400_000 + abs(day) % 1000)
            let event = Event(id: "a", source: "b", type: "c", time: time)
            #expect(try Event(event.record()).time == time)
        }
    }

    @Test func `a body is a type of the user's, and says so when it is not`() throws {
        struct Order: Codable, Equatable {
            var orderId: String
            var lines: [Int]
        }
        let order = Order(orderId: "SO-1/2", lines: [1, 2])
        let event = try Event(id: "a", source: "b", type: "c", partitionKey: "SO-1", encoding: order)
        #expect(event.body == Array(#"{"lines":[1,2],"orderId":"SO-1/2"}"#.utf8))
        #expect(event.contentType == "application/json")
        #expect(try event.decoded(as: Order.self) == order)
        #expect(throws: BodyError.self) { try event.decoded(as: [Int].self) }
        #expect(throws: BodyError.self) { try Event(id: "a", source: "b", type: "c").decoded(as: Order.self) }
    }
}
