// Opening and closing a data directory: the lock, the format, the epoch, reading beside a writer.

import Daybook
import Foundation
import Testing

@Suite struct OpeningTests {
    @Test func `C39 a second writer is refused, in this process too, and the lock file stays`() async throws {
        try await withDirectory { directory in
            let first = try await Daybook.open(directory)
            let error = await #expect(throws: DaybookError.self) { _ = try await Daybook.open(directory) }
            #expect(error?.code == .directoryLocked)
            try await first.close()
            #expect(FileManager.default.fileExists(atPath: directory + "/LOCK"))
            let second = try await Daybook.open(directory)
            try await second.close()
        }
    }

    @Test func `A directory is made with its parents, or not when that is not wanted`() async throws {
        try await withDirectory { directory in
            let deep = directory + "/a/b/c"
            let error = await #expect(throws: DaybookError.self) {
                _ = try await Daybook.open(deep, configuration: Configuration(createsDirectory: false))
            }
            #expect(error?.code == .directoryUnusable)
            try await Daybook.open(deep).close()
            #expect(FileManager.default.fileExists(atPath: deep + "/state"))
        }
    }

    @Test func `The epoch rises after an unclean end only`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            #expect(daybook.recovery.leaderEpoch == .zero)
            #expect(daybook.recovery.wasClosedCleanly)
            try await daybook.close()
            daybook = try await Daybook.open(directory)
            #expect(daybook.recovery.leaderEpoch == .zero)
            try await daybook.close()
            try markUnclean(directory)
            daybook = try await Daybook.open(directory)
            #expect(daybook.recovery.leaderEpoch == LeaderEpoch(rawValue: 1))
            #expect(!daybook.recovery.wasClosedCleanly)
            try await daybook.close()
        }
    }

    @Test func `Records of an older incarnation keep their epoch and a foreign checkpoint is refused`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            try await send(3, to: daybook)
            try await daybook.close()
            try markUnclean(directory)
            daybook = try await Daybook.open(directory)
            try await send(2, to: daybook)
            let orders = try partition()
            #expect(
                try daybook.epochs(orders) == [
                    EpochStart(epoch: .zero, startOffset: 0),
                    EpochStart(epoch: LeaderEpoch(rawValue: 1), startOffset: 3),
                ])
            try daybook.validate(orders, nextOffset: 3, epoch: .zero)
            try daybook.validate(orders, nextOffset: 5, epoch: LeaderEpoch(rawValue: 1))
            let error = #expect(throws: DaybookError.self) {
                try daybook.validate(orders, nextOffset: 4, epoch: .zero)
            }
            #expect(error?.code == .divergedHistory)
            #expect(error?.description.contains("offset 3") == true)
            #expect(throws: DaybookError.self) {
                try daybook.validate(orders, nextOffset: 9, epoch: LeaderEpoch(rawValue: 1))
            }
            try await daybook.close()
        }
    }

    @Test func `A directory of another format is refused with a sentence`() async throws {
        try await withDirectory { directory in
            try await Daybook.open(directory).close()
            // A later release would write the same lines under a higher number.
            let later = ChecksumLine.text("daybook-state 99\nshutdown clean\nepoch 0\nboot unknown\n")
            try later.write(toFile: directory + "/state", atomically: true, encoding: .utf8)
            let error = await #expect(throws: DaybookError.self) { _ = try await Daybook.open(directory) }
            #expect(error?.code == .unsupportedFormat)
            #expect(error?.description.contains("format 99") == true)
        }
    }

    @Test func `C13 a damaged state file is an unclean end and loses nothing`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            try await send(5, to: daybook)
            try await daybook.close()
            for bytes in [Data(), Data("garbage".utf8), Data(repeating: 0, count: 100)] {
                try bytes.write(to: URL(fileURLWithPath: directory + "/state"))
                daybook = try await Daybook.open(directory)
                #expect(!daybook.recovery.wasClosedCleanly)
                #expect(try await daybook.content(try partition()).records.count == 5)
                try await daybook.close()
            }
        }
    }

    @Test func `C40 opening for reading changes nothing and works beside a writer`() async throws {
        try await withDirectory { directory in
            let writer = try await Daybook.open(directory)
            try await writer.createTopic("orders")
            try await send(10, to: writer)
            let before = try snapshot(directory)
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            #expect(try await reader.content(try partition(), isolation: .pageCache).records.count == 10)
            await #expect(throws: DaybookError.self) { try await reader.createTopic("more") }
            #expect(throws: DaybookError.self) { _ = try reader.makeProducer() }
            // The writer may publish what is durable meanwhile; everything else stays as it is.
            #expect(
                try snapshot(directory).filter { $0.key != "watermarks" } == before.filter { $0.key != "watermarks" })
            try await send(5, to: writer)
            try await writer.close()
            #expect(try await reader.content(try partition()).records.count == 15)
            try await reader.close()
        }
    }

    @Test func `Reading a directory that is not there is refused with a sentence`() async throws {
        let error = await #expect(throws: DaybookError.self) {
            _ = try await Daybook.open("/nonexistent/daybook", configuration: Configuration(access: .readOnly))
        }
        #expect(error?.code == .directoryUnusable)
    }

    @Test func `After close everything is refused, and a second close does nothing`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let producer = try daybook.makeProducer()
            try await daybook.close()
            try await daybook.close()
            for code in [
                await #expect(throws: DaybookError.self) {
                    try await producer.send(Record(key: nil, value: "x"), to: "orders")
                },
                await #expect(throws: DaybookError.self) { try await daybook.read(try partition(), from: 0) },
                await #expect(throws: DaybookError.self) { try await daybook.createTopic("more") },
            ] {
                #expect(code?.code == .closed)
            }
        }
    }

    // MARK: -

    private func send(_ count: Int, to daybook: Daybook) async throws {
        let producer = try daybook.makeProducer()
        for number in 0..<count { _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
    }

    /// As a crash right after opening would leave it.
    private func markUnclean(_ directory: String) throws {
        let path = directory + "/state"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropLast()
            .map { $0 == "shutdown clean" ? "shutdown running" : String($0) }
        try ChecksumLine.text(lines.map { $0 + "\n" }.joined()).write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func snapshot(_ directory: String) throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        let names = FileManager.default.enumerator(atPath: directory)
        while let name = names?.nextObject() as? String {
            let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/" + name)
            found[name] = ["\(attributes[.size] ?? 0)", "\(attributes[.modificationDate] ?? 0)"]
        }
        return found
    }
}

/// The last line of the small files of a data directory.
enum ChecksumLine {
    /// `body` with its checksum line, computed here bit by bit so that the product's arithmetic is not its own judge.
    static func text(_ body: String) -> String {
        var crc: UInt32 = ~0
        for byte in body.utf8 {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82f6_3b78 : crc >> 1 }
        }
        return body + "checksum \(String(~crc, radix: 16))\n"
    }
}
