// Every system call of every operation of the engine fails once. Whatever the operation says then, nothing that was
// acknowledged is lost, and what is only an interruption or a short count is nobody's business.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite struct CallFailureTests {
    @Test(arguments: EngineOperation.all)
    func `C26 each call refused with EIO ends in success or a typed error and loses nothing`(
        _ operation: EngineOperation
    ) async throws {
        try await failEachCall(of: operation, .fail(.ioError))
    }

    @Test(arguments: EngineOperation.all)
    func `C34 each call refused for want of space ends in success or a typed error and loses nothing`(
        _ operation: EngineOperation
    ) async throws {
        try await failEachCall(
            of: operation, .fail(.noSpace),
            [.open, .createDirectory, .rename, .link, .write, .truncate, .flush, .flushDirectory])
    }

    @Test(arguments: EngineOperation.all)
    func `C26 each write torn ends in success or a typed error and loses nothing`(
        _ operation: EngineOperation
    ) async throws {
        try await failEachCall(of: operation, .fail(.ioError, after: 30), [.write])
    }

    @Test(arguments: EngineOperation.all)
    func `Each call interrupted changes nothing`(_ operation: EngineOperation) async throws {
        try await failEachCall(of: operation, .fail(.interrupted), mustSucceed: true)
    }

    @Test(arguments: EngineOperation.all)
    func `C26 each read and write cut short changes nothing`(_ operation: EngineOperation) async throws {
        // Enough for a part of a batch's header, and for a batch but for a part of its records.
        for count in [7, 90] {
            try await failEachCall(of: operation, .short(count), [.read, .write], mustSucceed: true)
        }
    }

    @Test(arguments: EngineOperation.all)
    func `A machine that stops at any call loses nothing acknowledged`(_ operation: EngineOperation) async throws {
        let prepared = Stage()
        try await operation.prepare(prepared)
        for number in 0..<limit {
            let stage = prepared.copy()
            try await operation.begin(stage)
            stage.disk.crash(at: stage.disk.callsCount + number)
            let error = await outcome(of: operation, stage)
            guard stage.disk.isDown else {
                #expect(error == nil)
                #expect(number > 0)
                return
            }
            let cuts = PowerCut.allCases
            stage.disk.restart(cuts[number % cuts.count])
            stage.daybook = nil
            try await check(stage, after: operation, "crash at call \(number)", number)
        }
        Issue.record("no end after \(limit) calls")
    }

    // MARK: -

    /// No operation of the list makes so many calls.
    private let limit = 1000

    /// Runs the operation again and again; the first time its first call fails, then its second, until none is left.
    private func failEachCall(
        of operation: EngineOperation, _ effect: Fault.Effect, _ kinds: Set<FileCallKind> = [],
        mustSucceed: Bool = false
    ) async throws {
        let prepared = Stage()
        try await operation.prepare(prepared)
        for number in 0..<limit {
            let stage = prepared.copy()
            try await operation.begin(stage)
            stage.disk.isTracing = true
            stage.disk.inject(Fault(effect, kinds, calls: number..<number + 1))
            let error = await outcome(of: operation, stage)
            let struck = stage.disk.trace.first { $0.outcome != .done }
            stage.disk.heal()
            guard let struck else {
                #expect(error == nil, "nothing failed")
                return
            }
            let place: Comment = "call \(number), \(struck.kind) \(struck.path): \(struck.outcome)"
            if mustSucceed {
                #expect(error == nil, place)
                continue
            }
            #expect(error == nil || error is DaybookError || error is FailedPass, place)
            // The daybook, if there is one, may be of no use any more, but it can be closed, and another one opened.
            do { try await stage.close() } catch { #expect(error is DaybookError, place) }
            stage.kill()
            try await check(stage, after: operation, place, number)
        }
        Issue.record("no end after \(limit) calls")
    }

    private func outcome(of operation: EngineOperation, _ stage: Stage) async -> (any Error)? {
        do {
            try await operation.run(stage)
            return nil
        } catch {
            return error
        }
    }

    /// Opens the directory and compares it with what is known; once more after the power has failed, because a reader may
    /// have acted on what was shown. Then it must be possible to go on.
    private func check(
        _ stage: Stage, after operation: EngineOperation, _ place: Comment, _ number: Int
    ) async throws {
        var shown: [String: Int] = [:]
        var hasGaps = false
        // Each kind of failure meets each kind of call many times: not every run needs all of it.
        for _ in 0..<(number % 3 == 0 ? 2 : 1) {
            try await stage.open()
            let daybook = try stage.ready
            for (topic, sent) in stage.sent {
                guard daybook.topics.contains(where: { $0.name.description == topic }) else {
                    #expect(stage.deleting.contains(topic), "topic \(topic) is gone; \(place)")
                    continue
                }
                let start = try await daybook.offsets(try partition(of: topic)).logStartOffset
                #expect(start.rawValue <= stage.deletedBefore[topic] ?? 0, "\(topic); \(place)")
                let content = try await daybook.content(try partition(of: topic), from: start)
                // What was promised is there; of the rest, what a power cut has left, each at its own offset.
                let promised = max(shown[topic] ?? 0, stage.durableCount[topic] ?? 0)
                let owed = sent[..<promised].dropFirst(Int(start.rawValue))
                #expect(Array(content.values.prefix(owed.count)) == Array(owed), "\(topic); \(place)")
                #expect(content.records.allSatisfy { sent.indices.contains(Int($0.offset.rawValue)) }, place)
                #expect(content.values == content.offsets.map { sent[Int($0)] }, "\(topic); \(place)")
                #expect(content.gaps.isEmpty || stage.disk.coverage[.machineCrash] > 0, place)
                hasGaps = hasGaps || !content.gaps.isEmpty
                let end = content.offsets.last.map { Int($0) + 1 } ?? Int(start.rawValue)
                shown[topic] = content.gaps.first.map { Int($0.baseOffset.rawValue) } ?? end
            }
            for (group, wishes) in stage.commits {
                let found = try await stage.found(group)
                #expect(wishes.contains(found), "\(group) finds \(found) of \(wishes); \(place)")
                // What was shown stays, whatever happens.
                stage.commits[group] = [found]
            }
            for (topic, newest) in stage.newest {
                let records = try await daybook.content(try partition(of: topic)).records.map(\.record)
                let found = records.map { (String(decoding: $0.key ?? [], as: UTF8.self), $0.value ?? []) }
                let last = Dictionary(found, uniquingKeysWith: { $1 }).mapValues { String(decoding: $0, as: UTF8.self) }
                #expect(last == newest, "\(topic); \(place)")
            }
            if number % 5 == 0 { try await operation.check(stage) }
            stage.disk.restart(.nothing)
        }
        guard number % 9 == 0 else { return }
        try await stage.open()
        try await stage.createTopic("afterwards")
        try await stage.send(2, to: "afterwards")
        try await stage.close()
        let report = try await Daybook.verify(Stage.directory, fileSystem: stage.disk.processFileSystem)
        #expect(report.isClean || hasGaps, "\(report.findings); \(place)")
    }
}
