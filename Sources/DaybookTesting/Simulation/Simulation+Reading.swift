// Reading as users do, from anywhere, and checking everything that comes back: coverage without holes, order, content.
// What a read shows becomes part of the model: nobody may be shown it and then not.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

extension Simulation {
    func read(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        let model = self[place]
        let isolation: Isolation = Bool.random(using: &random) ? .committed : .pageCache
        do {
            let offsets = try await engine().offsets(model.topicPartition)
            try see(offsets, place)
            let limit = isolation == .pageCache ? offsets.logEndOffset : offsets.highWatermark
            let from = Int64.random(in: model.logStart...limit.rawValue, using: &random)
            let size = Int.random(in: 1...8000, using: &random)
            note("read \(model.topicPartition) from \(from), \(size) bytes, \(isolation)")
            let result = try await engine().read(
                model.topicPartition, from: Offset(from), maxBytes: .bytes(size), isolation: isolation)
            try check(result, from: from, isolation, place)
            guard !result.isEmpty || from == limit.rawValue else {
                throw Violation("\(model.topicPartition): nothing was read at \(from), below the limit \(limit)")
            }
        } catch {
            try tolerate(error, while: "reading \(model.topicPartition)")
        }
    }

    func lookAtOffsets(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        note("look at the offsets of \(self[place].topicPartition)")
        do {
            try see(try await engine().offsets(self[place].topicPartition), place)
        } catch {
            try tolerate(error, while: "asking for offsets")
        }
    }

    /// Takes note of what a partition says of itself.
    func see(_ offsets: PartitionOffsets, _ place: PartitionPlace) throws {
        try self[place].see(offsets.logStartOffset, offsets.highWatermark, offsets.logEndOffset)
    }

    /// Checks one read and takes note of what it shows.
    private func check(
        _ result: ReadResult, from: Int64, _ isolation: Isolation, _ place: PartitionPlace
    ) throws {
        let found = try contents(of: result, from: from, self[place].topicPartition)
        var previous: RecordNumber?
        for (index, number) in found.numbers.enumerated() {
            let offset = from + Int64(index)
            if let number {
                try self[place].read(number, at: offset, behind: previous)
                previous = number
            }
        }
        for gap in found.gaps { try self[place].readGap(gap) }
        if isolation != .pageCache { self[place].show(below: result.nextOffset.rawValue) }
    }

    /// What a read brought, offset by offset, nil in gaps and where compaction has taken records out of a batch; throws where it
    /// does not hang together.
    func contents(
        of result: ReadResult, from: Int64, _ topicPartition: TopicPartition
    ) throws -> (numbers: [RecordNumber?], gaps: [Range<Int64>]) {
        var numbers: [RecordNumber?] = []
        var gaps: [Range<Int64>] = []
        var next = from
        func fail(_ text: String) -> Violation { Violation("\(topicPartition): reading from \(from), \(text)") }
        for element in result.elements {
            switch element {
            case .gap(let gap):
                guard gap.baseOffset.rawValue == next else { throw fail("\(gap) came where \(next) was due") }
                numbers.append(contentsOf: repeatElement(nil, count: Int(gap.count)))
                gaps.append(next..<gap.nextOffset.rawValue)
                next = gap.nextOffset.rawValue
            case .batch(let batch):
                // A batch may begin with records that were not asked for, or have been deleted.
                let mayBeginBefore = next == from || gaps.last?.upperBound == next
                guard batch.baseOffset.rawValue == next || mayBeginBefore && batch.baseOffset.rawValue < next else {
                    throw fail("batch \(batch.baseOffset) came where \(next) was due")
                }
                let hasOwnTimestamps = batch.timestampType == .create
                var expected = batch.baseOffset
                func skip(to offset: Offset) {
                    let hole = max(expected.rawValue, next)..<max(expected.rawValue, next, offset.rawValue)
                    guard !hole.isEmpty else { return }
                    numbers.append(contentsOf: repeatElement(nil, count: hole.count))
                    gaps.append(hole)
                }
                try batch.forEach { view in
                    guard view.offset >= expected else { throw fail("\(view.offset) came where \(expected) was due") }
                    skip(to: view.offset)
                    expected = view.offset.advanced(by: 1)
                    guard let number = SimulatedRecord.number(of: view),
                        SimulatedRecord(number).matches(view, hasOwnTimestamp: hasOwnTimestamps)
                    else { throw fail("the record at \(view.offset) is none that was ever sent") }
                    if view.offset.rawValue >= next { numbers.append(number) }
                }
                outcome.report.recordsRead += batch.recordsCount
                guard expected <= batch.nextOffset else { throw fail("batch \(batch.baseOffset) ends at \(expected)") }
                skip(to: batch.nextOffset)
                next = batch.nextOffset.rawValue
            }
        }
        guard result.nextOffset.rawValue == next else {
            throw fail("the next read is said to begin at \(result.nextOffset), not at \(next)")
        }
        return (numbers, gaps)
    }

    /// Everything in a partition of `daybook` from `start` to the limit, with the bytes its batches take.
    func readAll(
        _ topicPartition: TopicPartition, of daybook: Daybook, from start: Int64, _ isolation: Isolation = .pageCache
    ) async throws -> (numbers: [RecordNumber?], gaps: [Range<Int64>], batches: [(offset: Offset, time: Timestamp)]) {
        var all: (numbers: [RecordNumber?], gaps: [Range<Int64>], batches: [(offset: Offset, time: Timestamp)]) =
            ([], [], [])
        var next = start
        while true {
            let result = try await daybook.read(
                topicPartition, from: Offset(next), maxBytes: .kibibytes(64), isolation: isolation)
            if result.isEmpty { return all }
            let part = try contents(of: result, from: next, topicPartition)
            all.numbers += part.numbers
            all.gaps += part.gaps
            all.batches += result.batches.map { ($0.baseOffset, $0.appendTime) }
            next = result.nextOffset.rawValue
        }
    }

    /// Both ways from a time to an offset, compared with a look at everything.
    func readByTime(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        let topicPartition = self[place].topicPartition
        do {
            let daybook = try engine()
            let all = try await readAll(topicPartition, of: daybook, from: self[place].logStart, .pageCache)
            guard let some = all.batches.randomElement(using: &random) else { return }
            let time = some.time.advanced(byMilliseconds: Int64.random(in: -1...1, using: &random))
            note("look in \(topicPartition) for what was appended from \(time) on")
            let found = try await daybook.offset(topicPartition, appendedAtOrAfter: time, isolation: .pageCache)
            // A batch may begin with records that have been deleted.
            let start = Offset(self[place].logStart)
            let expected = all.batches.first { $0.time >= time }.map { max($0.offset, start) }
            // Where bytes are damaged nobody knows when they were appended.
            guard found == expected || !all.gaps.isEmpty else {
                throw Violation(
                    "\(topicPartition): what was appended from \(time) on begins at \(expected?.description ?? "nothing"), "
                        + "not at \(found?.description ?? "nothing")")
            }
            guard zip(all.batches, all.batches.dropFirst()).allSatisfy({ $0.time <= $1.time }) else {
                throw Violation("\(topicPartition): append times fall")
            }
            let isOwn = try daybook.topic(topicPartition.topic.description).configuration.timestampType == .create
            guard isOwn, let record = all.numbers.compactMap({ $0 }).randomElement(using: &random) else { return }
            let wanted = SimulatedRecord(record).timestamp
            let first = try await daybook.offset(topicPartition, forTimestamp: wanted, isolation: .pageCache)
            let index = all.numbers.firstIndex { $0.map { SimulatedRecord($0).timestamp >= wanted } ?? false }
            // While a deletion is not answered for, nobody knows where the log begins.
            guard self[place].latestStart <= self[place].logStart else { return }
            guard first?.rawValue == index.map({ self[place].logStart + Int64($0) }) else {
                throw Violation(
                    "\(topicPartition): the first record from \(wanted) on is at \(index ?? -1), not at "
                        + (first?.description ?? "nothing"))
            }
        } catch {
            try tolerate(error, while: "looking for a time in \(topicPartition)")
        }
    }

    /// Opens the directory a second time, for reading, beside the writer.
    func attachReader(_ random: inout SeededGenerator) async throws {
        guard let place = choosePartition(&random) else { return }
        let topicPartition = self[place].topicPartition
        note("attach a reader and read \(topicPartition)")
        do {
            let reader = try await Daybook.open(Self.directory, configuration: configuration(.readOnly))
            let all = try await readAll(topicPartition, of: reader, from: self[place].logStart, .durable)
            var previous: RecordNumber?
            for (index, number) in all.numbers.enumerated() {
                guard let number else { continue }
                try self[place].read(number, at: self[place].logStart + Int64(index), behind: previous)
                previous = number
            }
            for gap in all.gaps { try self[place].readGap(gap) }
            self[place].show(below: self[place].logStart + Int64(all.numbers.count))
            try await reader.close()
        } catch {
            try tolerate(error, while: "reading beside the writer")
        }
    }
}
