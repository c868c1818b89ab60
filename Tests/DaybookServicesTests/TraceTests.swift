// A trace goes with a record: into its headers when it is sent, out of them when it is processed.

import Daybook
import DaybookServices
import DaybookTesting
import InMemoryTracing
import Testing
import Tracing

@Suite("Traces")
struct TraceTests {
    @Test func `A processed record's span is linked to the span that sent it`() async throws {
        let tracer = InMemoryTracer()
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        let receipt = try await tracer.withSpan("request") { _ in
            try await tracer.send(Record(key: "SO-1", value: "v"), to: "orders", by: producer)
        }
        let consumer = try await daybook.makeConsumer(assigned: [receipt.topicPartition], from: .beginning)
        var records = consumer.records.makeAsyncIterator()
        let record = try #require(try await records.next())
        #expect(record.headers.map(\.name).sorted() == [InMemoryTracer.spanIDKey, InMemoryTracer.traceIDKey])
        // Whoever processes may be in the middle of a trace of something else.
        await tracer.withSpan("poll") { _ in
            await tracer.process(record, group: "billing") { _ in }
        }
        try await daybook.close()

        let spans = tracer.finishedSpans
        let sent = try #require(spans.first { $0.operationName == "send orders" })
        let request = try #require(spans.first { $0.operationName == "request" })
        let processed = try #require(spans.first { $0.operationName == "process orders" })
        #expect(sent.traceID == request.traceID)
        #expect(sent.kind == .producer && processed.kind == .consumer)
        let poll = try #require(spans.first { $0.operationName == "poll" })
        #expect(processed.traceID != sent.traceID && processed.traceID != poll.traceID)
        #expect(processed.links.map { $0.context.inMemorySpanContext?.spanID } == [sent.spanID])
        #expect(processed.attributes.get("messaging.consumer.group.name") == "billing")
        #expect(sent.attributes.get("messaging.kafka.offset") == 0)
        #expect(processed.attributes.get("messaging.kafka.offset") == 0)
    }

    @Test func `A record carries one trace, whatever its headers said before`() {
        let tracer = InMemoryTracer()
        let first = tracer.startSpan("first")
        let second = tracer.startSpan("second")
        let plain = Record(key: "k", value: "v", headers: [RecordHeader("source", "shop")])
        let record = plain.carrying(first.context, instrument: tracer).carrying(second.context, instrument: tracer)
        #expect(record.headers.count == 3)
        #expect(record.headers.first == RecordHeader("source", "shop"))
        let context = record.context(instrument: tracer)
        #expect(context.inMemorySpanContext?.spanID == second.context.inMemorySpanContext?.spanID)
    }

    @Test func `Without a tracer a record stays as it is`() {
        let record = Record(key: "k", value: "v")
        #expect(record.carrying(.topLevel) == record)
        #expect(record.context().isEmpty)
    }
}
