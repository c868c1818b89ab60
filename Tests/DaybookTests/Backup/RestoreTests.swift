// Restore: the same records, a new incarnation, and nothing under a real name that is not whole.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@testable import Daybook

@Suite struct RestoreTests {
    @Test func `What is restored is what was durable, and the snapshot stays as it is`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let snapshot = try await stage.backup().snapshot
        let before = try stage.dates(snapshot)
        let report = try await stage.restore()
        #expect(report.snapshot == snapshot && report.losses.isEmpty && report.notes.isEmpty)
        #expect(report.partitions.map(\.logEndOffset) == [30, 30])
        #expect(try stage.dates(snapshot) == before)
        for number in Int32(0)..<2 {
            #expect(try await stage.values(stage.restored, number) == (try await stage.values(stage.data, number)))
        }
        // Never a link: the restored log is written to.
        #expect(try stage.segments(stage.restored).allSatisfy { try stage.links($0) == 1 })
        #expect(try await Daybook.verify(stage.restored).isClean)
        let daybook = try await stage.open(stage.restored)
        #expect(daybook.recovery.findings.isEmpty && daybook.recovery.scannedBytes == 0)
        #expect(try daybook.topic("orders").configuration.segmentBytes == .kibibytes(1))
        try await stage.fill(daybook, 2, from: 60)
        #expect(try await daybook.content(try partition()).values.count == 31)
        try await daybook.close()
        #expect(try await Daybook.verify(stage.restored).isClean)
        #expect(try stage.dates(snapshot) == before)
    }

    private func producers(_ daybook: Daybook, _ number: Int32) throws -> [String] {
        try daybook.partition(partition(number)).withLog { $0.producers.sorted.map(\.description) }
    }

    @Test func `C52 a partition of which no record is left keeps what it knows of its producers`() async throws {
        let stage = try BackupStage()
        var daybook = try await stage.open()
        try await stage.fill(daybook, 20)
        #expect(try await daybook.deleteRecords(partition(0), before: 10) == 10)
        let known = try [producers(daybook, 0), producers(daybook, 1)]
        #expect(known.allSatisfy { $0.count == 1 })
        try await daybook.close()
        try await stage.backup()
        let report = try await stage.restore()
        #expect(report.partitions.map(\.segmentsCount) == [0, 2])
        #expect(try await Daybook.verify(stage.restored).isClean)
        daybook = try await stage.open(stage.restored)
        #expect(try [producers(daybook, 0), producers(daybook, 1)] == known)
        #expect(try await daybook.offsets(partition(0)).logStartOffset == 10)
        try await daybook.close()
    }

    @Test func `C13 a sidecar whose beginning is damaged stops no backup, and what its end tells is taken along`()
        async throws
    {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let daybook = try await stage.open()
        let known = try producers(daybook, 0)
        try await daybook.close()
        for path in try stage.segments(stage.data).dropLast() {
            try stage.change(path.replacing(".log", with: ".sidecar")) { $0[20] ^= 1 }
        }
        for sharesBytes in [true, false] {
            let snapshot = try await stage.backup(BackupOptions(sharesBytes: sharesBytes)).snapshot
            #expect(try await Daybook.verify(snapshot).isClean)
            try await stage.restore()
            let daybook = try await stage.open(stage.restored)
            #expect(daybook.recovery.scannedBytes == 0 && daybook.recovery.findings.isEmpty)
            #expect(try producers(daybook, 0) == known)
            try await daybook.close()
            #expect(try await stage.values(stage.restored, 0) == (try await stage.values(stage.data, 0)))
            try FileManager.default.removeItem(atPath: stage.restored)
            stage.clock.advance(by: .seconds(1))
        }
    }

    @Test func `C54 the epoch rises far, and a checkpoint behind the snapshot is told where its history ends`()
        async throws
    {
        let stage = try BackupStage()
        try await stage.prepare(20)
        try await stage.backup()
        // The source goes on, also in incarnations that the snapshot has not seen.
        for life in 1...3 {
            try stage.loseState()
            let daybook = try await stage.open()
            #expect(daybook.recovery.leaderEpoch == LeaderEpoch(rawValue: Int32(life)))
            try await stage.fill(daybook, 20, from: life * 20)
            try await daybook.close()
        }
        let report = try await stage.restore()
        let daybook = try await stage.open(stage.restored)
        #expect(daybook.recovery.leaderEpoch == report.leaderEpoch)
        #expect(report.leaderEpoch > LeaderEpoch(rawValue: 1000))
        let orders = try partition()
        for round in 0..<2 {
            try daybook.validate(orders, nextOffset: 10, epoch: .zero)
            for (offset, epoch) in [(11, 0), (11, 1), (30, 2), (40, 3)] as [(Int64, Int32)] {
                let error = #expect(throws: DaybookError.self) {
                    try daybook.validate(orders, nextOffset: Offset(offset), epoch: LeaderEpoch(rawValue: epoch))
                }
                #expect(
                    error?.code == .divergedHistory && error?.description.contains("offset 10") == true,
                    "round \(round)")
            }
            try await stage.fill(daybook, 100, from: 100)
        }
        try await daybook.close()
        // Another restore of the same snapshot is another history.
        stage.clock.advance(by: .seconds(1))
        try FileManager.default.removeItem(atPath: stage.restored)
        #expect(try await stage.restore().leaderEpoch != report.leaderEpoch)
    }

    @Test func `One is chosen by its name, or the newest`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(10)
        let first = try await stage.backup()
        let daybook = try await stage.open()
        try await stage.fill(daybook, 10, from: 10)
        try await daybook.close()
        let second = try await stage.backup()
        #expect(try await stage.restore().snapshot == second.snapshot)
        for (place, name, expected) in [
            (stage.destination, "20260101T000000Z.1", first.snapshot), (first.snapshot, nil, first.snapshot),
        ] {
            try FileManager.default.removeItem(atPath: stage.restored)
            #expect(try await stage.restore(place, at: name).snapshot == expected)
            #expect(try await stage.values(stage.restored, 0).count == 5)
        }
        for (place, name) in [
            (stage.destination, "20260101T000000Z.9"), (stage.data, nil), (stage.folder.path + "/none", nil),
        ] {
            let error = await #expect(throws: DaybookError.self) { try await stage.restore(place, at: name) }
            #expect(error?.code == .directoryUnusable)
        }
    }

    @Test func `Nothing that is there is replaced`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(10)
        try await stage.backup()
        // An empty folder is as good as none.
        try FileManager.default.createDirectory(atPath: stage.restored, withIntermediateDirectories: true)
        try await stage.restore()
        let before = try stage.dates(stage.restored)
        await #expect(throws: DaybookError.self) { try await stage.restore() }
        #expect(try stage.dates(stage.restored) == before)
        try FileManager.default.removeItem(atPath: stage.restored)
        try FileManager.default.createDirectory(
            atPath: stage.restored + ".unfinished", withIntermediateDirectories: true)
        try "mine".write(toFile: stage.restored + ".unfinished/diary", atomically: true, encoding: .utf8)
        await #expect(throws: DaybookError.self) { try await stage.restore() }
        #expect(FileManager.default.fileExists(atPath: stage.restored + ".unfinished/diary"))
    }

    @Test func `A flipped bit anywhere in a snapshot is found by verify, and in its records refuses the restore`()
        async throws
    {
        let stage = try BackupStage()
        try await stage.prepare(30)
        let snapshot = try await stage.backup(BackupOptions(sharesBytes: false)).snapshot
        var generator = SeededGenerator(seed: 11)
        for (name, whole) in try stage.bytes(snapshot).sorted(by: { $0.key < $1.key }) {
            for _ in 0..<(name.hasSuffix(".log") ? 6 : 3) {
                let position = Int.random(in: 0..<whole.count, using: &generator)
                let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
                try stage.change(snapshot + "/" + name) { $0[position] ^= bit }
                let place: Comment = "\(name), byte \(position), bit \(bit)"
                let verification = try await Daybook.verify(snapshot)
                #expect(!verification.isClean, place)
                if name.hasSuffix(".log") || name == "manifest" {
                    let error = await #expect(throws: DaybookError.self, place) { try await stage.restore() }
                    #expect(error?.code == .damaged || name == "manifest", place)
                    #expect(!FileManager.default.fileExists(atPath: stage.restored), place)
                    #expect(!FileManager.default.fileExists(atPath: stage.restored + ".unfinished"), place)
                } else {
                    try await stage.restore()
                    #expect(try await stage.values(stage.restored, 0).count == 15, place)
                    try FileManager.default.removeItem(atPath: stage.restored)
                }
                try whole.write(to: URL(filePath: snapshot + "/" + name))
            }
        }
        #expect(try await Daybook.verify(snapshot).isClean)
    }

    @Test func `Missing, added and cut segments of a snapshot are findings`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let snapshot = try await stage.backup(BackupOptions(sharesBytes: false)).snapshot
        let paths = try stage.segments(snapshot)
        let last = try #require(paths.last)
        func kinds() async throws -> Set<VerificationReport.Finding.Kind> {
            Set(try await Daybook.verify(snapshot).findings.map(\.kind))
        }
        for path in paths {
            let whole = try Data(contentsOf: URL(filePath: path))
            try FileManager.default.removeItem(atPath: path)
            #expect(try await kinds().isSuperset(of: [.manifest, .missing]))
            try whole.dropLast(40).write(to: URL(filePath: path))
            #expect(try await kinds().contains(.manifest))
            try whole.write(to: URL(filePath: path))
        }
        #expect(try await kinds().isEmpty)
        let added = last.replacing("/orders-0/", with: "/orders-1/").dropLast(24) + "00000000000000000999.log"
        try Data(contentsOf: URL(filePath: last)).write(to: URL(filePath: String(added)))
        #expect(try await kinds().contains(.manifest))
    }

    @Test func `What is left of a damaged snapshot is restored when that is wanted, with gaps`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let snapshot = try await stage.backup(BackupOptions(sharesBytes: false)).snapshot
        let paths = try stage.segments(snapshot)
        try stage.change(paths[0]) { $0[100] ^= 1 }
        try FileManager.default.removeItem(atPath: paths[1])
        try stage.change(try #require(paths.last)) { $0.removeLast(5) }
        await #expect(throws: DaybookError.self) { try await stage.restore() }
        let report = try await stage.restore(allowsDamage: true)
        #expect(report.losses.count == 3 && report.losses.allSatisfy { $0.topicPartition.partition == 0 })
        let daybook = try await stage.open(stage.restored)
        let content = try await daybook.content(try partition())
        #expect(Int64(content.records.count) + report.losses.reduce(0) { $0 + $1.gap.count } == 30)
        var unread = Set<Int64>(0..<30).subtracting(content.offsets)
        for loss in report.losses { unread.subtract(loss.gap.baseOffset.rawValue..<loss.gap.nextOffset.rawValue) }
        #expect(unread.isEmpty)
        #expect(try await daybook.content(try partition(1)).values.count == 30)
        // What was lost is not given again.
        #expect(
            try await daybook.makeProducer().send(Record(key: nil, value: "new"), to: "orders", partition: 0).offset
                == 30)
        try await daybook.close()
    }

    @Test func `Damage that the source had already is refused, or restored with gaps`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        try stage.change(try stage.segments(stage.data)[1]) { $0[100] ^= 1 }
        let losses = try await stage.backup().losses
        let error = await #expect(throws: DaybookError.self) { try await stage.restore() }
        #expect(error?.code == .damaged)
        #expect(try await stage.restore(allowsDamage: true).losses == losses)
        #expect(try await stage.values(stage.restored, 0).count == 29)
    }

    @Test func `C12 after a crash at any call the next restore is whole`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(30)
        try await stage.backup()
        let wanted = try await stage.values(stage.data, 0)
        var number = 0
        while true {
            let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: 10))
            let isDone = (try? await stage.restore(on: disk)) != nil
            // What has its real name is whole, whatever failed behind the rename.
            if !FileManager.default.fileExists(atPath: stage.restored) { try await stage.restore() }
            let verification = try await Daybook.verify(stage.restored)
            #expect(verification.isClean, "crash at call \(number): \(verification.findings)")
            #expect(try await stage.values(stage.restored, 0) == wanted)
            #expect(!FileManager.default.fileExists(atPath: stage.restored + ".unfinished"))
            try FileManager.default.removeItem(atPath: stage.restored)
            if isDone { break }
            number += 3
        }
        #expect(number > 60)
    }
}
