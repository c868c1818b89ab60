// The durability contract of one log: what a flush covers, in which order, through which descriptor, and what a failed
// one means for ever after.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Flush")
struct FlushTests {
    let stage: LogStage
    let disk = FaultyFileSystem()
    let log: PartitionLog

    init() throws {
        stage = try LogStage()
        log = try stage.open(on: disk).log
    }

    private func calls(_ kinds: FileCallKind...) -> [FileCall] { disk.trace.filter { kinds.contains($0.kind) } }

    @Test("C21 every write is flushed through the descriptor that wrote it")
    func sameDescriptor() throws {
        try log.fill(20, size: 60, clock: stage.clock)
        let logs = disk.trace.filter { $0.path.extension == "log" }
        var writers: [FilePath: Set<Int?>] = [:]
        for call in logs where call.kind == .write { writers[call.path, default: []].insert(call.descriptor) }
        #expect(writers.count == log.segments.count && writers.values.allSatisfy { $0.count == 1 })
        for call in logs where call.kind == .flush { #expect(writers[call.path] == [call.descriptor]) }
        #expect(Set(logs.filter { $0.kind == .flush }.map(\.path)) == Set(writers.keys))
    }

    @Test("C22 a new file's folder is flushed, after the file's bytes and before anybody is answered")
    func directory() throws {
        try log.fill(1, flush: false, clock: stage.clock)
        #expect(log.needsFlush)
        disk.clearTrace()
        try log.flush()
        #expect(calls(.flush, .flushDirectory).map(\.kind) == [.flush, .flushDirectory])
        #expect(calls(.flushDirectory)[0].path == stage.directory)
        disk.clearTrace()
        try log.fill(1, clock: stage.clock)
        #expect(calls(.flush, .flushDirectory).map(\.kind) == [.flush], "no new name, no flush of the folder")
        while log.segments.count == 1 { try log.fill(1, flush: false, clock: stage.clock) }
        disk.clearTrace()
        try log.flush()
        #expect(
            calls(.flush, .flushDirectory).map(\.kind) == [.flush, .flush, .flushDirectory, .flush, .flushDirectory],
            "the folder once more for the word on how far the log is durable")
    }

    @Test("C28 nothing is durable before a flush, and a flush covers what was appended before it began")
    func coverage() throws {
        try log.fill(2, flush: false, clock: stage.clock)
        #expect(log.recoveryPoint == .zero)
        let ticket = try log.beginFlush()
        try log.fill(1, flush: false, clock: stage.clock)
        try log.finishFlush(ticket.run())
        #expect(log.recoveryPoint == Offset(4))
        #expect(log.needsFlush)
        #expect(try log.content(below: log.recoveryPoint).count == 4)
        #expect(try log.flush() == Offset(6))
        #expect(log.recoveryPoint == Offset(6) && !log.needsFlush)
        disk.clearTrace()
        #expect(try log.flush() == Offset(6))
        #expect(calls(.flush, .flushDirectory).isEmpty, "nothing to flush, no call")
    }

    @Test("C23 a roll in the midst of a flush leaves the rest for the next one")
    func rollDuringFlush() throws {
        try log.fill(1, flush: false, clock: stage.clock)
        let ticket = try log.beginFlush()
        while log.segments.count < 3 { try log.fill(1, flush: false, clock: stage.clock) }
        try log.finishFlush(ticket.run())
        #expect(log.recoveryPoint == Offset(2))
        #expect(log.segments.map(\.hasUnflushedBytes) == [true, true, true])
        try log.flush()
        #expect(log.segments.map(\.hasUnflushedBytes) == [false, false, false])
        #expect(log.recoveryPoint == log.logEndOffset)
    }

    @Test("C20 a failed flush poisons: no promise ever after, appends refused, reads go on", arguments: [true, false])
    func poison(isDirectory: Bool) throws {
        let durable = try log.fill(2, clock: stage.clock)
        var taken: [Entry] = []
        while log.segments.count == 1 { taken += try log.fill(1, flush: false, clock: stage.clock) }
        disk.inject(Fault(.fail(.ioError), [isDirectory ? .flushDirectory : .flush]))
        #expect(throws: StorageError.self) { try log.flush() }
        #expect(log.poison?.errno == .ioError)
        for _ in 0..<3 {
            #expect(throws: StorageError.self) { try log.flush() }
            #expect(throws: StorageError.self) { try log.beginFlush() }
            #expect(throws: StorageError.self) { try log.fill(1, clock: stage.clock) }
        }
        #expect(log.recoveryPoint == durable.last?.offsets.upperBound)
        #expect(try log.content() == durable + taken)
        #expect(try log.content(below: log.recoveryPoint) == durable)
        try log.close()
        #expect(log.segments.allSatisfy { !$0.hasUnflushedBytes || $0.flushedSize < $0.size })
        let again = try stage.open(.durable(log.recoveryPoint), epoch: 1).log
        #expect(again.poison == nil)
        #expect(try again.content(below: again.recoveryPoint).contents == durable.contents)
        let more = try again.fill(1, clock: stage.clock)
        #expect(try again.content().contents == (durable + taken + more).contents)
    }

    @Test("C20 a flush that fails while the pool closes a segment poisons the log's next flush")
    func evictionFailure() throws {
        var stage = stage
        stage.poolLimit = 1
        let log = try stage.open(on: disk).log
        disk.inject(Fault(.fail(.ioError), [.flush], calls: 0..<1))
        while log.segments.count < 4 { try log.fill(1, flush: false, clock: stage.clock) }
        #expect(calls(.flush).count > 0, "the pool made room")
        #expect(throws: StorageError.self) { try log.flush() }
        #expect(log.recoveryPoint == .zero && log.poison != nil)
    }

    @Test("C10 what a recovery finds above the recovery point is written and flushed once more before it is shown")
    func inherited() throws {
        for before in [LogStage.Before.unknown, .killed] { try inherited(before) }
    }

    private func inherited(_ before: LogStage.Before) throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(8, size: 60, flush: false, clock: stage.clock)
        #expect(log.segments.count > 1)
        let disk = FaultyFileSystem()
        let (again, report) = try stage.open(before, on: disk)
        #expect(again.recoveryPoint == .zero)
        #expect(again.needsFlush)
        #expect(report.recoveredRecords == Int64(model.count))
        #expect(try again.content(below: again.recoveryPoint).isEmpty)
        disk.clearTrace()
        try again.flush()
        for segment in again.segments {
            let calls = disk.trace.filter { $0.path == segment.file.path }
            let written = calls.filter { $0.kind == .write }
            #expect(written.reduce(0) { $0 + ($1.count ?? 0) } == segment.size.rawValue)
            #expect(calls.last { $0.kind == .flush }?.descriptor == written.last?.descriptor)
        }
        #expect(disk.trace.contains { $0.kind == .flushDirectory && $0.path == stage.directory })
        #expect(again.recoveryPoint == again.logEndOffset)
        #expect(try again.content().contents == model.contents)
    }

    @Test("C10 an empty file in the middle does not hide unflushed segments before it from the flush")
    func emptyMiddle() throws {
        var model = try log.fill(8, size: 60, flush: false, clock: stage.clock)
        #expect(log.segments.count == 3)
        let middle = log.segments[1]
        model = model.without([middle.baseOffset..<middle.nextOffset])
        try Disk.write([], to: middle.file.path)
        let disk = FaultyFileSystem()
        let again = try stage.open(on: disk).log
        disk.clearTrace()
        try again.flush()
        let flushed = Set(disk.trace.filter { $0.kind == .flush && $0.path.extension == "log" }.map(\.path))
        #expect(flushed == [again.segments[0].file.path, again.segments[2].file.path])
        #expect(try again.content().contents == model.contents)
    }

    @Test("a clean close leaves a sidecar for the active segment; the next open scans nothing and knows every time")
    func cleanClose() throws {
        let model = try log.fill(9, size: 60, clock: stage.clock)
        try log.close()
        stage.clock.advance(by: .seconds(3600))
        let (again, report) = try stage.open(.clean)
        #expect(report.scannedBytes == 0 && report.isUneventful)
        #expect(!again.needsFlush)
        #expect(again.recoveryPoint == again.logEndOffset)
        #expect(try again.content(maximumBytes: [1, 5000]) == model)
    }
}
