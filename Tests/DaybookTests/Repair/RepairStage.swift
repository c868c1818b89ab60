// A data directory that is damaged on purpose, and what must hold of any repair of it: nothing a reader could read is
// lost, no byte is destroyed, the chain of offsets is whole, and a second repair finds nothing to do.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Testing

/// A directory of two partitions with many small segments, properly closed, and as many damaged copies as a test wants.
final class RepairStage: Sendable {
    private let folder: TemporaryDirectory
    /// Sound, and left so.
    let sound: String
    /// Where the damaged copy is.
    let damaged: String
    let recordsCount = 120

    init() async throws {
        folder = try TemporaryDirectory(prefix: "repair")
        sound = folder.path + "/sound"
        damaged = folder.path + "/damaged"
        let daybook = try await Daybook.open(sound)
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        try await daybook.createTopic("orders", partitions: 2, configuration: topic)
        for number in 0..<2 {
            let producer = try daybook.makeProducer()
            for index in 0..<recordsCount {
                let value = "\(number)/\(index) " + String(repeating: "v", count: 90)
                _ = try await producer.send(
                    Record(key: "k\(index)", value: value), to: "orders", partition: Int32(number))
            }
        }
        try await daybook.close()
    }

    /// Makes the damaged copy anew from `source`, or from the sound one.
    func reset(from source: String? = nil) throws {
        if FileManager.default.fileExists(atPath: damaged) { try FileManager.default.removeItem(atPath: damaged) }
        try FileManager.default.copyItem(atPath: source ?? sound, toPath: damaged)
    }

    /// Another name in the stage's folder.
    func path(_ name: String) -> String { folder.path + "/" + name }

    // MARK: files

    func logs(_ partition: Int = 0, in directory: String? = nil) throws -> [String] {
        let folder = (directory ?? damaged) + "/orders-\(partition)"
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }.sorted()
            .map { folder + "/" + $0 }
    }

    func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        body(&bytes)
        try bytes.write(to: URL(filePath: path))
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    /// Every file by its path below the directory.
    func files(in directory: String? = nil) throws -> [String: Data] {
        let root = directory ?? damaged
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isFolder), !isFolder.boolValue
            else { continue }
            files[name] = try Data(contentsOf: URL(filePath: root + "/" + name))
        }
        return files
    }

    // MARK: what must hold

    /// Everything readable in a partition, whether durable or not.
    func readable(_ number: Int32, access: Configuration.Access) async throws -> Content {
        let daybook = try await Daybook.open(damaged, configuration: Configuration(access: access))
        let content = try await daybook.content(try partition(number), isolation: .pageCache)
        try await daybook.close()
        return content
    }

    /// Plans and repairs, on `disk`.
    @discardableResult
    func repair(on disk: any FileSystem = FaultyFileSystem()) async throws -> RepairPlan {
        let plan = try await Daybook.planRepair(damaged, fileSystem: PosixFileSystem(), clock: ManualClock())
        _ = try await Daybook.repair(plan, fileSystem: disk, clock: ManualClock())
        return plan
    }

    /// Repairs the damaged copy and checks everything that must hold of a repair; returns what was planned.
    @discardableResult
    func mend(_ comment: Comment) async throws -> RepairPlan {
        let before = try files()
        var contents: [Content] = []
        for number in 0..<2 {
            // Where a partition's folder is missing nobody can open the directory for reading.
            do { contents.append(try await readable(Int32(number), access: .readOnly)) } catch is DaybookError {
                contents.append(Content())
            }
        }
        let plan = try await Daybook.planRepair(damaged)
        let after = try files()
        #expect(after == before, "planning changes nothing: \(comment)")
        _ = try await Daybook.repair(plan)
        try await check(before, contents, plan, comment)
        return plan
    }

    func check(_ before: [String: Data], _ contents: [Content], _ plan: RepairPlan, _ comment: Comment) async throws {
        try expectKept(before, comment)
        let verified = try await Daybook.verify(damaged)
        let isTorn = verified.findings.allSatisfy { $0.kind == .tornTail }
        #expect(isTorn && (verified.isClean || !plan.notes.isEmpty), "\(comment): \(verified.findings)")
        let second = try await Daybook.planRepair(damaged)
        #expect(second.isEmpty, "\(comment): \(second.actions)")
        for number in 0..<2 {
            let content = try await readable(Int32(number), access: number == 0 ? .readOnly : .readWrite)
            let old = Set(contents[number].offsets)
            #expect(old.isSubset(of: content.offsets), "\(comment): lost \(old.subtracting(content.offsets))")
            for (offset, value) in zip(content.offsets, content.values) {
                #expect(value.hasPrefix("\(number)/\(offset) "), "\(comment)")
            }
            #expect(content.gaps.allSatisfy { $0.cause == .quarantined }, "\(comment)")
            let covered = content.offsets.count + content.gaps.reduce(0) { $0 + Int($1.count) }
            #expect(covered >= contents[number].offsets.count, "\(comment)")
        }
        // The log goes on.
        let daybook = try await Daybook.open(damaged)
        let receipt = try await daybook.makeProducer().send(
            Record(key: "after", value: "after"), to: "orders", partition: 0)
        #expect(try await daybook.content(try partition(0), from: try #require(receipt.offset)).values == ["after"])
        try await daybook.close()
        #expect(try await Daybook.verify(damaged).isClean, "\(comment)")
    }

    /// Every batch of every segment, and every other file, is still somewhere.
    private func expectKept(_ before: [String: Data], _ comment: Comment) throws {
        let whole = try files(in: sound)
        let sound = whole.filter { $0.key.hasSuffix(".log") }.values.flatMap { Self.batches(of: $0) }
        let after = Array(try files().values)
        for (name, bytes) in before where !["LOCK", "state"].contains(name) && !bytes.isEmpty {
            // A sound checkpoint is brought up to date.
            if name.hasSuffix("/checkpoint"), bytes == whole[name] { continue }
            var ranges = [0..<bytes.count]
            if name.hasSuffix(".log") { ranges = Self.pieces(of: bytes, sound) }
            for range in ranges {
                let piece = bytes[(bytes.startIndex + range.lowerBound)..<(bytes.startIndex + range.upperBound)]
                #expect(after.contains { $0.range(of: piece) != nil }, "\(comment): bytes \(range) of \(name) are gone")
            }
        }
    }

    /// A damaged segment in pieces: the batches in it that are as they were, and what stands between them.
    private static func pieces(of damaged: Data, _ sound: [Data]) -> [Range<Int>] {
        var intact: [Range<Int>] = []
        for batch in sound { if let range = damaged.range(of: batch) { intact.append(range) } }
        var ranges: [Range<Int>] = []
        var place = 0
        for range in intact.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.lowerBound >= place {
            if place < range.lowerBound { ranges.append(place..<range.lowerBound) }
            ranges.append(range)
            place = range.upperBound
        }
        if place < damaged.count { ranges.append(place..<damaged.count) }
        return ranges
    }

    private static func batches(of whole: Data) -> [Data] {
        var batches: [Data] = []
        var start = 0
        while start + 12 <= whole.count {
            let length = whole[(start + 8)..<(start + 12)].reduce(0) { $0 << 8 | Int($1) }
            batches.append(whole[start..<start + 12 + length])
            start += 12 + length
        }
        return batches
    }
}
