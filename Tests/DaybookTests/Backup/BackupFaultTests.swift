// Backup when things go wrong: calls that fail, crashes, segments that vanish or are replaced under it, damage in the source.

import Daybook
import DaybookFiles
import DaybookModel
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite struct BackupFaultTests {
    private func expectWhole(_ snapshot: String, _ stage: BackupStage, _ comment: Comment) async throws {
        let verification = try await Daybook.verify(snapshot)
        #expect(verification.isClean, "\(verification.findings); \(comment.rawValue)")
        for number in Int32(0)..<2 {
            #expect(try await stage.values(snapshot, number) == (try await stage.values(stage.data, number)), comment)
        }
    }

    /// A stage with one snapshot and some records behind it.
    private func stage() async throws -> BackupStage {
        let stage = try BackupStage()
        try await stage.prepare(16)
        try await stage.backup()
        let daybook = try await stage.open()
        try await stage.fill(daybook, 6, from: 16)
        try await daybook.close()
        return stage
    }

    @Test(arguments: [Errno.ioError, .noSpace])
    func `A call that fails, whichever, leaves no half snapshot and the source as it was`(errno: Errno) async throws {
        let stage = try await stage()
        let source = try stage.bytes(stage.data)
        let first = try #require(try stage.snapshots().first)
        var number = 0
        while true {
            let disk = FaultyFileSystem()
            disk.inject(Fault(.fail(errno), calls: number..<number + 1))
            let report = try? await stage.backup(on: disk)
            #expect(try stage.bytes(stage.data) == source)
            for name in try stage.snapshots() where name != first {
                // A failure behind the rename, or in removing what was left, may leave a snapshot: a whole one.
                #expect(!name.hasSuffix(".unfinished") || report == nil)
                guard !name.hasSuffix(".unfinished") else { continue }
                try await expectWhole(stage.destination + "/" + name, stage, "call \(number)")
                try FileManager.default.removeItem(atPath: stage.destination + "/" + name)
            }
            if disk.callsCount <= number { break }
            number += 1
        }
        #expect(number > 60)
    }

    @Test func `A live backup that cannot write the watermark says so; the next one holds everything`() async throws {
        let stage = try BackupStage()
        let disk = FaultyFileSystem()
        let daybook = try await Daybook.open(stage.data, configuration: Configuration().with(fileSystem: disk))
        try await daybook.createTopic("orders", partitions: 2, configuration: BackupStage.topic)
        try await stage.fill(daybook, 6)
        disk.inject(Fault(.fail(.ioError), [.write], calls: 0..<Int.max) { $0.lastComponent?.string == "watermarks" })
        try await stage.fill(daybook, 6, from: 6)
        // A snapshot is read as another process would read: with an older watermark it would lack what was acknowledged.
        let error = await #expect(throws: DaybookError.self) { try await daybook.backup(to: stage.destination) }
        #expect(error?.code == .inputOutput)
        #expect(try stage.snapshots().isEmpty)
        disk.heal()
        let report = try await daybook.backup(to: stage.destination)
        try await daybook.close()
        try await expectWhole(report.snapshot, stage, "after the disk took the watermarks again")
        #expect(try await stage.values(report.snapshot, 0).count == 6)
    }

    @Test func `A live backup that cannot read the watermarks says so and leaves no snapshot that ends too early`()
        async throws
    {
        let stage = try BackupStage()
        let disk = FaultyFileSystem()
        let daybook = try await Daybook.open(stage.data, configuration: Configuration().with(fileSystem: disk))
        try await daybook.createTopic("orders", partitions: 2, configuration: BackupStage.topic)
        try await stage.fill(daybook, 6)
        disk.inject(Fault(.fail(.ioError), [.read], calls: 0..<Int.max) { $0.lastComponent?.string == "watermarks" })
        let error = await #expect(throws: DaybookError.self) { try await daybook.backup(to: stage.destination) }
        #expect(error?.code == .inputOutput)
        #expect(try stage.snapshots().isEmpty)
        disk.heal()
        let report = try await daybook.backup(to: stage.destination)
        try await daybook.close()
        try await expectWhole(report.snapshot, stage, "after the disk gave out the watermarks again")
    }

    @Test func `C12 after a crash at any call the next backup is whole and tidies up`() async throws {
        let stage = try await stage()
        var number = 0
        while true {
            let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: 10))
            let isDone = (try? await stage.backup(on: disk)) != nil
            let report = try await stage.backup(BackupOptions(keep: 2))
            try await expectWhole(report.snapshot, stage, "crash at call \(number)")
            #expect(try stage.snapshots().allSatisfy { !$0.hasSuffix(".unfinished") })
            if isDone { break }
            number += 4
        }
        #expect(number > 60)
    }

    @Test func `A call that is interrupted or moves little is made again`() async throws {
        let stage = try await stage()
        for number in stride(from: 0, to: 120, by: 4) {
            let disk = FaultyFileSystem()
            disk.inject(
                Fault(
                    .fail(.interrupted), [.link, .open, .flush, .rename, .flushDirectory, .read, .write],
                    calls: number..<number + 1))
            disk.inject(Fault(.short(7), [.read, .write], calls: number..<number + 20))
            let report = try await stage.backup(BackupOptions(keep: 2), on: disk)
            try await expectWhole(report.snapshot, stage, "call \(number)")
        }
    }

    @Test func `C44 segments that vanish while they are looked at are missing from the snapshot, or all there`()
        async throws
    {
        for kind in [FileCallKind.link, .open, .status] {
            for number in [0, 1, 2, 4, 9] {
                let stage = try BackupStage()
                try await stage.prepare(60)
                let doomed = try stage.segments(stage.data)
                let disk = FaultyFileSystem()
                let seen = CallCount()
                disk.observe { call in
                    // Link is called by the new name; the file behind it is the source's.
                    guard call.kind == kind, call.path.string.hasSuffix(".log"), call.path.string.contains("orders-0"),
                        seen.next() == number
                    else { return }
                    // As retention removes: the oldest first.
                    for path in doomed.prefix(3) {
                        unlink(path)
                        unlink(path.replacing(".log", with: ".sidecar"))
                    }
                }
                let report = try await stage.backup(on: disk)
                let values = try await stage.values(report.snapshot, 1)
                #expect(values.count == 30)
                let verification = try await Daybook.verify(report.snapshot)
                // The log start was not moved here, so that what vanished is told as lost, and as nothing else.
                #expect(report.isWhole == verification.isClean, "\(kind) \(number): \(verification.findings)")
                #expect(verification.findings.allSatisfy { $0.kind == .missing }, "\(verification.findings)")
            }
        }
    }

    @Test func `C43 what a writer appends while the files are looked at is new, and not missing`() async throws {
        for number in 0..<3 {
            let stage = try BackupStage()
            let writer = try await stage.open()
            try await stage.fill(writer, 30)
            let disk = FaultyFileSystem()
            let seen = CallCount()
            let done = DispatchSemaphore(value: 0)
            disk.observe { call in
                // The list has been made; the sidecar that is read next soon speaks of more.
                guard call.kind == .open, call.path.string.hasSuffix(".sidecar"),
                    call.path.string.contains("data/orders-0"), seen.next() == number
                else { return }
                Task {
                    try await stage.fill(writer, 40, from: 30)
                    done.signal()
                }
                done.wait()
            }
            let report = try await stage.backup(on: disk)
            #expect(report.isWhole, "\(report.losses)")
            #expect(try await Daybook.verify(report.snapshot).isClean)
            try await writer.close()
        }
    }

    @Test func `A segment that is replaced under its name is taken as it was or as it is`() async throws {
        for number in 0..<6 {
            let stage = try BackupStage()
            try await stage.prepare(60)
            let path = try stage.segments(stage.data)[number % 3]
            // The same records; what counts is that it is another file.
            try FileManager.default.copyItem(atPath: path, toPath: stage.folder.path + "/compacted")
            let disk = FaultyFileSystem()
            let seen = CallCount()
            let replacement = stage.folder.path + "/compacted"
            disk.observe { call in
                guard call.path.string.contains("orders-0"), call.path.string.hasSuffix(".log"),
                    [.link, .open].contains(call.kind),
                    seen.next() == number
                else { return }
                rename(replacement, path)
            }
            let report = try await stage.backup(on: disk)
            #expect(report.isWhole)
            try await expectWhole(report.snapshot, stage, "call \(number)")
        }
    }

    @Test func `A topic that is deleted meanwhile is left out, whole`() async throws {
        let stage = try BackupStage()
        var daybook = try await stage.open()
        try await stage.fill(daybook, 20)
        try await daybook.createTopic("zebras")
        try await daybook.close()
        daybook = try await stage.open()
        let writer = daybook
        let disk = FaultyFileSystem()
        let seen = CallCount()
        let done = DispatchSemaphore(value: 0)
        disk.observe { call in
            guard call.kind == .createDirectory, call.path.string.hasSuffix("orders-1"),
                seen.next() == 0
            else { return }
            Task {
                try await writer.deleteTopic("orders")
                done.signal()
            }
            done.wait()
        }
        let report = try await stage.backup(on: disk)
        #expect(report.topics.map(\.name.description) == ["zebras"])
        #expect(report.notes.count == 1 && report.isWhole)
        #expect(try await Daybook.verify(report.snapshot).isClean)
        try await daybook.close()
    }

    @Test func `C1 damage in the source is taken along, told, and found again in the snapshot`() async throws {
        for (index, copies) in [(0, false), (0, true), (2, false), (-1, false)] {
            let stage = try BackupStage()
            try await stage.prepare(60)
            let paths = try stage.segments(stage.data)
            let path = paths[index < 0 ? paths.count - 1 : index]
            try stage.change(path) { $0[100] ^= 4 }
            for round in 0..<2 {
                let report = try await stage.backup(BackupOptions(sharesBytes: !copies))
                #expect(!report.isWhole && report.losses.count == 1, "segment \(index), round \(round)")
                let loss = try #require(report.losses.first)
                #expect(loss.topicPartition == (try partition(0)) && loss.gap.count == 1)
                let name = try #require(path.split(separator: "/").last)
                #expect(
                    try Data(contentsOf: URL(filePath: report.snapshot + "/orders-0/\(name)"))
                        == Data(contentsOf: URL(filePath: path)))
                let verification = try await Daybook.verify(report.snapshot)
                #expect(verification.findings.map(\.kind) == [.corruption], "\(verification.findings)")
                #expect(verification.findings.first?.offsets?.lowerBound == loss.gap.baseOffset)
            }
        }
    }

    @Test func `A segment that is missing, or a folder, is told as lost`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let paths = try stage.segments(stage.data)
        try FileManager.default.removeItem(atPath: paths[1])
        try FileManager.default.removeItem(atPath: stage.data + "/orders-1")
        let report = try await stage.backup()
        #expect(report.losses.count == 2)
        #expect(report.losses.last?.gap == Gap(baseOffset: 0, nextOffset: 30, cause: .quarantined))
        #expect(try await stage.values(report.snapshot, 0).count < 30)
        #expect(try await Daybook.verify(report.snapshot).findings.allSatisfy { $0.kind == .missing })
    }

    @Test func `Damage in an earlier snapshot does not reach the next one`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let first = try await stage.backup(BackupOptions(sharesBytes: false))
        try stage.change(try stage.segments(first.snapshot)[1]) { $0[50] ^= 1 }
        try stage.change(try stage.segments(first.snapshot)[2]) { $0.removeLast() }
        // The shorter one is seen at once; the changed one only by who reads it.
        let second = try await stage.backup(BackupOptions(sharesBytes: false, check: .all))
        #expect(second.isWhole && second.notes.count == 1)
        #expect(second.amounts.copied == 4)
        #expect(try await Daybook.verify(second.snapshot).isClean)
        #expect(try await !Daybook.verify(first.snapshot).isClean)
        try "".write(toFile: second.snapshot + "/manifest", atomically: true, encoding: .utf8)
        let third = try await stage.backup(BackupOptions(check: .all))
        #expect(third.notes.first?.contains("was passed over") == true)
        #expect(try await Daybook.verify(third.snapshot).isClean)
    }
}
