// The table in the documentation of `BatchLayout` says the same as the constants below it:
// the source file itself is read and compared.

import DaybookRecords
import Foundation
import Testing

@Suite("Layout of a batch")
struct BatchLayoutTests {
    static let constants = [
        "baseOffset": BatchLayout.baseOffset, "batchLength": BatchLayout.batchLength,
        "partitionLeaderEpoch": BatchLayout.partitionLeaderEpoch, "magic": BatchLayout.magic, "crc": BatchLayout.crc,
        "attributes": BatchLayout.attributes, "lastOffsetDelta": BatchLayout.lastOffsetDelta,
        "baseTimestamp": BatchLayout.baseTimestamp, "maxTimestamp": BatchLayout.maxTimestamp,
        "producerId": BatchLayout.producerId, "producerEpoch": BatchLayout.producerEpoch,
        "baseSequence": BatchLayout.baseSequence, "recordsCount": BatchLayout.recordsCount,
        "records": BatchLayout.records,
    ]

    /// The rows of the table: offset, size (nil for an open end), field.
    private static func rows() throws -> [(offset: Int, size: Int?, field: String)] {
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/DaybookRecords/BatchLayout.swift")
        let text = try String(contentsOf: source, encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("/// |"), cells.count > 4, let offset = Int(cells[1]) else { return nil }
            return (offset, Int(cells[2]), cells[3])
        }
    }

    @Test("every row has its constant and every constant its row")
    func rowsAndConstants() throws {
        let rows = try Self.rows()
        #expect(Dictionary(rows.map { ($0.field, $0.offset) }) { first, _ in first } == Self.constants)
        #expect(rows.count == Self.constants.count)
    }

    @Test("the fields stand back to back")
    func sizes() throws {
        let rows = try Self.rows()
        for (row, next) in zip(rows, rows.dropFirst()) {
            #expect(row.size.map { row.offset + $0 } == next.offset, "\(row.field)")
        }
        #expect(rows.last?.size == nil)
    }

    @Test("the bounds follow from the table")
    func bounds() {
        #expect(BatchLayout.lengthOverhead == BatchLayout.batchLength + 4)
        #expect(BatchLayout.minimumBatchLength == 49)
        #expect(BatchHeader.size == 61)
    }

    @Test("the attribute bits do not overlap and none is left over")
    func attributes() {
        let bits = [
            BatchAttributes.codecMask, BatchAttributes.appendTime, BatchAttributes.transactional,
            BatchAttributes.control, BatchAttributes.deleteHorizon, BatchAttributes.reserved,
        ]
        #expect(bits.reduce(0, |) == .max)
        #expect(bits.map(\.nonzeroBitCount).reduce(0, +) == 16)
    }
}
