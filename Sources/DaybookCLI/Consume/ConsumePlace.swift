// The places in a topic that `--from` and `--until` name, and what they come to in one partition.
// A place in time means Kafka's: the first record whose timestamp is not before it.

import ArgumentParser
import Daybook

/// A place in every partition of a topic.
enum ConsumePlace: Equatable {
    case beginning
    case end
    case offset(Offset)
    case time(Timestamp)

    /// Reads `beginning`, `end`, an offset or an ISO 8601 time.
    static func parse(_ text: String) throws -> ConsumePlace {
        switch text {
        case "beginning": return .beginning
        case "end": return .end
        default:
            if let offset = Int64(text), offset >= 0 { return .offset(Offset(offset)) }
            if let time = MomentText.parse(text) { return .time(time) }
            throw ValidationError("use beginning, end, an offset, or an ISO 8601 time such as 2011-08-31T17:59:00Z")
        }
    }

    /// `--until` has an end and no beginning.
    static func parseUntil(_ text: String) throws -> ConsumePlace {
        let place = try? parse(text)
        guard let place, place != .beginning else {
            throw ValidationError("use end, an offset, or an ISO 8601 time such as 2011-08-31T17:59:00Z")
        }
        return place
    }

    /// The offset in a partition that ends, for the reader, at `limit`. A time after all records is the limit.
    func offset(
        in partition: TopicPartition, of daybook: Daybook, limit: Offset, isolation: Isolation
    ) async throws -> Offset {
        switch self {
        case .beginning: try await daybook.offsets(partition).logStartOffset
        case .end: limit
        case .offset(let offset): offset
        case .time(let time):
            try await daybook.offset(partition, forTimestamp: time, isolation: isolation) ?? limit
        }
    }
}
