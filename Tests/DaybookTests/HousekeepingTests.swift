// The engine looks after itself: what retention, compaction and scrubbing do to a daybook that is in use, and what a clock
// that jumps does not make them do.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@Suite("Housekeeping")
struct HousekeepingTests {
    private func configuration(_ clock: ManualClock, settling: Duration = .zero) -> Configuration {
        var configuration = Configuration().with(clock: clock)
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.settlingTime = settling
        configuration.housekeeping.bytesPerSecond = nil
        configuration.housekeeping.scrubInterval = nil
        return configuration
    }

    private func topic(
        _ policy: RetentionConfiguration.Policy = .delete, age: Duration? = nil, bytes: ByteCount? = nil
    ) -> TopicConfiguration {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        topic.retention.policy = policy
        topic.retention.age = age
        topic.retention.bytes = bytes
        return topic
    }

    /// Sends `count` records, each in a batch of its own, a second apart.
    private func fill(_ daybook: Daybook, _ clock: ManualClock, _ count: Int, keys: Int = 5) async throws {
        let producer = try daybook.makeProducer()
        for number in 0..<count {
            clock.advance(by: .seconds(1))
            let value = "\(number) " + String(repeating: "v", count: 100)
            _ = try await producer.send(Record(key: "k\(number % keys)", value: value), to: "orders")
        }
    }

    @Test func `Old records go, and readers get a gap for them`() async throws {
        let clock = ManualClock()
        try await withDaybook(topic: topic(age: .seconds(60)), configuration(clock)) { daybook in
            try await fill(daybook, clock, 200)
            let report = try await daybook.housekeep()
            #expect(report.findings.map(\.kind) == [.deleted] && report.clockJump == nil)
            let offsets = try await daybook.offsets(try partition())
            let start = offsets.logStartOffset
            #expect(start > 100 && start <= 140 && offsets.logEndOffset == 200)
            let content = try await daybook.content(try partition())
            #expect(content.gaps == [Gap(baseOffset: 0, nextOffset: start, cause: .retained)])
            #expect(content.offsets == Array(start.rawValue..<200))
            #expect(try await daybook.housekeep().findings.isEmpty)
        }
    }

    @Test(arguments: [10 * 366 * 86400, -10 * 366 * 86400, 3600])
    func `C49 a clock that jumps deletes nothing, and age goes on from there`(seconds: Int64) async throws {
        let clock = ManualClock()
        try await withDaybook(topic: topic(age: .seconds(600)), configuration(clock)) { daybook in
            try await fill(daybook, clock, 100)
            clock.set(to: clock.now().advanced(byMilliseconds: seconds * 1000))
            let report = try await daybook.housekeep()
            #expect(report.findings.isEmpty)
            #expect((report.clockJump ?? .zero) > (seconds > 0 ? .seconds(3000) : .seconds(-1)))
            #expect((report.clockJump == nil) == (seconds < 0))
            // Time that passes counts, jump or not.
            clock.advance(by: .seconds(540))
            #expect(try await daybook.housekeep().findings.count == (seconds > 0 ? 1 : 0))
            #expect(try await daybook.offsets(try partition()).logStartOffset < 60)
            if seconds > 0 {
                // Somebody has looked: that is the time.
                daybook.acceptClock()
                #expect(try await daybook.housekeep().findings.map(\.kind) == [.deleted])
                #expect(try await daybook.offsets(try partition()).logStartOffset == 100)
            }
        }
    }

    @Test func `C49 for a while after opening nothing goes for its age`() async throws {
        let clock = ManualClock()
        let settings = configuration(clock, settling: .seconds(300))
        try await withDaybook(topic: topic(age: .seconds(60)), settings) { daybook in
            try await fill(daybook, clock, 200)
            #expect(try await daybook.housekeep().findings.isEmpty)
            clock.advance(by: .seconds(100))
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.deleted])
        }
    }

    @Test func `Size deletes the oldest segments and never what is not durable`() async throws {
        let clock = ManualClock()
        try await withDaybook(topic: topic(bytes: .kibibytes(8)), configuration(clock)) { daybook in
            try await fill(daybook, clock, 200)
            try await daybook.housekeep()
            let offsets = try await daybook.offsets(try partition())
            #expect(offsets.size >= .kibibytes(8) && offsets.size < .kibibytes(11))
        }
    }

    @Test func `A group that has committed nothing holds everything back until the limit, with a warning before`()
        async throws
    {
        let clock = ManualClock()
        var topic = topic(age: .seconds(10))
        topic.retention.guardGroups = ["warehouse", "accounting"]
        topic.retention.guardAge = .seconds(1000)
        try await withDaybook(topic: topic, configuration(clock)) { daybook in
            let orders = try partition()
            try await fill(daybook, clock, 200)
            try await daybook.commit(group: "warehouse", offsets: [orders: OffsetCommit(150)])
            #expect(try await daybook.housekeep().findings.isEmpty)
            try await daybook.commit(group: "accounting", offsets: [orders: OffsetCommit(50)])
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.deleted])
            let held = try await daybook.offsets(orders).logStartOffset
            #expect(held > 30 && held <= 50)
            clock.advance(by: .seconds(700))
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.holdPressure])
            #expect(try await daybook.offsets(orders).logStartOffset == held)
            clock.advance(by: .seconds(1000))
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.holdOverridden])
            let gap = try await daybook.content(orders, from: 50).gaps.first
            #expect(gap?.cause == .retained && gap?.nextOffset == 200)
        }
    }

    @Test func `Deleted records stay deleted, also in the middle of a segment and after a kill`() async throws {
        let clock = ManualClock()
        try await withDirectory { directory in
            let orders = try partition()
            do {
                let daybook = try await Daybook.open(directory, configuration: configuration(clock))
                try await daybook.createTopic("orders", configuration: self.topic())
                try await fill(daybook, clock, 50)
                #expect(try await daybook.deleteRecords(orders, before: 33) == 33)
                let error = await #expect(throws: DaybookError.self) {
                    try await daybook.deleteRecords(orders, before: 51)
                }
                #expect(error?.code == .offsetOutOfRange)
                #expect(try await daybook.deleteRecords(orders, before: 10) == 33)
            }
            // Forgotten without a close, which is what a kill looks like to the next open.
            var reopened: Daybook?
            let isFree = await eventually {
                reopened = try? await Daybook.open(directory, configuration: configuration(clock))
                return reopened != nil
            }
            #expect(isFree)
            let daybook = try #require(reopened)
            #expect(try await daybook.offsets(orders).logStartOffset == 33)
            #expect(try await daybook.content(orders).offsets == Array(33..<50))
            try await daybook.close()
        }
    }

    @Test func `C45 a deletion that could not be written down is not told to the next incarnation`() async throws {
        let clock = ManualClock()
        let disk = FaultyFileSystem()
        try await withDirectory { directory in
            let settings = configuration(clock).with(fileSystem: disk, clock: clock)
            let orders = try partition()
            var daybook = try await Daybook.open(directory, configuration: settings)
            try await daybook.createTopic("orders", configuration: topic())
            try await fill(daybook, clock, 50)
            disk.inject(Fault(.fail(.noSpace), [.write]) { $0.lastComponent?.string == "checkpoint.new" })
            let error = await #expect(throws: DaybookError.self) { try await daybook.deleteRecords(orders, before: 33) }
            #expect(error?.code == .diskFull)
            try await daybook.close()
            // Its watermark is not flushed while it is open: a power cut could take back what it told.
            daybook = try await Daybook.open(directory, configuration: settings)
            #expect(try await daybook.offsets(orders).logStartOffset == 0)
            #expect(try await daybook.deleteRecords(orders, before: 33) == 33)
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: settings)
            #expect(try await daybook.offsets(orders).logStartOffset == 33)
            try await daybook.close()
        }
    }

    @Test func `Compaction keeps the newest of each key for readers here and in other processes`() async throws {
        let clock = ManualClock()
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory, configuration: configuration(clock))
            try await daybook.createTopic("orders", configuration: topic(.compact))
            let orders = try partition()
            try await fill(daybook, clock, 300)
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            let isSeen = try await eventually { try await reader.content(orders).offsets.count == 300 }
            #expect(isSeen)
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.compacted])
            let after = try await daybook.content(orders)
            #expect(after.gaps.isEmpty && after.offsets.count < 60)
            #expect(after.offsets.suffix(5) == [295, 296, 297, 298, 299])
            let status = try daybook.maintenanceStatus(orders)
            #expect(status.compactedTo > 200 && status.compaction?.recordsDropped == Int64(300 - after.offsets.count))
            // The other process looked at the files before; now there are others of the same names.
            for from in [Offset(0), 17, 250] {
                let seen = try await reader.content(orders, from: from)
                #expect(seen.gaps.isEmpty && seen.offsets == after.offsets.filter { $0 >= from.rawValue })
            }
            try await reader.close()
            try await daybook.close()
            let verified = try await Daybook.verify(directory)
            #expect(verified.isClean, "\(verified.findings)")
        }
    }

    @Test func `C61 a compaction that the disk stopped is reported until the directory is opened again`() async throws {
        let clock = ManualClock()
        let disk = FaultyFileSystem()
        try await withDirectory { directory in
            let settings = configuration(clock).with(fileSystem: disk, clock: clock)
            var daybook = try await Daybook.open(directory, configuration: settings)
            try await daybook.createTopic("orders", configuration: topic(.compact))
            try await fill(daybook, clock, 200)
            let newest = try await daybook.content(try partition()).records.suffix(5).map(\.record)
            disk.inject(Fault(.fail(.ioError), [.rename]) { $0.string.hasSuffix(".log.cleaned") })
            for _ in 0..<3 { #expect(try await daybook.housekeep().findings.map(\.kind) == [.failure]) }
            #expect(try await daybook.content(try partition()).records.suffix(5).map(\.record) == newest)
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: settings)
            #expect(try await daybook.housekeep().findings.map(\.kind) == [.compacted])
            #expect(try await daybook.content(try partition()).records.suffix(5).map(\.record) == newest)
            try await daybook.close()
        }
    }

    @Test func `Only compacted topics are compacted, and only records with keys go there`() async throws {
        try await withDaybook(topic: topic()) { daybook in
            let error = await #expect(throws: DaybookError.self) { try await daybook.compact("orders") }
            #expect(error?.code == .invalidConfiguration)
            try await daybook.alterTopic("orders", settings: [("cleanup.policy", "compact")])
            #expect(try await daybook.compact("orders").isEmpty)
            let producer = try daybook.makeProducer()
            let refused = await #expect(throws: DaybookError.self) {
                try await producer.send(Record(key: nil, value: "x"), to: "orders")
            }
            #expect(refused?.code == .invalidRecord && refused?.message.contains("cleanup.policy") == true)
            _ = try await producer.send(Record(key: "k", value: nil), to: "orders")
        }
    }

    @Test func `C44 a hundred readers cope with segments that go and are replaced under them`() async throws {
        let clock = ManualClock()
        var topic = topic(.compactAndDelete, bytes: .kibibytes(3))
        topic.retention.dirtyRatio = 0
        var settings = configuration(clock)
        settings.openFilesLimit = 3
        try await withDaybook(topic: topic, settings) { daybook in
            let orders = try partition()
            try await fill(daybook, clock, 50, keys: 1000)
            let isDone = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for reader in 0..<100 {
                    group.addTask {
                        var next = Offset(Int64(reader % 50))
                        repeat {
                            let result = try await daybook.read(orders, from: next, maxBytes: .kibibytes(1))
                            let records = try result.batches.flatMap { try $0.records() }
                            #expect(records.allSatisfy { $0.record.key != nil })
                            #expect(result.gaps.allSatisfy { $0.cause == .retained })
                            next = result.isEmpty ? Offset(Int64(reader % 50)) : result.nextOffset
                        } while !isDone.isSet
                    }
                }
                for _ in 0..<15 {
                    try await fill(daybook, clock, 40, keys: 30)
                    let findings = try await daybook.housekeep().findings
                    #expect(!findings.contains { $0.kind == .failure || $0.kind == .damage }, "\(findings)")
                }
                isDone.set()
                try await group.waitForAll()
            }
            #expect(try await daybook.offsets(orders).logStartOffset > 100)
        }
    }

    @Test func `Scrubbing finds what rotted since, and its result is there after an open`() async throws {
        let clock = ManualClock()
        try await withDirectory { directory in
            var settings = configuration(clock)
            settings.housekeeping.scrubInterval = .seconds(7 * 24 * 3600)
            var daybook = try await Daybook.open(directory, configuration: settings)
            try await daybook.createTopic("orders", configuration: topic())
            let orders = try partition()
            try await fill(daybook, clock, 100)
            let sound = try #require(try await daybook.scrub()[orders])
            #expect(sound.segmentsCount > 3 && sound.damagedSegmentsCount == 0 && sound.time == clock.now())
            let path = URL(filePath: directory).appending(path: "orders-0/00000000000000000000.log")
            var bytes = try Data(contentsOf: path)
            bytes[200] ^= 4
            let handle = try FileHandle(forWritingTo: path)
            try handle.write(contentsOf: bytes)
            try handle.close()
            clock.advance(by: .seconds(8 * 24 * 3600))
            // It is due by itself.
            let report = try await daybook.housekeep()
            #expect(report.findings.map(\.kind) == [.damage])
            let content = try await daybook.content(orders)
            #expect(content.gaps.map(\.cause) == [.quarantined] && content.offsets.count > 90)
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: configuration(clock))
            let status = try daybook.maintenanceStatus(orders)
            #expect(status.lastScrub?.damagedSegmentsCount == 1 && status.lastScrub?.time == clock.now())
            try await daybook.close()
        }
    }

    @Test func `Passes come by themselves`() async throws {
        let clock = ManualClock()
        var settings = configuration(clock)
        settings.housekeeping.isAutomatic = true
        settings.housekeeping.interval = .milliseconds(1)
        try await withDaybook(topic: topic(bytes: .kibibytes(4)), settings) { daybook in
            try await fill(daybook, clock, 100)
            #expect(try await eventually { try await daybook.offsets(try partition()).logStartOffset > 50 })
        }
    }

    @Test func `A daybook closes although a compaction would take for ever`() async throws {
        let clock = ManualClock()
        var settings = configuration(clock)
        settings.housekeeping.bytesPerSecond = .bytes(1)
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory, configuration: settings)
            try await daybook.createTopic("orders", configuration: topic(.compact))
            try await fill(daybook, clock, 100)
            async let compaction = daybook.compact("orders")
            try await daybook.close()
            _ = try? await compaction
            let reopened = try await Daybook.open(directory, configuration: configuration(clock))
            #expect(try await reopened.content(try partition()).offsets.count == 100)
            #expect(try await reopened.compact("orders").count == 1)
            #expect(try await reopened.content(try partition()).offsets.count < 40)
            try await reopened.close()
        }
    }
}

/// Set once, seen by many tasks.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
