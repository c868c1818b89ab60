// The trace that a record belongs to, carried in its headers: `traceparent` and whatever else the program's tracer passes on.
// Which headers those are is the tracer's business; here is only where they are put and looked for.

public import Daybook
public import Tracing

extension Record {
    /// The record with `context` in its headers, in place of what they said of a trace before.
    ///
    /// `instrument`: what writes the context down; the one that the program has bootstrapped unless said otherwise, and with
    /// none the record stays as it is. O(headers).
    public func carrying(
        _ context: ServiceContext, instrument: any Instrument = InstrumentationSystem.instrument
    ) -> Record {
        var record = self
        instrument.inject(context, into: &record.headers, using: HeaderInjector())
        return record
    }

    /// The context that the record's headers carry, laid over `context`; that one alone where they carry none. O(headers).
    public func context(
        over context: ServiceContext = .topLevel, instrument: any Instrument = InstrumentationSystem.instrument
    ) -> ServiceContext {
        var context = context
        instrument.extract(headers, into: &context, using: HeaderExtractor())
        return context
    }
}

/// A tracer's fields as headers. One of the same name is replaced: a record belongs to one trace.
struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout [RecordHeader]) {
        headers.removeAll { $0.name == key }
        headers.append(RecordHeader(key, value))
    }
}

/// Headers as a tracer's fields. Of several with one name the last counts, as in Kafka.
struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: [RecordHeader]) -> String? {
        headers.last { $0.name == key }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
}
