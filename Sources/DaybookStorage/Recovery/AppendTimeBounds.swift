// When the records of a segment were appended whose sidecar is lost: about when its file was last changed, and surely
// between what the segments around it know. Append times never fall, whatever was lost.

import DaybookModel

/// Estimates of append times, for segments in order.
struct AppendTimeBounds {
    /// What one segment knows.
    struct Source {
        /// When its first record was appended; nil when its sidecar is lost too.
        let first: Timestamp?
        let modified: Timestamp

        init(first: Timestamp?, _ modified: Timestamp) {
            self.first = first
            self.modified = modified
        }
    }

    private var sources: [Source] = []
    /// For each segment the earliest first append time behind it.
    private var ceilings: [Timestamp] = []

    /// A time for the segment at `index`, which comes behind records with the sums `previous`. `segments` is asked
    /// once: O(segments), and O(1) from then on.
    mutating func estimate(
        at index: Int, behind previous: SegmentFacts?, _ segments: @autoclosure () -> [Source], now: Timestamp
    ) -> Timestamp {
        if sources.isEmpty {
            sources = segments()
            var ceiling = Timestamp(milliseconds: .max)
            for source in sources.reversed() {
                ceilings.append(ceiling)
                ceiling = min(ceiling, source.first ?? ceiling)
            }
            ceilings.reverse()
        }
        return max(min(sources[index].modified, now, ceilings[index]), previous?.lastAppendTime ?? .none)
    }
}
