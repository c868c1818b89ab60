// Verification beside a writer at work: what comes and goes meanwhile is no failure. What it finds in damaged directories is
// tested through the command line.

import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook
@testable import DaybookStorage

@Suite("Verification")
struct VerificationTests {
    @Test func `A segment that goes away between two looks is no failure`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", partitions: 1)
            _ = try await daybook.makeProducer().send(Record(key: "a", value: "1"), to: "orders")
            try await daybook.close()
            let disk = FaultyFileSystem(faults: [
                Fault(.fail(.noSuchFileOrDirectory), [.status], on: { $0.string.hasSuffix(".log") })
            ])
            let report = try await Daybook.verify(directory, fileSystem: disk)
            #expect(report.isClean && report.recordsCount == 1)
            #expect(disk.trace.contains { $0.outcome == .failed(.noSuchFileOrDirectory) }, "nothing went away")
        }
    }

    /// A directory in which transactions of two producers were committed and aborted, in several segments.
    private func fill(_ directory: String) async throws {
        let daybook = try await Daybook.open(directory)
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(4)
        try await daybook.createTopic("orders", partitions: 1, configuration: topic)
        let ordinary = try daybook.makeProducer()
        let transactional = try await daybook.makeTransactionalProducer(
            id: "invoicing", ProducerConfiguration(batchSize: .bytes(200)))
        for round in 0..<16 {
            _ = try await ordinary.send(Record(key: "a", value: "\(round)"), to: "orders")
            let end = try await daybook.offsets(try partition()).logEndOffset
            let transaction = try await transactional.begin()
            for number in 0..<8 {
                try await transaction.send(Record(key: "b", value: "\(round) \(number) of a few words"), to: "orders")
            }
            // An abort writes a mark only behind records that have left the producer.
            while try await daybook.offsets(try partition()).logEndOffset == end { await Task.yield() }
            if round % 2 == 0 { await transaction.abort() } else { try await transaction.commit() }
        }
        try await daybook.close()
    }

    @Test func `What a sidecar says of producers and aborted transactions is compared with the batches`() async throws {
        typealias Forgery = (_ producers: inout [ProducerState], _ aborted: inout [AbortedTransaction]) -> Void
        let stranger = ProducerState(id: ProducerID(rawValue: 77), epoch: 0, lastTime: .none)
        let forgeries: [(finding: String?, forge: Forgery)] = [
            (nil, { _, _ in }),
            ("is missing", { producers, _ in producers.removeFirst() }),
            ("has written nothing", { producers, _ in producers.append(stranger) }),
            (
                "has epoch 9 instead of 0",
                { producers, _ in for place in producers.indices { producers[place].epoch = 9 } }
            ),
            (
                "another last batch",
                { producers, _ in for place in producers.indices { producers[place].batches.removeAll() } }
            ),
            ("a transaction open from 1", { producers, _ in producers[1].transactionStart = 1 }),
            ("the transaction aborted at offset", { _, aborted in aborted = [] }),
            (
                "that began at 0",
                { _, aborted in
                    aborted = aborted.map {
                        AbortedTransaction(producer: $0.producer, firstOffset: .zero, lastOffset: $0.lastOffset)
                    }
                }
            ),
        ]
        try await withDirectory { directory in
            try await fill(directory)
            #expect(try await Daybook.verify(directory).isClean)
            let folder = FilePath(directory).appending("orders-0")
            let files = PosixFileSystem()
            let names = try files.entries(of: folder).filter { $0.hasSuffix(SegmentName.sidecarSuffix) }.sorted()
            #expect(names.count > 1)
            let path = folder.appending(names[0])
            let whole = try #require(try AtomicFile.read(path, in: files))
            let summaries = SidecarInspection(whole).summaries
            #expect(summaries.contains { !$0.aborted.isEmpty } && summaries.allSatisfy { $0.producers.count == 2 })
            for (finding, forge) in forgeries {
                var bytes: [UInt8] = []
                for summary in summaries {
                    var (producers, aborted) = (summary.producers.sorted, summary.aborted)
                    forge(&producers, &aborted)
                    let block = SidecarBlock(
                        number: summary.number, isSealed: summary.isSealed, isFlushed: summary.isFlushed,
                        facts: summary.facts, entries: summary.entries, appendTimes: summary.appendTimes,
                        aborted: aborted, producers: ProducerStateTable(producers))
                    let topic = LogIdentity(topicPartition: try partition(), topicID: summary.topicID)
                    bytes += block.encoded(for: topic)
                }
                try AtomicFile.replace(path, with: bytes, in: files)
                let report = try await Daybook.verify(directory)
                if let finding {
                    #expect(report.findings.map(\.kind).allSatisfy { $0 == .sidecar }, "\(finding)")
                    #expect(report.findings.contains { $0.reason.contains(finding) }, "\(finding): \(report.findings)")
                } else {
                    #expect(report.isClean, "\(report.findings)")
                }
            }
        }
    }
}
