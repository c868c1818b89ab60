// Writing the journal: what was decided while a page was being written goes into the next one, so that one flush serves
// everything that happened meanwhile. What is durable is applied, and only then counts.

internal import Daybook
internal import DaybookModel

extension GroupWorker {
    /// Starts writing what there is to write, unless that is under way.
    func write() {
        guard !isWriting, !entries.isEmpty, failure == nil else { return }
        isWriting = true
        _ = spawn { await self.writePages() }
    }

    private func writePages() async {
        do {
            while !entries.isEmpty, failure == nil {
                let page = JournalPage(epoch: machine.state.epoch, time: now, gathering: entries)
                let waiters = writeWaiters
                (entries, writeWaiters) = ([], [])
                do { try await append(page.encoded(), JournalMoment(entries: page.entries)) } catch {
                    for waiter in waiters { waiter.resume(throwing: error) }
                    throw error
                }
                try machine.apply(page)
                observe(page)
                forgetRecords(of: page)
                entriesSinceSnapshot += page.entries.count
                for waiter in waiters { waiter.resume() }
                pump()
                try await writeSnapshotIfDue()
                scheduleCommit()
            }
            isWriting = false
        } catch {
            isWriting = false
            fail(error)
        }
        resumeIfEnded()
    }

    private func append(_ value: [UInt8], _ moment: JournalMoment) async throws {
        try configuration.onJournal?(moment)
        do { journalNext = try await journal.append([value], expecting: journalNext) } catch {
            throw Self.fenced(error)
        }
        var durable = moment
        durable.isDurable = true
        try configuration.onJournal?(durable)
    }

    static func fenced(_ error: any Error) -> any Error {
        guard let error = error as? DaybookError, error.code == .offsetConflict else { return error }
        return ProcessingError(
            .fenced, "Another processor has taken the group over; what this one still had under way does not count")
    }

    private func forgetRecords(of page: JournalPage) {
        for entry in page.entries {
            switch entry {
            case .succeeded(let partition, let offsets):
                for number in offsets.lowerBound.rawValue..<offsets.upperBound.rawValue {
                    forgetDone(Place(partition, Offset(number)))
                }
            case .changed(let place, _): forget(place)
            default: break
            }
        }
    }

    /// Writes entries that somebody asked for, and returns when they are durable and applied.
    func writeDurably(_ asked: [JournalEntry]) async throws {
        if let failure { throw failure }
        entries += asked
        try await withCheckedThrowingContinuation { continuation in
            writeWaiters.append(continuation)
            write()
        }
    }

    // MARK: snapshots

    /// A snapshot costs as much as the state is large, so a large state has fewer of them.
    private func writeSnapshotIfDue() async throws {
        let interval = max(configuration.snapshotInterval, machine.state.effects.count / 2)
        guard entriesSinceSnapshot >= interval else { return }
        let (start, floors) = (journalNext, machine.state.partitions.map(\.committed))
        for part in GroupSnapshot.parts(machine.state) {
            try await append(part, JournalMoment(entries: [], isSnapshot: true))
        }
        // Said again for whoever reads the journal from the snapshot on.
        let page = JournalPage(epoch: machine.state.epoch, time: now, entries: [.routes(routes.names)])
        try await append(page.encoded(), JournalMoment(entries: page.entries, isSnapshot: true))
        entriesSinceSnapshot = 0
        neededFrom = floors
        // Only now that the last part is durable may the rest go.
        try await journal.forget(before: start)
    }

    // MARK: the committed offset

    /// Tells other tools how far the group has come, at most once a second.
    private func scheduleCommit() {
        guard !isCommitDue else { return }
        isCommitDue = true
        daybook.schedule(after: .seconds(1)) { [weak self] in
            guard let self else { return }
            _ = Task(executorPreference: self.daybook.taskExecutor) { await self.commitIfDue() }
        }
    }

    private func commitIfDue() async {
        isCommitDue = false
        if isStopping || failure != nil { return }
        // The journal is the truth; what other tools see may be a little older, and the next commit says it again.
        do { try await commit() } catch {}
    }

    func commit() async throws {
        var changed: [TopicPartition: OffsetCommit] = [:]
        let aside = machine.state.firstAside
        for (number, partition) in machine.state.partitions.enumerated() {
            // Retention leaves what dead letters point to, and what tells the journal's meaning.
            let held = min(partition.committed, neededFrom[number], aside[Int32(number)] ?? .max)
            let commit = OffsetCommit(partition.committed, metadata: RetentionHold.metadata(from: held))
            if committed[partition.topicPartition] != commit { changed[partition.topicPartition] = commit }
        }
        if changed.isEmpty { return }
        try await daybook.commit(group: configuration.group, offsets: changed)
        for (topicPartition, commit) in changed { committed[topicPartition] = commit }
    }

    /// The last words: nothing is under way. A process that starts next need not doubt anything.
    func finish() async throws {
        hasEnded = true
        try await writeDurably([.closed])
        try await commit()
    }
}
