// Two batches as Kafka writes them, never made by the code under test.
//
// Provenance: put together with Python's struct module and the PyPI package crc32c from the layout in Kafka's
// DefaultRecordBatch and DefaultRecord; from byte 17 on, kafka-python 3.0.12's MemoryRecordsBuilder makes the same
// `transactional` batch, and its MemoryRecords reads both.

import DaybookModel
import DaybookRecords

enum GoldenBatches {
    /// Base offset 1000, epoch 5, a transaction of producer 4711 (epoch 3, sequence 17), three records.
    static let transactional = hexadecimal(
        """
        00000000000003e8000000720000000502a660103f0010000000020000018bcfe568000000018bcf
        e668000000000000001267000300000011000000033a0000000e6f726465722d31207b2273746174
        65223a226f70656e227d002400f303020100040a747261636504010200011e00808008040e6f7264
        65722d310100
        """)

    static let transactionalRecords = [
        Record(key: "order-1", value: "{\"state\":\"open\"}", timestamp: Timestamp(milliseconds: 1_700_000_000_000)),
        Record(
            key: nil, value: [], headers: [RecordHeader("trace", [1, 2]), RecordHeader("", nil as [UInt8]?)],
            timestamp: Timestamp(milliseconds: 1_699_999_999_750)),
        Record(
            key: Array("order-1".utf8), value: nil, timestamp: Timestamp(milliseconds: 1_700_000_065_536)),
    ]

    static let transactionalProducer = ProducerIdentity(
        id: ProducerID(rawValue: 4711), epoch: 3, baseSequence: 17)

    /// The commit of producer 4711's transaction, by a coordinator of epoch 9.
    static let commit = hexadecimal(
        """
        0000000000000000000000420000000002a8da87310030000000000000018bcfe568000000018bcf
        e5680000000000000012670003ffffffff000000012000000008000000010c00000000000900
        """)

    private static func hexadecimal(_ text: String) -> [UInt8] {
        let digits = text.compactMap { $0.hexDigitValue.map(UInt8.init) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
