// The one line that `produce` ends with on standard output, whether everything went in or not.
// Programs read it: keys are added in later releases, never changed.

import Daybook

/// What `produce` has done.
struct ProduceSummary {
    var log: FlushSummary?
    /// Bytes of the keys and values that were taken from the input.
    var payloadBytes = 0
    /// Records whose key field was missing or null.
    var keylessCount = 0
    var duration: Duration = .zero
    var failure: String?

    /// `{"records":…,"bytes":…,"partitions":[{"partition":…,"firstOffset":…,"nextOffset":…,"records":…}],"seconds":…}`.
    var json: JSONValue {
        let partitions = (log?.partitions ?? [:]).sorted { $0.key < $1.key }.map { key, part -> JSONValue in
            [
                "partition": .integer(key.partition), "firstOffset": .integer(part.firstOffset.rawValue),
                "nextOffset": .integer(part.nextOffset.rawValue), "records": .integer(part.recordsCount),
            ]
        }
        var pairs: [(key: String, value: JSONValue)] = [
            ("records", .integer(log?.recordsCount ?? 0)), ("bytes", .integer(payloadBytes)),
            ("bytesWritten", .integer(log?.bytesWritten ?? 0)), ("batches", .integer(log?.batchesCount ?? 0)),
            ("partitions", .array(partitions)), ("seconds", .number(duration / .seconds(1), places: 3)),
        ]
        if keylessCount > 0 { pairs.append(("withoutKey", .integer(keylessCount))) }
        if let failure { pairs.append(("error", .string(failure))) }
        return .object(pairs)
    }
}
