// Decisions of people about a group that no processor has at work: written into its journal by hand. They count as of the next
// start, and say nothing about when the last process was alive.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

extension StoredGroup {
    /// Carries out a decision on the journal; what was read is of no further use then. The daybook is open for writing, and no
    /// processor of this process has the group.
    ///
    /// Throws `.unknownEvent`, `.underWay` and `.invalidReplacement` as ``Processor`` does, and `.fenced` when somebody has written to
    /// the journal meanwhile: nothing has changed then.
    func decide(_ decision: GroupDecision) async throws -> GroupDecision.Outcome {
        var machine = GroupMachine(state, GroupRules(routes: [], downstreams: []))
        let (by, note) = (decision.by, decision.note)
        var outcome = GroupDecision.Outcome()
        switch decision.operation {
        case .redrive(let id, let filter):
            if state.redrives.contains(id) { return GroupDecision.Outcome(hasChanged: false) }
            outcome = try machine.outcome(of: try await deadLetters(matching: filter))
            guard let entry = try machine.named({ try $0.redrive(id: id, outcome.places, by: by, note: note) }) else {
                return GroupDecision.Outcome(hasChanged: false)
            }
            try await write([entry])
        case .skip(let places):
            let entries = try machine.named { try $0.skip(places, by: by, note: note) }
            outcome.places = places
            if entries.isEmpty { return GroupDecision.Outcome(hasChanged: false) }
            try await write(entries)
        case .replace(let place, let event):
            let replaced = try machine.named { try $0.beginReplacing(place) }
            let record = try Replacement(event, for: replaced.facts, at: place, of: name).record
            let receipt = try await daybook.append([record], to: place.topicPartition)
            try await write([
                .changed(replaced.place, .skipped(.replaced(with: receipt.baseOffset, by: by, note: note)))
            ])
            outcome.places = [place]
            outcome.replacement = EventPlace(place.topicPartition, receipt.baseOffset)
        case .hold(let key, let partition): try await write([machine.hold(true, key, partition, by, note)])
        case .release(let key, let partition): try await write([machine.hold(false, key, partition, by, note)])
        case .retry(let key, let partition):
            let (place, entry) = try machine.named { try $0.retry(key, partition, by: by, note: note) }
            outcome.places = [place]
            try await write([entry])
        case .resume:
            outcome.hasChanged = state.stop != nil
            if outcome.hasChanged { try await write([.resumed(by: by, note: note)]) }
        }
        return outcome
    }

    private func write(_ entries: [JournalEntry]) async throws {
        let page = JournalPage(epoch: state.epoch, time: state.now(daybook.now), entries: [.byHand] + entries)
        do { _ = try await journal.append([page.encoded()], expecting: next) } catch {
            guard error.code == .offsetConflict else { throw error }
            throw ProcessingError(.fenced, "Somebody has written to the journal of group \(name) meanwhile; try again")
        }
    }
}
