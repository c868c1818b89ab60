// Every event that is published is in the topic of its rule, or among the rejected ones with the reason, or thrown back:
// counted over all ways in which a rule can turn one down.

import Daybook
import DaybookProcessing
import DaybookSchema
import DaybookTesting
import Testing

@Suite("Event publisher")
struct EventPublisherTests {
    private struct Misfortune: Error {}

    private static let schema = """
        {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer", "minimum": 1}}}
        """

    private func rules() throws -> [PublishRule] {
        [
            PublishRule(
                "crm.order.*.v1", to: "large", when: { $0.extensions["size"] == "large" },
                [.validate(try SchemaValidator(schema: Self.schema.utf8))]),
            PublishRule(
                "crm.order.*.v1", to: "orders",
                [
                    .validate(try SchemaValidator(schema: Self.schema.utf8)),
                    .transform { event in
                        var event = event
                        event.partitionKey = event.subject
                        return event
                    },
                ]),
            PublishRule("crm.broken", to: "orders", [.transform { _ in throw Misfortune() }]),
            PublishRule(
                "crm.emptied", to: "orders",
                [
                    .transform { event in
                        var event = event
                        event.source = ""
                        return event
                    }
                ]),
            PublishRule("crm.blob", to: "orders"),
        ]
    }

    private func withDaybook(_ body: (Daybook, Producer) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path)
        for topic in ["large", "rejected"] { try await daybook.createTopic(topic) }
        var small = TopicConfiguration(compression: Compression.none)
        small.maxMessageBytes = .kibibytes(64)
        try await daybook.createTopic("orders", configuration: small)
        try await body(daybook, try daybook.makeProducer())
        try await daybook.close()
    }

    private func records(_ daybook: Daybook, _ topic: String) async throws -> [Record] {
        let result = try await daybook.read(try daybook.topic(topic).partitions[0], from: .zero)
        return try result.batches.flatMap { try $0.records().map(\.record) }
    }

    private func event(_ type: String, _ body: String? = "{\"total\":5}", size: String? = nil) -> Event {
        Event(
            id: "1", source: "/crm", type: type, subject: "SO-1", partitionKey: "k",
            extensions: size.map { ["size": $0] } ?? [:], body: body.map { Array($0.utf8) })
    }

    @Test func `The first rule for type and content decides, and its steps change what is written`() async throws {
        try await withDaybook { daybook, producer in
            let publisher = EventPublisher(try rules(), by: producer)
            let small = try await publisher.publish(event("crm.order.created.v1"))
            guard case .published(let receipt) = small else {
                Issue.record("\(small)")
                return
            }
            #expect(receipt.topicPartition.topic.description == "orders")
            try await publisher.publish(event("crm.order.created.v1", size: "large"))
            let orders = try await records(daybook, "orders")
            #expect(orders.count == 1 && orders[0].key == Array("SO-1".utf8))
            #expect(try Event(orders[0]).partitionKey == "SO-1")
            let large = try await records(daybook, "large")
            #expect(try large.map { try Event($0) } == [event("crm.order.created.v1", size: "large")])
        }
    }

    private static let turnedDown: [(type: String, body: String?, reason: Rejection.Reason, detail: String)] = [
        ("crm.unknown", "{}", .noRoute, "type crm.unknown"),
        ("crm.order.created.v1", "{\"total\":0}", .invalid, "/total must be at least 1"),
        ("crm.order.created.v1", "{", .invalid, "not readable as JSON"),
        ("crm.order.created.v1", nil, .invalid, "no body"),
        ("crm.broken", "{}", .failedStep, "Misfortune"),
        ("crm.emptied", "{}", .unwritable, "source"),
        ("crm.blob", String(repeating: "x", count: 100 << 10), .unwritable, ""),
    ]

    @Test(arguments: turnedDown)
    func `What is turned down is kept as it came, with the reason, or thrown back`(
        type: String, body: String?, reason: Rejection.Reason, detail: String
    ) async throws {
        try await withDaybook { daybook, producer in
            let given = event(type, body)
            let thrown = await #expect(throws: Rejection.self) {
                try await EventPublisher(try rules(), by: producer).publish(given)
            }
            #expect(thrown?.reason == reason)
            #expect(thrown?.description.contains(detail) == true, "\(String(describing: thrown))")
            #expect(try await records(daybook, "orders").isEmpty)
            let publisher = EventPublisher(try rules(), rejects: "rejected", by: producer)
            guard case .rejected(let rejection, let receipt) = try await publisher.publish(given) else {
                Issue.record("it was published")
                return
            }
            #expect(rejection.reason == reason)
            #expect(receipt.topicPartition.topic.description == "rejected")
            let kept = try await records(daybook, "rejected").map { try RejectedEvent($0) }
            #expect(kept.map(\.event) == [given])
            #expect(kept.map(\.rejection) == [rejection])
            #expect(try await records(daybook, "orders").isEmpty)
        }
    }

    @Test func `What is no event is neither published nor kept`() async throws {
        try await withDaybook { daybook, producer in
            let publisher = EventPublisher(try rules(), rejects: "rejected", by: producer)
            await #expect(throws: EventError.empty("id")) {
                try await publisher.publish(Event(id: "", source: "/crm", type: "crm.blob"))
            }
            #expect(try await records(daybook, "rejected").isEmpty)
        }
    }

    @Test func `A kept event can be published again when its cause is mended`() async throws {
        try await withDaybook { daybook, producer in
            let given = event("crm.order.created.v1", "{\"total\":0}")
            try await EventPublisher(try rules(), rejects: "rejected", by: producer).publish(given)
            let kept = try RejectedEvent(try #require(try await records(daybook, "rejected").first))
            let tolerant = EventPublisher([PublishRule("crm.**", to: "orders")], by: producer)
            try await tolerant.publish(kept.event)
            #expect(try await records(daybook, "orders").map { try Event($0) } == [given])
        }
    }

    @Test func `A record that no publisher kept is no rejected event`() async throws {
        let record = try event("crm.blob").record()
        #expect(throws: EventError.missing("daybook_reject_reason")) { try RejectedEvent(record) }
    }

    @Test func `A schema that cannot be checked is refused before anything is published`() {
        #expect(throws: SchemaProblem.self) { try SchemaValidator(schema: "{\"minimun\": 1}".utf8) }
    }
}
