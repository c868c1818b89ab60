// The bytes of a sidecar block: the documented table against the constants, blocks there and back, and mutated blocks.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Foundation
import Testing

@testable import DaybookStorage

@Suite("Sidecar layout")
struct SidecarLayoutTests {
    private static let constants: [(String, Int)] = [
        ("magic", SidecarLayout.magic), ("version", SidecarLayout.version), ("flags", SidecarLayout.flags),
        ("blockLength", SidecarLayout.blockLength), ("checksum", SidecarLayout.checksum),
        ("topicId", SidecarLayout.topicId), ("partition", SidecarLayout.partition), ("number", SidecarLayout.number),
        ("baseOffset", SidecarLayout.baseOffset), ("size", SidecarLayout.size),
        ("nextOffset", SidecarLayout.nextOffset), ("recordsCount", SidecarLayout.recordsCount),
        ("batchesCount", SidecarLayout.batchesCount), ("hash", SidecarLayout.hash),
        ("epochsCount", SidecarLayout.epochsCount), ("firstAppendTime", SidecarLayout.firstAppendTime),
        ("lastAppendTime", SidecarLayout.lastAppendTime), ("firstTimestamp", SidecarLayout.firstTimestamp),
        ("maxTimestamp", SidecarLayout.maxTimestamp), ("entriesCount", SidecarLayout.entriesCount),
        ("timesLength", SidecarLayout.timesLength), ("controlRecordsCount", SidecarLayout.controlRecordsCount),
        ("abortedCount", SidecarLayout.abortedCount), ("abortedRanges", SidecarLayout.abortedRanges),
        ("producersLength", SidecarLayout.producersLength), ("reserved", SidecarLayout.reserved),
        ("body", SidecarLayout.body),
    ]

    @Test("the documented table is what the constants say, without a gap between fields")
    func table() throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/DaybookStorage/Sidecar/SidecarLayout.swift")
        let rows = try String(contentsOf: source, encoding: .utf8).split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\/\/\/ \| (\d+) +\| (\d+|…) +\| (\w+) +\|/)
        }
        #expect(rows.map { String($0.3) } == Self.constants.map(\.0))
        var place = 0
        for (row, constant) in zip(rows, Self.constants) {
            #expect(Int(row.1) == constant.1, "\(constant.0)")
            #expect(Int(row.1) == place, "\(constant.0) follows the field before it")
            place += Int(row.2) ?? 0
        }
    }

    private func block(_ random: inout SeededGenerator) -> SidecarBlock {
        func number(_ limit: Int64 = .max) -> Int64 { Int64.random(in: 0...limit, using: &random) }
        let base = Offset(number(1 << 50))
        let epochs = (0..<Int.random(in: 0..<4, using: &random)).map {
            EpochStart(epoch: LeaderEpoch(rawValue: Int32($0)), startOffset: Offset(number()))
        }
        let entries = (0..<Int.random(in: 0..<20, using: &random)).map { _ in
            IndexEntry(
                offset: Offset(number()), position: Position(Int(number())),
                headerChecksum: UInt32.random(in: 0 ... .max, using: &random),
                maxTimestampBefore: Timestamp(milliseconds: Int64.random(in: .min ... .max, using: &random)))
        }
        var (offset, time) = (base.rawValue, Int64.random(in: -1000...1 << 42, using: &random))
        let times = (0..<Int.random(in: 0..<20, using: &random)).map { _ in
            (offset, time) = (offset + number(1 << 33), time + number(1 << 20))
            return AppendTimeChange(offset: Offset(offset), time: Timestamp(milliseconds: time))
        }
        let facts = SegmentFacts(
            baseOffset: base, size: Position(Int(number())), nextOffset: Offset(number()), recordsCount: number(),
            batchesCount: number(), controlRecordsCount: number(), abortedCount: number(),
            hash: UInt32.random(in: 0 ... .max, using: &random),
            appendTimes: (Timestamp(milliseconds: number()), Timestamp(milliseconds: number())),
            timestamps: (Timestamp(milliseconds: .min), Timestamp(milliseconds: .max)), epochStarts: epochs)
        return SidecarBlock(
            number: UInt32.random(in: 0 ... .max, using: &random), isSealed: Bool.random(using: &random),
            isFlushed: Bool.random(using: &random), facts: facts, entries: entries, appendTimes: times,
            aborted: (0..<Int.random(in: 0..<5, using: &random)).map { _ in
                AbortedTransaction(
                    producer: ProducerID(rawValue: number()), firstOffset: Offset(number()),
                    lastOffset: Offset(number()))
            }, producers: producers(&random))
    }

    private func producers(_ random: inout SeededGenerator) -> ProducerStateTable {
        func number(_ limit: Int64 = 1 << 40) -> Int64 { Int64.random(in: 0...limit, using: &random) }
        let states = (0..<Int.random(in: 0..<6, using: &random)).map { id in
            var state = ProducerState(
                id: ProducerID(rawValue: Int64(id) << 20), epoch: Int16(number(Int64(Int16.max))),
                lastTime: Timestamp(milliseconds: number()))
            state.coordinatorEpoch = Int32(number(Int64(Int32.max))) - 1
            if Bool.random(using: &random) { state.transactionStart = Offset(number()) }
            for _ in 0..<Int.random(in: 0...7, using: &random) {
                state.batches.append(
                    ProducedBatch(
                        baseSequence: Int32(number(Int64(Int32.max))), lastDelta: Int32(number(1000)),
                        baseOffset: Offset(number()), appendTime: Timestamp(milliseconds: number())))
            }
            return state
        }
        return ProducerStateTable(states)
    }

    private func decode(_ bytes: [UInt8], _ identity: LogIdentity, _ base: Offset) -> SidecarBlock? {
        bytes.withUnsafeBytes { SidecarBlock(decoding: $0, for: identity, baseOffset: base) }
    }

    @Test("blocks come back as they were, and only for their own log and segment")
    func roundTrip() throws {
        let identity = try LogStage().identity
        let other = LogIdentity(topicPartition: identity.topicPartition, topicID: identity.topicID + 1)
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            let block = block(&random)
            let bytes = block.encoded(for: identity)
            #expect(decode(bytes, identity, block.facts.baseOffset) == block)
            #expect(decode(bytes + [1, 2, 3], identity, block.facts.baseOffset) == block)
            #expect(decode(bytes, other, block.facts.baseOffset) == nil)
            #expect(decode(bytes, identity, block.facts.baseOffset.advanced(by: 1)) == nil)
            #expect(decode(Array(bytes.dropLast()), identity, block.facts.baseOffset) == nil)
        }
    }

    @Test("C14 C70 mutated blocks are refused, whatever their lengths claim")
    func mutated() throws {
        let identity = try LogStage().identity
        var random = SeededGenerator(seed: 14)
        for _ in 0..<2000 {
            let block = block(&random)
            var bytes = block.encoded(for: identity)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            let found = decode(bytes, identity, block.facts.baseOffset)
            #expect(found == nil || found == block)
        }
    }
}
