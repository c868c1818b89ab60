// The producers of a log that is being opened, from segment to segment: what sidecars say of them, what is found behind that,
// and which transactions have ended without anybody knowing their ends to be durable.

internal import DaybookFiles
internal import DaybookModel

/// Follows the producers along the segments. `LogRecovery` tells it of each segment in order.
struct ProducerRecovery {
    private let trace: ProducerTrace
    /// As far as segments have been told of.
    private(set) var snapshot: ProducerSnapshot
    private var passed: [ProducerTrace.Source] = []
    /// Segments whose sidecar was believed and may speak of what lies above the recovery point.
    private var believed: [Believed] = []
    private var undecided: [EndedTransaction] = []

    private struct Believed {
        let segment: Segment
        let size: Position
        let nextOffset: Offset
        /// How many segments come before it.
        let place: Int
    }

    /// Begins where the first segment does. `expired` are segments on disk that come before it.
    init(
        _ trace: ProducerTrace, from base: Offset?, behind expired: [ProducerTrace.Source]
    ) throws(FileError) {
        self.trace = trace
        if let known = trace.checkpoint, base.map({ known.offset >= $0 }) ?? true {
            snapshot = known
        } else {
            snapshot = try trace.producers(behind: expired)
            snapshot.offset = max(snapshot.offset, base ?? .zero)
        }
    }

    /// A closed segment whose sidecar tells everything.
    mutating func pass(_ segment: Segment, _ seal: SidecarFile.Seal, end: Offset) {
        snapshot = ProducerSnapshot(offset: seal.facts.nextOffset, table: seal.producers)
        if !seal.isFlushed { believe(segment, seal.facts) }
        note(segment, seal.facts.size, end: end)
        segment.producers = seal.isFlushed ? nil : seal.producers
    }

    /// Lets a scan begin with what is known behind `content`, or, without one, behind the segment before.
    func prepare(_ scan: inout SegmentScan, behind content: SidecarFile.Content?, durableBelow recoveryPoint: Offset) {
        scan.producerLimits = trace.limits
        scan.durableMarkersBelow = recoveryPoint
        scan.producers =
            content.map { ProducerSnapshot(offset: $0.facts.nextOffset, table: $0.producers) } ?? snapshot
    }

    /// A segment that was scanned behind `content`.
    mutating func pass(
        _ segment: Segment, _ result: SegmentScan.Result, behind content: SidecarFile.Content?, end: Offset
    ) {
        if let content { believe(segment, content.facts) }
        undecided += result.undecided
        snapshot = ProducerSnapshot(
            offset: max(content == nil ? snapshot.offset : .zero, result.facts.nextOffset), table: result.producers)
        note(segment, result.facts.size, end: end)
        segment.producers = result.producers
    }

    private mutating func note(_ segment: Segment, _ size: Position, end: Offset) {
        segment.firstOpenOffset = snapshot.table.firstOpenOffset
        passed.append(ProducerTrace.Source(baseOffset: segment.baseOffset, end: end, size: size))
    }

    private mutating func believe(_ segment: Segment, _ facts: SegmentFacts) {
        guard facts.controlRecordsCount > 0 else { return }
        believed.append(
            Believed(segment: segment, size: facts.size, nextOffset: facts.nextOffset, place: passed.count))
    }

    /// The transactions whose markers lie at or above `recoveryPoint`. What sidecars were believed of there is read again:
    /// O(bytes above the last flushed sidecar block).
    func undecided(from recoveryPoint: Offset) throws(FileError) -> [EndedTransaction] {
        var found = undecided.filter { $0.markerOffset >= recoveryPoint }
        for believed in believed where believed.nextOffset > recoveryPoint {
            let sidecar = SidecarFile(
                identity: trace.identity, baseOffset: believed.segment.baseOffset, directory: trace.directory,
                pool: trace.pool)
            let flushed = sidecar.load(trustUnflushed: false, upTo: recoveryPoint)
            var scan = SegmentScan(
                durableBelow: believed.nextOffset, offsetLimit: believed.nextOffset, indexInterval: .bytes(.max),
                appendTime: .none)
            scan.isSealed = true
            scan.producerLimits = trace.limits
            scan.durableMarkersBelow = recoveryPoint
            if let flushed {
                scan.producers = ProducerSnapshot(offset: flushed.facts.nextOffset, table: flushed.producers)
            } else {
                scan.producers = try trace.producers(behind: Array(passed[..<believed.place]))
            }
            let facts = flushed?.facts ?? SegmentFacts(baseOffset: believed.segment.baseOffset)
            found += try scan.run(believed.segment.file, behind: facts, index: SegmentIndex(), to: believed.size)
                .undecided
        }
        return found
    }
}
