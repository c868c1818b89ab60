// Spans around sending a record and around what is done with it later, linked by the record's headers. Names and attributes
// follow OpenTelemetry's conventions for messaging; a key or a payload is in none of them.

public import Daybook
public import Tracing

extension Tracer {
    /// Sends a record within a span of its own, which its headers carry.
    ///
    /// As `Producer.send` in every other respect; what that throws ends the span as failed.
    public func send(
        _ record: Record, to topic: String, partition: Int32? = nil, by producer: Producer
    ) async throws -> Receipt {
        try await withSpan("send \(topic)", ofKind: .producer) { span in
            span.describe("send", topic)
            let receipt = try await producer.send(
                record.carrying(span.context, instrument: self), to: topic, partition: partition)
            span.attributes["messaging.destination.partition.id"] = "\(receipt.topicPartition.partition)"
            if let offset = receipt.offset { span.attributes["messaging.kafka.offset"] = offset.rawValue }
            return receipt
        }
    }

    /// Runs `body` within a span that is linked to the one that sent the record: a trace of its own, because one record is
    /// processed by many groups, perhaps years later.
    public func process<R>(
        _ record: Record, at offset: Offset, of topicPartition: TopicPartition, group: String? = nil,
        _ body: (Span) async throws -> R
    ) async rethrows -> R {
        try await withSpan("process \(topicPartition.topic)", context: .topLevel, ofKind: .consumer) { span in
            span.describe("process", topicPartition.topic.description)
            span.attributes["messaging.destination.partition.id"] = "\(topicPartition.partition)"
            span.attributes["messaging.kafka.offset"] = offset.rawValue
            if let group { span.attributes["messaging.consumer.group.name"] = group }
            span.addLink(SpanLink(context: record.context(instrument: self), attributes: [:]))
            return try await body(span)
        }
    }

    /// The same for a record as a consumer hands it out.
    public func process<R>(
        _ record: ConsumedRecord, group: String? = nil, _ body: (Span) async throws -> R
    ) async rethrows -> R {
        try await process(record.record, at: record.offset, of: record.topicPartition, group: group, body)
    }
}

extension Span {
    fileprivate func describe(_ operation: String, _ topic: String) {
        attributes["messaging.system"] = "daybook"
        attributes["messaging.operation.type"] = operation
        attributes["messaging.destination.name"] = topic
    }
}
