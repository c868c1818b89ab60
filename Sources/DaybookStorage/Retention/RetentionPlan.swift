// Decides what retention removes. Pure: looks at sums of segments, touches nothing, and knows no clock.
// Carried out by `PartitionLog+DeleteRecords`.

package import DaybookModel

/// What retention goes by in one partition.
package struct RetentionPolicy: Sendable, Hashable {
    /// Milliseconds after its last append that a segment may go; nil for never.
    package var maximumAge: Int64?
    /// The oldest segments go while the rest has at least so many bytes; nil for never.
    package var maximumBytes: Int?
    /// The first offset that somebody still needs; nil when nobody holds anything back.
    package var held: Offset?
    /// Segments whose last append is longer ago than this are held back by nobody; nil for no such limit.
    package var maximumHeldAge: Int64?
    /// Segments beyond so many bytes, counted from the newest, are held back by nobody; nil for no such limit.
    package var maximumHeldBytes: Int?

    package init(
        maximumAge: Int64? = nil, maximumBytes: Int? = nil, held: Offset? = nil, maximumHeldAge: Int64? = nil,
        maximumHeldBytes: Int? = nil
    ) {
        self.maximumAge = maximumAge
        self.maximumBytes = maximumBytes
        self.held = held
        self.maximumHeldAge = maximumHeldAge
        self.maximumHeldBytes = maximumHeldBytes
    }
}

/// What retention would do now.
package struct RetentionPlan: Sendable, Hashable {
    /// The log start offset that the log should get; at least the one it has.
    package var logStartOffset: Offset
    /// Records go although somebody still needs them: the limit for holding them back is reached.
    package var overridesHold = false
    /// How near what is held back is to its limit: 1 when it is reached, nil when nothing is held back or no limit is set.
    package var holdPressure: Double?

    package init(logStartOffset: Offset) { self.logStartOffset = logStartOffset }
}

extension RetentionPolicy {
    /// What may go at `now`, which is the caller's idea of the time. `segments` in order, the active one included; nothing
    /// at or above `limit`, the high watermark, ever goes. O(segments).
    package func plan(
        _ segments: [SegmentFacts], logStartOffset: Offset, limit: Offset, now: Timestamp
    ) -> RetentionPlan {
        var plan = RetentionPlan(logStartOffset: logStartOffset)
        let full = segments.filter { !$0.isEmpty && $0.nextOffset > logStartOffset }
        var bytesLeft = full.reduce(0) { $0 + $1.size.rawValue }
        for segment in full where segment.nextOffset <= limit {
            let age = segment.lastAppendTime.milliseconds(until: now)
            let remaining = bytesLeft - segment.size.rawValue
            let isTooOld = maximumAge.map { age > $0 } ?? false
            let isTooMuch = maximumBytes.map { remaining >= $0 && remaining > 0 } ?? false
            guard isTooOld || isTooMuch else { break }
            if let held, segment.nextOffset > held {
                let pressure = holdPressure(age: age, bytes: bytesLeft)
                plan.holdPressure = pressure
                guard let pressure, pressure >= 1 else { break }
                plan.overridesHold = true
            }
            plan.logStartOffset = segment.nextOffset
            bytesLeft = remaining
        }
        return plan
    }

    private func holdPressure(age: Int64, bytes: Int) -> Double? {
        let byAge = maximumHeldAge.map { $0 > 0 ? Double(age) / Double($0) : .infinity }
        let byBytes = maximumHeldBytes.map { $0 > 0 ? Double(bytes) / Double($0) : .infinity }
        return [byAge, byBytes].compactMap { $0 }.max()
    }
}
