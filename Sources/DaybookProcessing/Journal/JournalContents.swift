// What a journal holds when it is opened: the newest snapshot that is whole, and the pages behind it. How they become a group's
// state is `GroupState`'s business.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// A journal, read.
struct JournalContents: Sendable {
    /// The bytes of the newest whole snapshot; nil where there is none.
    private(set) var snapshot: [UInt8]?
    /// What was written after it, in order.
    private(set) var pages: [JournalPage] = []
    /// Where the journal goes on.
    private(set) var next = Offset.zero

    /// Parts of a snapshot whose last one has not been read.
    private var parts: [UInt8] = []
    private var partsCount = 0

    init() {}

    /// Reads the whole journal. O(its bytes).
    ///
    /// Throws `.damagedJournal` where a record is no page and no part, or where records are missing: what happened then is not
    /// known, and acting on the rest could repeat effects.
    init(_ journal: Journal, of daybook: Daybook) async throws {
        next = journal.offsets.lowerBound
        while true {
            let result = try await daybook.read(journal.topicPartition, from: next, isolation: .durable)
            if let gap = result.gaps.first {
                throw ProcessingError(
                    .damagedJournal,
                    "Entries \(gap.baseOffset) to \(gap.nextOffset) of the journal \(journal.topicPartition) are missing: "
                        + "\(gap.cause.rawValue). Restore the directory, or delete the group's journal and reconcile")
            }
            if result.isEmpty { return }
            for batch in result.batches {
                var values: [[UInt8]] = []
                try batch.forEach { if let value = $0.value { values.append([UInt8](value)) } }
                for value in values {
                    do throws(JournalBytesError) { try take(value) } catch {
                        throw ProcessingError(
                            .damagedJournal,
                            "A record in the batch at offset \(batch.baseOffset) of the journal "
                                + "\(journal.topicPartition) cannot be read: \(error)")
                    }
                }
            }
            next = result.nextOffset
        }
    }

    /// What the snapshot says; a group that has just begun where there is none.
    func state(effectsCapacity: Int) throws(ProcessingError) -> GroupState {
        guard let snapshot else { return GroupState(effectsCapacity: effectsCapacity) }
        do throws(JournalBytesError) {
            return try GroupSnapshot.state(snapshot, effectsCapacity: effectsCapacity)
        } catch {
            throw ProcessingError(.damagedJournal, "The snapshot of the group cannot be read: \(error)")
        }
    }

    /// Where the group began in a partition that a page names; nil for every other.
    func start(of topicPartition: TopicPartition) -> Offset? {
        for case .partition(_, topicPartition, let from) in pages.lazy.flatMap(\.entries) { return from }
        return nil
    }

    /// Takes in the next record's value.
    mutating func take(_ value: [UInt8]) throws(JournalBytesError) {
        guard value.first == GroupSnapshot.kind else { return pages.append(try JournalPage(decoding: value)) }
        let part = try GroupSnapshot.part(value)
        // A crash may have left the first parts of a snapshot only; the next one begins anew.
        if part.number == 0 { (parts, partsCount) = ([], 0) }
        guard part.number == partsCount else { return }
        parts += part.bytes
        partsCount += 1
        guard partsCount == part.count else { return }
        snapshot = parts
        pages = []
        (parts, partsCount) = ([], 0)
    }
}
