// Verification of transactions over all partitions: a transaction that was committed in one and aborted in another is torn, which the
// bytes of neither of them tell. How each ended is collected by `SegmentVerification`.

internal import DaybookModel
internal import DaybookRecords

/// How transactions ended, by their markers.
struct TransactionVerification {
    /// A marker's producer and epoch, which say of which transaction it is the end: the epoch is another one for each.
    private struct Marker: Hashable {
        let producer: ProducerID
        let epoch: Int16
    }

    private struct Place {
        let file: String
        let offset: Offset
    }

    private var commits: [Marker: Place] = [:]
    private var aborts: [Marker: Place] = [:]

    /// Takes note of a batch, if it is the end of a transaction.
    mutating func note(_ header: BatchHeader, _ bytes: UnsafeRawBufferPointer, in file: String) {
        guard header.isControl, let record = ControlRecord(in: bytes, header) else { return }
        let marker = Marker(producer: header.producer.id, epoch: header.producer.epoch)
        let place = Place(file: file, offset: header.baseOffset)
        switch record.kind {
        case .commit: if commits[marker] == nil { commits[marker] = place }
        case .abort: if aborts[marker] == nil { aborts[marker] = place }
        }
    }

    mutating func add(_ other: TransactionVerification) {
        commits.merge(other.commits) { first, _ in first }
        aborts.merge(other.aborts) { first, _ in first }
    }

    /// Reports the transactions that ended one way here and another way there. O(markers).
    func compare(_ report: inout VerificationReport) {
        for (marker, abort) in aborts {
            guard let commit = commits[marker] else { continue }
            report.find(
                .transaction, abort.file, offsets: abort.offset..<abort.offset.advanced(by: 1),
                "producer \(marker.producer.rawValue)'s transaction is aborted here by a marker of epoch \(marker.epoch), and "
                    + "committed by the one at offset \(commit.offset) of \(commit.file)")
        }
    }
}
