// A random history of interleaved transactions, compaction, deletion, restarts and power cuts, beside the simplest model of
// it: a list of the records that were written and of how their transactions ended.

import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

/// A record as the model knows it.
struct HistoryRecord: Hashable {
    var offset: Offset
    var key: String
    var value: String
    /// The place of its transaction in the list; nil outside of transactions.
    var transaction: Int?
}

/// What was written, and what has become of it.
struct HistoryModel {
    struct Transaction {
        var producer: Int64
        var firstOffset: Offset
        var end: (offset: Offset, kind: ControlRecord.Kind)?
    }

    /// Something that a producer has written: a batch, or a marker, which has no sequence.
    struct Trace {
        var offset: Offset
        var producer: Int64
        var epoch: Int16
        var lastSequence: Int32?
    }

    var records: [HistoryRecord] = []
    var transactions: [Transaction] = []
    var traces: [Trace] = []
    var start = Offset.zero
    var end = Offset.zero

    /// What is lost, because it was not durable, has never been.
    mutating func cut(to end: Offset) {
        self.end = end
        records.removeAll { $0.offset >= end }
        traces.removeAll { $0.offset >= end }
        for index in transactions.indices where transactions[index].end.map({ $0.offset >= end }) ?? false {
            transactions[index].end = nil
        }
        // One that has not begun never ends; its number stays, for those of the others.
        for index in transactions.indices where transactions[index].firstOffset >= end {
            transactions[index].end = (.zero, .abort)
        }
    }

    func openTransaction(of producer: Int64) -> Int? {
        transactions.lastIndex { $0.producer == producer && $0.end == nil }
    }

    /// Where readers of committed records stop when everything is durable.
    var lastStableOffset: Offset {
        max(start, transactions.filter { $0.end == nil }.map(\.firstOffset).min() ?? end)
    }

    /// What such readers may be shown, were nothing compacted.
    var committed: [HistoryRecord] {
        let limit = lastStableOffset
        return records.filter { record in
            guard record.offset >= start, record.offset < limit else { return false }
            return record.transaction.map { transactions[$0].end?.kind == .commit } ?? true
        }
    }
}

/// A log on a simulated disk, and its model.
struct TransactionHistory {
    private let clock = ManualClock(Timestamp(milliseconds: 1_000_000))
    private let disk: SimulatedDisk
    private let identity: LogIdentity
    private(set) var log: PartitionLog
    private(set) var model = HistoryModel()
    private var random: SeededGenerator
    private let seed: UInt64
    /// Damage was found above what was durable: then nobody knows what was in it, and the history is over.
    private(set) var isOver = false
    private(set) var counts: [String: Int] = [:]

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        disk = SimulatedDisk(seed: seed, clock: clock)
        identity = LogIdentity(
            topicPartition: TopicPartition(topic: try TopicName("orders"), partition: 0), topicID: 7)
        for path in ["/data", "/data/orders-0"] as [FilePath] { try disk.createDirectory(path) }
        for path in ["/", "/data"] as [FilePath] { try disk.flushDirectory(path) }
        log = try Self.open(disk, identity, .zero, clock, seed).log
    }

    private static func open(
        _ disk: SimulatedDisk, _ identity: LogIdentity, _ durable: Offset, _ clock: ManualClock, _ seed: UInt64,
        isClean: Bool = false
    ) throws -> (log: PartitionLog, report: PartitionRecovery) {
        let files = disk.processFileSystem
        return try LogRecovery(
            identity: identity, directory: "/data/orders-0",
            configuration: LogConfiguration(
                segmentBytes: .bytes([300, 700, 3000][Int(seed % 3)]), segmentMilliseconds: .max,
                maximumBatchBytes: .kibibytes(64), indexIntervalBytes: .bytes(100)),
            pool: DescriptorPool(fileSystem: files, limit: 8),
            quarantine: Quarantine(dataDirectory: "/data", fileSystem: files),
            leaderEpoch: LeaderEpoch(rawValue: 1), knownRecoveryPoint: durable, wasClosedCleanly: isClean,
            now: clock.now()
        ).run()
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    // MARK: steps

    mutating func step() throws {
        clock.advance(by: .milliseconds(number(0...40)))
        switch number(0...29) {
        case 0...11: try send(Int64(number(0...4)))
        case 12...17: try end(Int64(number(1...3)))
        case 18...20: try log.flush()
        case 21...23: try compact()
        case 24: try delete()
        case 25: try reopen()
        case 26...27: try cutPower(during: { try $0.compact() })
        case 28: try cutPower(during: { try $0.delete() })
        default: try cutPower(during: { _ in })
        }
        if isOver { return }
        if number(0...2) == 0 {
            try log.flush()
            try check()
        }
    }

    /// A batch: outside of producers (0), of one with transactions (1–3), or of one without (4).
    private mutating func send(_ producer: Int64) throws {
        let isTransactional = (1...3).contains(producer)
        let trace = model.traces.last { $0.producer == producer }
        let epoch = trace?.epoch ?? 0
        let sequence = trace?.lastSequence.map { $0 + 1 } ?? 0
        let identity =
            producer == 0
            ? ProducerIdentity.none
            : ProducerIdentity(id: ProducerID(rawValue: producer), epoch: epoch, baseSequence: sequence)
        var builder = RecordBatchBuilder(
            targetSize: 1 << 20, options: .init(producer: identity, isTransactional: isTransactional))
        let base = log.logEndOffset
        let count = number(1...3)
        var records: [HistoryRecord] = []
        if isTransactional, model.openTransaction(of: producer) == nil {
            model.transactions.append(HistoryModel.Transaction(producer: producer, firstOffset: base))
        }
        for index in 0..<count {
            let offset = base.advanced(by: Int64(index))
            let key = number(0...3) == 0 ? "only \(offset)" : "k\(number(0...4))"
            let transaction = isTransactional ? model.openTransaction(of: producer) : nil
            records.append(
                HistoryRecord(offset: offset, key: key, value: "\(offset)/\(counts.count)", transaction: transaction))
            builder.append(
                Record(key: key, value: records[index].value), timestamp: Timestamp(milliseconds: clock.now().rawValue))
        }
        let result = try log.append(try builder.seal(using: Compressor()), now: clock.now())
        #expect(result.baseOffset == base && !result.isDuplicate)
        model.records += records
        model.end = result.nextOffset
        if producer > 0 {
            model.traces.append(
                HistoryModel.Trace(
                    offset: base, producer: producer, epoch: epoch, lastSequence: sequence + Int32(count) - 1))
        }
    }

    private mutating func end(_ producer: Int64) throws {
        let open = model.openTransaction(of: producer)
        let isFence = number(0...5) == 0
        guard open != nil || isFence else { return }
        let trace = model.traces.last { $0.producer == producer }
        let epoch = (trace?.epoch ?? 0) + (isFence ? 1 : 0)
        let kind: ControlRecord.Kind = isFence || number(0...1) == 0 ? .abort : .commit
        let end = try log.end(kind, producer, epoch: epoch, clock: clock)
        let marker = try #require(end).marker
        if let open { model.transactions[open].end = (marker.baseOffset, kind) }
        model.end = marker.nextOffset
        model.traces.append(
            HistoryModel.Trace(
                offset: marker.baseOffset, producer: producer, epoch: epoch,
                lastSequence: isFence ? nil : trace?.lastSequence))
    }

    private mutating func compact() throws {
        let policy = CompactionPolicy(
            dirtyRatio: 0, tombstoneAge: Int64([0, 50, 1_000_000].randomElement(using: &random) ?? 0),
            memory: [1, 400, 16 << 20].randomElement(using: &random) ?? 1)
        guard let progress = try log.compact(policy, now: clock.now()) else { return }
        counts["compacted", default: 0] += progress.segmentsWritten
    }

    private mutating func delete() throws {
        let offset = Offset(Int64(number(0...Int(log.recoveryPoint.rawValue))))
        try log.raiseLogStart(to: offset)
        try log.saveCheckpoint()
        model.start = max(model.start, offset)
        let expired = try log.takeExpiredSegments()
        try expired.remove()
        log.noteRemoved(expired)
    }

    private mutating func reopen() throws {
        try log.flush()
        if number(0...2) == 0 { try removeSidecars() } else { try log.close() }
        log = try Self.open(disk, identity, model.end, clock, seed, isClean: true).log
        try check()
    }

    private func removeSidecars() throws {
        for name in try disk.entries(of: "/data/orders-0") where name.hasSuffix(SegmentName.sidecarSuffix) {
            try disk.removeFile(FilePath("/data/orders-0/" + name))
        }
    }

    /// The power goes at some call of what `body` does, or behind it.
    private mutating func cutPower(during body: (inout TransactionHistory) throws -> Void) throws {
        let durable = log.recoveryPoint
        let start = model.start
        disk.crash(at: disk.callsCount + number(0...60))
        do { try body(&self) } catch {}  // the power has gone: see below
        let cut = [PowerCut.nothing, .everything, .drawn].randomElement(using: &random) ?? .nothing
        disk.restart(cut, seed: seed &+ UInt64(disk.callsCount))
        disk.crash(at: .max)
        let opened = try Self.open(disk, identity, durable, clock, seed)
        log = opened.log
        counts["cut", default: 0] += 1
        #expect(log.logEndOffset >= durable && log.logStartOffset >= start && log.logStartOffset <= max(start, durable))
        guard opened.report.damage.isEmpty, opened.report.missing.isEmpty else {
            isOver = true
            return
        }
        model.start = log.logStartOffset
        model.cut(to: log.logEndOffset)
        try log.flush()
        try check()
    }

    // MARK: checks

    /// Everything that readers of committed records get, in reads of this size.
    private func read(_ size: Int) throws -> [HistoryRecord] {
        var found: [HistoryRecord] = []
        var next = log.logStartOffset
        while true {
            switch try log.read(from: next, limit: log.lastStableOffset, maximumBytes: size) {
            case .end:
                #expect(next == log.lastStableOffset)
                return found
            case .gap(let gap):
                Issue.record("\(gap), seed \(seed)")
                next = gap.nextOffset
            case .batches(let batches, let following):
                let filter = CommittedFilter(
                    try log.abortedTransactions(in: batches[0].baseOffset..<following))
                for batch in batches where filter.cause(of: batch) == nil {
                    for (offset, record) in try batch.records() where offset >= next {
                        found.append(
                            HistoryRecord(
                                offset: offset, key: String(decoding: record.key ?? [], as: UTF8.self),
                                value: String(decoding: record.value ?? [], as: UTF8.self)))
                    }
                }
                next = following
            }
        }
    }

    private mutating func check() throws {
        let comment: Comment = "seed \(seed)"
        #expect(log.logEndOffset == model.end && log.logStartOffset == model.start, comment)
        #expect(log.lastStableOffset == model.lastStableOffset, comment)
        let committed = model.committed.map {
            HistoryRecord(offset: $0.offset, key: $0.key, value: $0.value, transaction: nil)
        }
        let seen = try read([1, 200, 1 << 20].randomElement(using: &random) ?? 1)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.offset < $1.offset }, "each once and in order; \(comment)")
        #expect(Set(seen).isSubset(of: committed), "nothing aborted, nothing open; \(comment)")
        var newest: [String: HistoryRecord] = [:]
        for record in committed { newest[record.key] = record }
        #expect(Set(newest.values).isSubset(of: seen), "the newest of each key; \(comment)")
        for producer in Int64(1)...4 {
            guard let trace = model.traces.last(where: { $0.producer == producer }) else { continue }
            let state = log.producers[ProducerID(rawValue: producer)]
            #expect(state?.epoch == trace.epoch, "producer \(producer); \(comment)")
            #expect(state?.batches.last?.lastSequence == trace.lastSequence, "producer \(producer); \(comment)")
        }
        counts["checks", default: 0] += 1
        counts["seen", default: 0] += seen.count
        counts["aborted", default: 0] += model.transactions.count { $0.end?.kind == .abort }
    }
}
