// Backup: what a snapshot holds while a writer goes on, what is copied and what is not, and that the source is left alone.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@testable import Daybook

@Suite struct BackupTests {
    @Test func `A snapshot taken while a producer writes holds exactly what was durable`() async throws {
        let stage = try BackupStage()
        let daybook = try await stage.open()
        try await stage.fill(daybook, 40)
        let stops = CallCount()
        let snapshots = try await withThrowingTaskGroup(of: Int.self, returning: [BackupReport].self) { group in
            group.addTask {
                var number = 40
                while stops.isZero || number < 200 {
                    try await stage.fill(daybook, 10, from: number)
                    number += 10
                }
                return number
            }
            var reports: [BackupReport] = []
            for _ in 0..<5 { reports.append(try await stage.backup()) }
            reports.append(try await daybook.backup(to: stage.destination))
            _ = stops.next()
            try await group.waitForAll()
            return reports
        }
        try await daybook.close()
        var counts = [20, 20]
        for report in snapshots {
            #expect(report.isWhole && report.notes.isEmpty)
            let verification = try await Daybook.verify(report.snapshot)
            #expect(verification.isClean, "\(verification.findings)")
            for number in 0..<2 {
                let values = try await stage.values(report.snapshot, Int32(number))
                #expect(values == (try await stage.values(stage.data, Int32(number))).prefix(values.count).map { $0 })
                #expect(values.count >= counts[number])
                counts[number] = values.count
            }
        }
        #expect(try stage.snapshots().count == 6)
    }

    @Test func `A backup by the writer itself holds all that was appended before the call`() async throws {
        let stage = try BackupStage()
        let daybook = try await stage.open()
        let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        for number in 0..<30 {
            _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 0)
        }
        let report = try await daybook.backup(to: stage.destination)
        #expect(try await stage.values(report.snapshot, 0) == (0..<30).map { "\($0)" })
        try await daybook.close()
        await #expect(throws: DaybookError.self) { try await daybook.backup(to: stage.destination) }
    }

    @Test func `C40 nothing is written in the data directory, and no lock is taken there`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(40)
        for spoil in 0..<4 {
            switch spoil {
            case 1: try stage.loseState()
            case 2:
                for path in try stage.segments(stage.data) {
                    try FileManager.default.removeItem(atPath: path.replacing(".log", with: ".sidecar"))
                }
            case 3: try stage.change(try #require(try stage.segments(stage.data).last)) { $0 += Data("torn".utf8) }
            default: break
            }
            let before = try stage.dates(stage.data)
            let disk = FaultyFileSystem()
            try await stage.backup(on: disk)
            try await stage.backup(BackupOptions(sharesBytes: false), on: disk)
            #expect(try stage.dates(stage.data) == before, "way \(spoil)")
            let own = FilePath(stage.data)
            #expect(
                disk.trace.allSatisfy {
                    !$0.path.starts(with: own) || !FileCallKind.changing.contains($0.kind) && $0.kind != .lock
                }, "way \(spoil)")
        }
    }

    @Test func `What an earlier snapshot holds is not copied again, and what is complete is linked`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let count = try stage.segments(stage.data, 0).count + stage.segments(stage.data, 1).count
        let first = try await stage.backup().amounts
        // The last segment of each partition still grows.
        #expect((first.segments, first.linked, first.kept, first.copied) == (count, count - 2, 0, 2))
        #expect(first.copiedBytes < first.bytes)
        let second = try await stage.backup().amounts
        #expect((second.segments, second.linked, second.kept, second.copied) == (count, 0, count - 2, 2))

        let daybook = try await stage.open()
        try await stage.fill(daybook, 40, from: 60)
        try await daybook.close()
        let third = try await stage.backup()
        #expect(third.amounts.kept >= count - 2)
        #expect(third.amounts.linked >= 2 && third.amounts.copied == 2)
        #expect(try stage.links(try stage.segments(stage.data)[0]) == 4)
        #expect(try await Daybook.verify(third.snapshot).isClean)
    }

    @Test func `Copies share no bytes with the data directory, but with earlier copies`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let linked = try await stage.backup()
        let copied = try await stage.backup(BackupOptions(sharesBytes: false))
        #expect(copied.amounts.copied == copied.amounts.segments)
        #expect(try stage.links(try stage.segments(copied.snapshot)[0]) == 1)
        let again = try await stage.backup(BackupOptions(sharesBytes: false))
        #expect(again.amounts.kept == linked.amounts.linked)
        #expect(again.amounts.copied == 2)
        #expect(try stage.links(try stage.segments(stage.data)[0]) == 2)
    }

    @Test func `Where no links are to be had everything is copied, once`() async throws {
        for errno in [Errno.improperLink, .tooManyLinks, .notPermitted, .notSupported] {
            let stage = try BackupStage()
            try await stage.prepare(40)
            let disk = FaultyFileSystem()
            disk.inject(Fault(.fail(errno), [.link], calls: 0..<Int.max))
            let report = try await stage.backup(on: disk)
            #expect(report.amounts.copied == report.amounts.segments)
            #expect(try await Daybook.verify(report.snapshot).isClean)
        }
    }

    @Test func `Only the newest are kept, and nothing is removed that is no snapshot`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(20)
        for _ in 0..<4 {
            try await stage.backup()
            stage.clock.advance(by: .seconds(3600))
        }
        // A clock set back does not make a new snapshot an old one.
        stage.clock.set(to: Timestamp(milliseconds: 0))
        for path in ["/notes.txt", "/20200101T000000Z.1x"] {
            try "mine".write(toFile: stage.destination + path, atomically: true, encoding: .utf8)
        }
        try FileManager.default.createDirectory(
            atPath: stage.destination + "/20200101T000000Z.0", withIntermediateDirectories: false)
        let report = try await stage.backup(BackupOptions(keep: 2))
        #expect(report.snapshot.hasSuffix("/19700101T000000Z.5"))
        #expect(report.removed == ["20260101T000000Z.1", "20260101T010000Z.2", "20260101T020000Z.3"])
        #expect(
            try stage.snapshots() == [
                "19700101T000000Z.5", "20200101T000000Z.0", "20200101T000000Z.1x", "20260101T030000Z.4", "notes.txt",
            ])
        #expect(try await stage.restore().snapshot == report.snapshot)
        await #expect(throws: DaybookError.self) { try await stage.backup(BackupOptions(keep: 0)) }
    }

    @Test func `A snapshot is read like any data directory, and not written to`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(20)
        let snapshot = try await stage.backup().snapshot
        let before = try stage.dates(snapshot)
        let error = await #expect(throws: DaybookError.self) { _ = try await Daybook.open(snapshot) }
        #expect(error?.code == .directoryIsSnapshot)
        #expect(error?.description.contains("daybook restore") == true)
        #expect(try await stage.values(snapshot, 1).count == 10)
        #expect(try stage.dates(snapshot) == before)
    }

    @Test func `What is no data directory, or no place for snapshots, is refused with a sentence`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(2)
        for (source, destination) in [
            (stage.folder.path + "/none", stage.destination), (stage.folder.path, stage.destination),
            (stage.data, stage.data), (stage.data, stage.data + "/orders-0/../backups"),
        ] {
            let error = await #expect(throws: DaybookError.self) {
                try await Daybook.backup(source, to: destination)
            }
            #expect(error?.code == .directoryUnusable)
        }
        let other = try BackupStage()
        try await other.prepare(2)
        await #expect(throws: DaybookError.self) { try await Daybook.backup(stage.data, to: other.data) }
        try await stage.backup()
        let lock = try PosixFileSystem().lock(FilePath(stage.destination + "/LOCK"))
        let error = await #expect(throws: DaybookError.self) { try await stage.backup() }
        #expect(error?.code == .directoryLocked)
        lock.release()
        try await stage.backup()
    }

    @Test func `A backup that is cancelled leaves nothing under a real name`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(40)
        let task = Task {
            try await stage.backup(BackupOptions(sharesBytes: false, rateLimit: .bytes(1)))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try stage.snapshots().isEmpty)
    }

    @Test func `The name of a snapshot is the moment it was begun`() throws {
        for (milliseconds, name) in [
            (0, "19700101T000000Z.3"), (951_782_399_999, "20000228T235959Z.3"), (951_782_400_000, "20000229T000000Z.3"),
            (-1, "19691231T235959Z.3"), (4_102_444_800_000, "21000101T000000Z.3"),
        ] as [(Int64, String)] {
            #expect(SnapshotFolder.name(at: Timestamp(milliseconds: milliseconds), number: 3) == name)
            #expect(SnapshotFolder.number(of: name) == 3)
            #expect(TopicPartition(folderName: name) == nil)
        }
        #expect(SnapshotFolder.number(of: "20000228T235959Z.3.unfinished") == nil)
        #expect(SnapshotFolder.number(of: "20000228T235959Z.") == nil)
    }
}
