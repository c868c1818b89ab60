// Records of transactions: the same bytes as an encoder that is not ours, both versions read, and what is no record refused.

import DaybookModel
import DaybookRecords
import Testing

@testable import Daybook

@Suite struct TransactionLogRecordTests {
    private func value(_ version: Int) throws -> TransactionLogValue {
        var value = TransactionLogValue(
            producerID: ProducerID(rawValue: 4711), producerEpoch: 3, timeout: 60_000, status: .ongoing,
            partitions: [try partition(3, of: "invoices"), try partition(0), try partition(2)],
            lastUpdateTime: Timestamp(milliseconds: 1_700_000_000_123),
            startTime: Timestamp(milliseconds: 1_700_000_000_100))
        if version >= 1 {
            value.previousProducerID = ProducerID(rawValue: 4710)
            value.nextProducerID = ProducerID(rawValue: 4712)
            value.clientVersion = 2
        }
        return value
    }

    @Test func `The key of a transaction is Kafka's`() throws {
        let key = TransactionLogKey(transactionalID: "billing-1")
        #expect(key.encoded() == GroupRecordVectors.bytes("TransactionLogKey", 0))
        #expect(try TransactionLogKey(decoding: KafkaReader(key.encoded())) == key)
    }

    @Test(arguments: 0...1) func `A transaction is read in every version`(version: Int) throws {
        let bytes = GroupRecordVectors.bytes("TransactionLogValue", version)
        #expect(try TransactionLogValue(decoding: KafkaReader(bytes)) == value(version))
        if version == 1 { #expect(try value(1).encoded() == bytes) }
    }

    @Test func `What has the value it has when absent is absent, and null is kept apart from no partitions`() throws {
        for partitions in [nil, []] as [[TopicPartition]?] {
            for status in TransactionLogValue.Status.allCases {
                var value = try value(0)
                (value.partitions, value.status) = (partitions, status)
                let bytes = value.encoded()
                #expect(bytes.last == 0, "no tagged fields")
                #expect(bytes.count == 2 + 8 + 2 + 4 + 1 + 1 + 8 + 8 + 1)
                #expect(try TransactionLogValue(decoding: KafkaReader(bytes)) == value)
            }
        }
    }

    @Test func `Tagged fields that are not known are stepped over`() throws {
        let bytes = try value(0).encoded().dropLast() + [2, 2, 2, 0, 5, 77, 3, 1, 2, 3]
        var expected = try value(0)
        expected.clientVersion = 5
        #expect(try TransactionLogValue(decoding: KafkaReader(Array(bytes))) == expected)
    }

    @Test func `Every beginning of a transaction is refused, and so are other versions and unknown states`() throws {
        for version in 0...1 {
            let bytes = GroupRecordVectors.bytes("TransactionLogValue", version)
            for count in 0..<bytes.count {
                #expect(throws: KafkaFieldError.self) {
                    try TransactionLogValue(decoding: KafkaReader(Array(bytes.prefix(count))))
                }
            }
        }
        #expect(throws: KafkaFieldError.unsupportedVersion(2)) {
            try TransactionLogValue(decoding: KafkaReader([0, 2]))
        }
        var bytes = try value(0).encoded()
        bytes[2 + 8 + 2 + 4] = 8
        #expect(throws: KafkaFieldError.invalidNumber(8)) { try TransactionLogValue(decoding: KafkaReader(bytes)) }
    }
}
