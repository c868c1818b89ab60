// What things cost, counted in calls and never in time: appends, cold reads of tiny batches, and what stays behind when
// nobody uses a log.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookTesting
import SystemPackage
import Testing

@testable import DaybookStorage

@Suite("Counts of calls")
struct CallCountTests {
    @Test func `C71 batches of one record, read cold, cost a read for many of them`() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .kibibytes(128)
        stage.configuration.indexIntervalBytes = .kibibytes(4)
        let log = try stage.open(on: FaultyFileSystem()).log
        let batch = try Batch.make(1, of: 10, mark: 1)
        for _ in 0..<5000 { _ = try log.append(batch, now: stage.clock.now()) }
        try log.flush()
        try log.close()
        let disk = FaultyFileSystem()
        let cold = try stage.open(.clean, on: disk).log
        disk.clearTrace()
        #expect(try cold.content(maximumBytes: [64 << 10]).count == 5000)
        let reads = disk.trace.filter { $0.kind == .read && $0.path.extension == "log" }
        let few = cold.size / (64 << 10) + 2 * cold.segments.count
        #expect(reads.count <= few, "\(reads.count) reads of \(cold.size) bytes in \(cold.segments.count) segments")
        // Nothing is read twice to find out where a batch begins or ends.
        #expect(reads.reduce(0) { $0 + ($1.count ?? 0) } <= cold.size + 8 << 10)
        #expect(disk.trace.count { $0.kind == .open } <= 2 * cold.segments.count)
    }

    @Test func `C72 C73 an append is one write: nothing is read, and no room is made in advance`() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(2000)
        stage.poolLimit = 1000
        let log = try stage.open().log
        try log.fill(60, size: 60, clock: stage.clock)
        try log.close()
        let disk = FaultyFileSystem()
        let again = try stage.open(.clean, on: disk).log
        let before = again.segments.count
        disk.clearTrace()
        try again.fill(200, size: 60, flush: false, clock: stage.clock)
        let rolled = again.segments.count - before
        #expect(rolled > 10)
        let segments = disk.trace.filter { $0.path.extension == "log" }
        #expect(segments.count { $0.kind == .write } == 200)
        #expect(Set(segments.map(\.kind)) == [.open, .write])
        #expect(segments.count { $0.kind == .open } <= rolled + 1)
        // Where segments change the sidecar of the one before is written, and that is all.
        let others = disk.trace.filter { $0.path.extension != "log" }
        #expect(others.allSatisfy { $0.path.extension == "sidecar" })
        #expect(Set(others.map(\.kind)).isSubset(of: [.open, .truncate, .write, .close]))
        #expect(others.count { $0.kind == .write } == rolled)
    }

    @Test func `C74 a log that was read to its end keeps few indexes and few descriptors`() throws {
        var stage = try LogStage()
        stage.poolLimit = 8
        let log = try stage.open(on: FaultyFileSystem()).log
        try log.fill(200, size: 60, clock: stage.clock)
        try log.close()
        let again = try stage.open(.clean, on: FaultyFileSystem()).log
        #expect(again.segments.count > 50)
        #expect(again.segments.dropLast().allSatisfy { $0.index == nil }, "an open loads no index of a closed segment")
        #expect(again.pool.openCount <= 8)
        #expect(try again.content().count == 400)
        #expect(again.segments.dropLast().count { $0.index != nil } <= 4)
        #expect(again.pool.openCount <= 8)
        try again.close()
        #expect(again.pool.openCount == 0)
    }
}
