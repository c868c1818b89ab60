// What a read makes of the markers that repair left where records were lost: gaps, as typed as those of damage itself.
// Only control batches are looked into, so that ordinary batches cost nothing more.

internal import DaybookModel
internal import DaybookRecords

extension ReadPlan.Outcome {
    /// The gap that stands at the wanted offset, where a loss is marked; nil elsewhere.
    var gap: Gap? {
        guard let first = batches.first, isLoss(first) else { return nil }
        // Markers that stand side by side are one gap.
        let end = batches.prefix { isLoss($0) }.last?.header.nextOffset ?? first.header.nextOffset
        return Gap(baseOffset: wanted, nextOffset: max(wanted.advanced(by: 1), min(end, limit)), cause: .quarantined)
    }

    /// The batches before the first marked loss, and the offset to read on at.
    var beforeLoss: (batches: ArraySlice<(start: Int, header: BatchHeader)>, next: Offset) {
        guard let index = batches.firstIndex(where: { isLoss($0) }) else { return (batches[...], nextOffset) }
        return (batches[..<index], batches[index].header.baseOffset)
    }

    private func isLoss(_ batch: (start: Int, header: BatchHeader)) -> Bool {
        guard batch.header.isControl else { return false }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[batch.start..<batch.start + batch.header.batchSize])
        return LossMarker(in: bytes, batch.header, decoder: RecordDecoder()) != nil
    }
}
