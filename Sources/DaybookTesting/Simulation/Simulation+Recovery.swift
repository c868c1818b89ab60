// The end of a process, the opening of the next one, crashes in the midst of that, and what has to hold afterwards.
// Everything is read from end to end: what was promised is there, what is there was sent, and nothing is counted wrongly.

internal import Daybook
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

extension Simulation {
    /// Ends the process as `crash` says, opens the directory again, perhaps crashing on the way, and checks everything.
    ///
    /// Without `mayCrash` the recovery itself goes undisturbed.
    func recover(from crash: Crash, mayCrash: Bool = true, _ random: inout SeededGenerator) async throws {
        var crash = crash
        var hadPowerCut = false
        for attempt in 0... {
            note("\(crash.rawValue)\(attempt > 0 ? ", in the midst of recovery" : "")")
            await end(crash, &random)
            hadPowerCut = hadPowerCut || crash == .powerCut
            crash = Bool.random(using: &random) ? .kill : .powerCut
            // Each recovery may crash in turn, three deep.
            if mayCrash, attempt < 3, Int.random(in: 0..<3, using: &random) == 0 {
                disk.crash(at: disk.callsCount + Int.random(in: 0..<150, using: &random))
            }
            do {
                let mayBeClean = mayBeClean
                try await open()
                try await checkRecovery(afterPowerCut: hadPowerCut, mayBeClean: mayBeClean)
                disk.cancelCrash()
                break
            } catch {
                guard disk.isDown else {
                    throw error as? Violation ?? Violation("the directory could not be opened again: \(error)")
                }
                outcome.report.crashesInRecovery += 1
            }
        }
        // Another life right away has to find the same.
        if Int.random(in: 0..<4, using: &random) == 0 {
            note("kill once more")
            await end(.kill, &random)
            try await open()
            try await checkRecovery(afterPowerCut: false)
        }
    }

    /// The process ends without closing anything.
    private func end(_ crash: Crash, _ random: inout SeededGenerator) async {
        disk.crash()
        producers = [:]
        daybook = nil
        // What it had under way finds a dead machine and ends.
        await loop.pass(.seconds(1))
        loop.forgetScheduled()
        disk.heal()
        disk.capacity = nil
        switch crash {
        case .kill:
            outcome.report.kills += 1
            disk.restartProcess()
        case .powerCut:
            outcome.report.powerCuts += 1
            disk.restart(seed: random.next())
            // What the next process can still know.
            for topic in topics.indices {
                for partition in topics[topic].partitions.indices {
                    let place = PartitionPlace(topic: topic, partition: partition)
                    self[place].settle(durableTo: checkpointedEnd(place))
                }
            }
        }
        mayFail = false
    }

    /// Closes properly and opens again.
    func reopen(_ random: inout SeededGenerator) async throws {
        note("close and open again")
        producers = [:]
        do {
            try await engine().close()
        } catch {
            try tolerate(error, while: "closing")
            // The word that all is well may have been written before the call that failed.
            mayBeClean = true
            if disk.isDown { return }
            return try await recover(from: .kill, &random)
        }
        guard !disk.isDown else { return }
        outcome.report.cleanCloses += 1
        for topic in topics.indices where !topics[topic].isHidden {
            for partition in topics[topic].partitions.indices {
                topics[topic].partitions[partition].flushed()
                // The word that all is durable is too.
                topics[topic].partitions[partition].settle(durableTo: .max)
            }
        }
        daybook = nil
        // Once closed, a power cut takes nothing.
        mayBeClean = true
        let hasPowerCut = Bool.random(using: &random) && !keepsCrash
        if hasPowerCut {
            note("power cut while nothing is open")
            outcome.report.powerCuts += 1
            disk.crash()
            disk.restart(seed: random.next())
        }
        disk.heal()
        disk.capacity = nil
        if !keepsCrash { disk.cancelCrash() }
        mayFail = false
        try await open()
        let recovery = try engine().recovery
        guard recovery.wasClosedCleanly, recovery.leaderEpoch == leaderEpoch else {
            throw Violation("the directory was closed properly and opened as after a crash")
        }
        try await checkRecovery(afterPowerCut: hasPowerCut, mayBeClean: true)
    }

    // MARK: checks

    /// What the new process shows, compared with what was promised by the old ones.
    ///
    /// `mayBeClean`: the old process had closed the directory, or not yet begun to use it.
    func checkRecovery(afterPowerCut: Bool, mayBeClean: Bool = false) async throws {
        let daybook = try engine()
        let readsEverything = outcome.report.recoveries % 4 == 0 || current == stepsCount
        let recovery = daybook.recovery
        note("opened, epoch \(recovery.leaderEpoch)")
        for finding in recovery.findings { note("found in \(finding.topicPartition): \(finding.description)") }
        if !mayBeClean {
            guard !recovery.wasClosedCleanly, recovery.leaderEpoch > leaderEpoch else {
                throw Violation("after a crash epoch \(recovery.leaderEpoch) follows epoch \(leaderEpoch)")
            }
        }
        let ids = Dictionary(uniqueKeysWithValues: daybook.topics.map { ($0.name.description, $0.id) })
        let names = Set(ids.keys)
        var kept: [TopicModel] = []
        for topic in topics where names.contains(topic.name) || !topic.isDoubtful {
            var form = topic.others.first { $0.id == ids[topic.name] } ?? topic
            form.others = []
            kept.append(form)
        }
        for topic in kept where !names.contains(topic.name) { throw Violation("topic \(topic.name) is gone") }
        if let name = names.first(where: { name in !kept.contains { $0.name == name } }) {
            throw Violation("topic \(name) is there and was never created, or was deleted")
        }
        for topic in kept {
            for partition in topic.partitions {
                // A durable reader goes on where it was, at once.
                let highWatermark = try await daybook.offsets(partition.topicPartition).highWatermark
                let shown = afterPowerCut ? partition.promisedEnd(afterPowerCut: true) : partition.durableEnd
                guard highWatermark.rawValue >= shown else {
                    throw Violation(
                        "\(partition.topicPartition): durable readers were shown everything below \(partition.durableEnd); "
                            + "after opening they see \(highWatermark)")
                }
            }
        }
        try await daybook.flush()
        var found: [(offsets: PartitionOffsets, numbers: [RecordNumber?])] = []
        for topic in kept {
            for partition in topic.partitions {
                let offsets = try await daybook.offsets(partition.topicPartition)
                // Most of it was read after the last recovery too: from end to end now and then, else what is new.
                let logStart = offsets.logStartOffset.rawValue
                let known = max(logStart, min(partition.durableEnd - 40, partition.firstUnknown))
                let start = readsEverything || !partition.damaged.isEmpty ? logStart : known
                let all = try await readAll(partition.topicPartition, of: daybook, from: start)
                let before = partition.records(in: logStart..<start)
                found.append((offsets, before + all.numbers))
                note(
                    "\(partition.topicPartition) holds \(start)..<\(offsets.logEndOffset) in \(files(partition)), gaps \(all.gaps)"
                )
            }
        }
        guard !disk.isDown else { throw Violation("the machine went down") }
        try recount(zip(kept.flatMap(\.partitions), found).map { ($0.topicPartition, $1.offsets) })
        // Everything has been read: from here on nothing can go wrong half way.
        var next = found.makeIterator()
        for topic in kept.indices {
            (kept[topic].isDoubtful, kept[topic].isHidden) = (false, false)
            for partition in kept[topic].partitions.indices {
                let (offsets, numbers) = next.next()!
                try take(offsets, numbers, into: &kept[topic].partitions[partition], afterPowerCut)
            }
        }
        topics = kept
        leaderEpoch = recovery.leaderEpoch
        outcome.report.recoveries += 1
    }

    /// The segments of a partition as they are on the disk, for the transcript.
    private func files(_ partition: PartitionModel) -> String {
        disk.look(into: FilePath(Self.directory).appending(partition.topicPartition.description))
            .filter { SegmentName.baseOffset(ofLog: $0.name) != nil }
            .map { "\(SegmentName.baseOffset(ofLog: $0.name)!): \($0.size)B" }.sorted().joined(separator: ", ")
    }

    private func take(
        _ offsets: PartitionOffsets, _ numbers: [RecordNumber?], into model: inout PartitionModel, _ afterPowerCut: Bool
    ) throws(Violation) {
        let name = model.topicPartition
        let start = offsets.logStartOffset.rawValue
        guard offsets.logEndOffset.rawValue == start + Int64(numbers.count) else {
            throw Violation(
                "\(name) ends at \(offsets.logEndOffset) and was read up to \(start + Int64(numbers.count))")
        }
        guard offsets.highWatermark == offsets.logEndOffset else {
            throw Violation("\(name): \(offsets.highWatermark) is durable after a flush of \(offsets.logEndOffset)")
        }
        let (lost, lostToTwoFaults) = (model.lostCount, model.lostToTwoFaultsCount)
        try model.recover(start: start, numbers, afterPowerCut: afterPowerCut)
        outcome.report.recordsLostUnpromised += model.lostCount - lost
        outcome.report.recordsLostToTwoFaults += model.lostToTwoFaultsCount - lostToTwoFaults
        outcome.report.offsetsInGaps += numbers.count { $0 == nil }
    }

    /// What the engine counts must be what is on the disk.
    private func recount(_ partitions: [(TopicPartition, PartitionOffsets)]) throws {
        for (topicPartition, offsets) in partitions {
            let folder = FilePath(Self.directory).appending(topicPartition.description)
            let segments = disk.look(into: folder).compactMap { file in
                SegmentName.baseOffset(ofLog: file.name).map { (base: $0, size: file.size) }
            }.sorted { $0.base < $1.base }
            // What lies wholly below the log start waits for its removal and is not counted.
            let deleted = zip(segments, segments.dropFirst()).prefix { $1.base <= offsets.logStartOffset }.count
            let size = segments.dropFirst(deleted).reduce(0) { $0 + $1.size }
            guard size == offsets.size.rawValue else {
                throw Violation("\(topicPartition) counts \(offsets.size) and has \(size) bytes")
            }
        }
    }
}
