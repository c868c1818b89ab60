// Asks kafka-python, in a process of its own: what is in these batches, and what do you make of these records?
// The script is Tests/Judge/kafka_judge.py; the Python that has kafka-python is named by DAYBOOK_PYTHON.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Foundation

enum KafkaPython {
    /// The Python to run, nil where there is none to judge.
    static let interpreter = ProcessInfo.processInfo.environment["DAYBOOK_PYTHON"].flatMap { $0.isEmpty ? nil : $0 }

    static let absence: String =
        "DAYBOOK_PYTHON names no Python with kafka-python (tools/test prepares one), so nobody independent can judge"

    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Judge/kafka_judge.py").standardizedFileURL.path()

    /// A record as both sides write it down. Bytes are hexadecimal.
    struct Entry: Codable, Hashable {
        struct Header: Codable, Hashable {
            var name: String
            var value: String?
        }

        var offset: Int64?
        var timestamp: Int64
        var key: String?
        var value: String?
        var headers: [Header]
        var marker: String?
    }

    struct Batch: Decodable, Hashable {
        var baseOffset: Int64
        var lastOffset: Int64
        var leaderEpoch: Int32
        var magic: UInt8
        var codec: UInt8
        var isAppendTime: Bool
        var isTransactional: Bool
        var isControl: Bool
        var baseTimestamp: Int64
        var maxTimestamp: Int64
        var producerId: Int64
        var producerEpoch: Int16
        var baseSequence: Int32
        var recordsCount: Int32
        var isValid: Bool
        var records: [Entry]
    }

    struct Segment: Decodable {
        var batches: [Batch]
        var validBytes: Int
    }

    /// What kafka-python is to make a batch of.
    struct Order: Encodable {
        var codec: UInt8
        var isTransactional = false
        var producerId: Int64 = -1
        var producerEpoch: Int16 = -1
        var baseSequence: Int32 = -1
        var records: [Entry]
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What kafka-python finds in batches that stand back to back.
    static func parse(_ bytes: [UInt8]) async throws -> Segment {
        try JSONDecoder().decode(Segment.self, from: await run("parse", Data(bytes)))
    }

    /// The batches that kafka-python makes; nil where it lacks the codec.
    static func build(_ orders: [Order]) async throws -> [[UInt8]?] {
        let answer = try await run("build", JSONEncoder().encode(orders))
        return try JSONDecoder().decode([String?].self, from: answer).map { $0.map(bytes(hexadecimal:)) }
    }

    /// The answer to a consumer that asked for `offset`: batches, back to back. Bytes are hexadecimal.
    struct Fetch: Encodable {
        var offset: Int64
        var bytes: String
    }

    /// What a consumer hands to its user, and where it fetches next.
    struct Followed: Decodable {
        var offsets: [Int64]
        var next: Int64
    }

    /// What kafka-python's consumer makes of fetches, each by itself.
    static func follow(_ fetches: [Fetch]) async throws -> [Followed] {
        try JSONDecoder().decode([Followed].self, from: await run("follow", JSONEncoder().encode(fetches)))
    }

    /// Runs the script in a folder of its own, which is gone afterwards.
    private static func run(_ command: String, _ input: Data) async throws -> Data {
        guard let interpreter else { throw Failure(description: absence) }
        let folder = FileManager.default.temporaryDirectory.appending(path: "daybook-judge-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, target) = (folder.appending(path: "input"), folder.appending(path: "output"))
        let log = folder.appending(path: "log")
        try input.write(to: source)
        try Data().write(to: log)

        let process = Process()
        process.executableURL = URL(filePath: interpreter)
        process.arguments = ["-B", script, command, source.path(), target.path()]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard process.terminationStatus == 0 else {
            throw Failure(description: "kafka-python: \(try String(contentsOf: log, encoding: .utf8))")
        }
        return try Data(contentsOf: target)
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func bytes(hexadecimal text: String) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map(UInt8.init) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

extension KafkaPython.Entry {
    /// The record as the judge would write it down, with an offset where one is known.
    init(_ record: Record, offset: Offset? = nil) {
        self.init(
            offset: offset?.rawValue, timestamp: record.timestamp?.rawValue ?? -1,
            key: record.key.map(KafkaPython.hexadecimal), value: record.value.map(KafkaPython.hexadecimal),
            headers: record.headers.map { Header(name: $0.name, value: $0.value.map(KafkaPython.hexadecimal)) })
    }
}

extension KafkaPython.Batch {
    /// The batch as we read it ourselves.
    init(_ batch: EncodedBatch, marker: ControlRecord.Kind? = nil) throws {
        let header = batch.header
        self.init(
            baseOffset: header.baseOffset.rawValue, lastOffset: header.lastOffset.rawValue,
            leaderEpoch: header.leaderEpoch.rawValue, magic: 2, codec: header.codec.rawValue,
            isAppendTime: header.timestampType == .append, isTransactional: header.isTransactional,
            isControl: header.isControl, baseTimestamp: header.baseTimestamp.rawValue,
            maxTimestamp: header.maxTimestamp.rawValue, producerId: header.producer.id.rawValue,
            producerEpoch: header.producer.epoch, baseSequence: header.producer.baseSequence,
            recordsCount: header.recordsCount, isValid: true,
            records: try Batches.read(batch.array).map { placed in
                var entry = KafkaPython.Entry(placed.record, offset: placed.offset)
                entry.marker = marker.map { $0 == .commit ? "commit" : "abort" }
                return entry
            })
    }
}
