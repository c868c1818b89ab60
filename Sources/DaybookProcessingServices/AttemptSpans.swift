// A span around each attempt, linked to the one in which the event was published. Names and attributes follow OpenTelemetry's
// conventions for messaging; a key, a body or an event's id is in none of them.

internal import Daybook
public import DaybookProcessing
public import Tracing

/// Makes a span of each call of a handler or a probe. Give it to `ProcessorConfiguration.attemptScope`.
///
/// The span begins a trace of its own and is linked to the context in the event's `traceparent`: one event is handled by many
/// groups, perhaps years later. Within the handler it is the current one, so calls of a traced client become its children. What
/// the handler throws is recorded, and the span ends as failed.
public struct AttemptSpans: AttemptScope {
    private let tracer: any Tracer

    /// `tracer`: nil for the one that the program has bootstrapped.
    public init(_ tracer: (any Tracer)? = nil) { self.tracer = tracer ?? InstrumentationSystem.tracer }

    public func call<R: Sendable>(
        _ event: Event, _ context: EventContext, _ body: () async throws -> R
    ) async throws -> R {
        try await tracer.attempt(event, context, body)
    }
}

extension Tracer {
    fileprivate func attempt<R: Sendable>(
        _ event: Event, _ context: EventContext, _ body: () async throws -> R
    ) async throws -> R {
        let partition = context.place.topicPartition
        return try await withSpan("process \(partition.topic)", context: .topLevel, ofKind: .consumer) { span in
            span.attributes["messaging.system"] = "daybook"
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.operation.name"] = context.isProbe ? "probe" : "process"
            span.attributes["messaging.destination.name"] = partition.topic.description
            span.attributes["messaging.destination.partition.id"] = "\(partition.partition)"
            span.attributes["messaging.kafka.offset"] = context.place.offset.rawValue
            span.attributes["messaging.consumer.group.name"] = context.group
            span.attributes["daybook.event.type"] = event.type
            span.attributes["daybook.attempt"] = Int64(context.attempt)
            if event.traceParent != nil {
                span.addLink(SpanLink(context: event.context(instrument: self), attributes: [:]))
            }
            return try await body()
        }
    }
}

extension Event {
    /// The event with `context` in its attributes: `traceparent`, and what else the program's tracer passes on as far as CloudEvents
    /// has names for it (`tracestate`).
    ///
    /// `instrument`: what writes the context down; the one that the program has bootstrapped unless said otherwise.
    public func carrying(
        _ context: ServiceContext, instrument: any Instrument = InstrumentationSystem.instrument
    ) -> Event {
        var event = self
        instrument.inject(context, into: &event, using: AttributeInjector())
        return event
    }

    /// The context that the event carries, laid over `context`; that one alone where it carries none.
    public func context(
        over context: ServiceContext = .topLevel, instrument: any Instrument = InstrumentationSystem.instrument
    ) -> ServiceContext {
        var context = context
        instrument.extract(self, into: &context, using: AttributeExtractor())
        return context
    }
}

/// A tracer's fields as attributes of an event.
private struct AttributeInjector: Injector {
    func inject(_ value: String, forKey key: String, into event: inout Event) {
        if key == "traceparent" {
            event.traceParent = value
        } else if !key.isEmpty, key.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) }) {
            event.extensions[key] = value
        }
    }
}

/// Attributes of an event as a tracer's fields.
private struct AttributeExtractor: Extractor {
    func extract(key: String, from event: Event) -> String? {
        key == "traceparent" ? event.traceParent : event.extensions[key]
    }
}
