#!/usr/bin/env python3
"""An independent judge of record batches and partition hashes: kafka-python, from PyPI.

    kafka_judge.py parse INPUT OUTPUT    batches, back to back as in a segment -> JSON of all that is in them
    kafka_judge.py build INPUT OUTPUT    JSON of records -> JSON of batches as kafka-python builds them
    kafka_judge.py follow INPUT OUTPUT   JSON of fetches -> JSON of the offsets that kafka-python's consumer gets, and goes on from
    kafka_judge.py murmur2               prints Tests/DaybookTests/Murmur2Vectors.swift
    kafka_judge.py groups                prints Tests/DaybookTests/Groups/GroupRecordVectors.swift

Bytes stand in JSON as hexadecimal text, null as null.
"""

import json
import random
import sys

from kafka import codec as codecs
from kafka.consumer.fetcher import Fetcher
from kafka.partitioner.default import murmur2
from kafka.protocol.schemas import StructField
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.structs import TopicPartition


def to_hex(data):
    return None if data is None else bytes(data).hex()


def from_hex(text):
    return None if text is None else bytes.fromhex(text)


def marker(record):
    return "commit" if record.commit else "abort" if record.abort else "type %d" % record.type


def parse_batch(batch):
    is_valid = batch.validate_crc()
    return {
        "baseOffset": batch.base_offset,
        "lastOffset": batch.last_offset,
        "leaderEpoch": batch.leader_epoch,
        "magic": batch.magic,
        "codec": batch.compression_type,
        "isAppendTime": batch.timestamp_type == 1,
        "isTransactional": batch.is_transactional,
        "isControl": batch.is_control_batch,
        "baseTimestamp": batch.first_timestamp,
        "maxTimestamp": batch.max_timestamp,
        "producerId": batch.producer_id,
        "producerEpoch": batch.producer_epoch,
        "baseSequence": batch.base_sequence,
        "recordsCount": batch.records_count,
        "isValid": is_valid,
        "records": [
            {
                "offset": record.offset,
                "timestamp": record.timestamp,
                "key": to_hex(record.key),
                "value": to_hex(record.value),
                "headers": [{"name": name, "value": to_hex(value)} for name, value in record.headers],
                "marker": marker(record) if batch.is_control_batch else None,
            }
            for record in batch
        ],
    }


def parse(data):
    segment = MemoryRecords(data)
    batches = [parse_batch(batch) for batch in segment]
    return {"batches": batches, "validBytes": segment.valid_bytes()}


def build_batch(order):
    has = {0: True, 1: codecs.has_gzip(), 2: codecs.has_snappy(), 3: codecs.has_lz4(), 4: codecs.has_zstd()}
    if not has[order["codec"]]:
        return None
    builder = MemoryRecordsBuilder(
        2, order["codec"], 1 << 24, 0, order["isTransactional"], order["producerId"], order["producerEpoch"],
        order["baseSequence"])
    for record in order["records"]:
        headers = [(header["name"], from_hex(header.get("value"))) for header in record["headers"]]
        builder.append(record["timestamp"], from_hex(record.get("key")), from_hex(record.get("value")), headers)
    builder.close()
    return to_hex(builder.buffer())


def follow(fetch):
    """What a consumer makes of the answer to one fetch: the offsets of its records, and where it fetches next."""
    records = Fetcher.PartitionRecords(fetch["offset"], TopicPartition("orders", 0), MemoryRecords(from_hex(fetch["bytes"])))
    offsets = [record.offset for record in records.take()]
    return {"offsets": offsets, "next": records.next_fetch_offset}


def murmur2_vectors():
    generator = random.Random(4711)
    # The texts of Kafka's own UtilsTest.testMurmur2 are among them.
    keys = [b"", b"\x00", b"\xff", b"21", b"foobar", b"abc", b"a-little-bit-long-string",
            b"a-little-bit-longer-string", b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"]
    keys += [b"order-%d" % number for number in range(60)]
    keys += [("заказ-%d" % number).encode() for number in range(10)]
    keys += [bytes([0x80 | number]) * number for number in range(1, 20)]
    keys += [bytes(generator.randrange(256) for _ in range(length)) for length in range(1, 101)]
    keys += [bytes(generator.randrange(256) for _ in range(length)) for length in (127, 128, 129, 130, 200)]
    return [(key, murmur2(key)) for key in keys]


MURMUR2_HEAD = '''\
// Keys and their murmur2 hashes, as Kafka's default partitioner computes them (seed 0x9747b28c; the sign bit, which the
// partitioner clears before it takes the remainder, is still there).
// Provenance: kafka-python 3.0.12, `Tests/Judge/kafka_judge.py murmur2 > Tests/DaybookTests/Murmur2Vectors.swift`.

enum Murmur2Vectors {
    static let vectors: [(key: [UInt8], hash: UInt32)] = table.split(separator: "\\n").map { line in
        let columns = line.split(separator: " ", omittingEmptySubsequences: false)
        let digits = columns[1].compactMap { $0.hexDigitValue.map(UInt8.init) }
        let key = stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        return (key, UInt32(columns[0], radix: 16) ?? 0)
    }

    /// Hash and key, both in hexadecimal; `-` is the empty key.
    private static let table = """
'''


def schema(name, versions, flexible, *fields):
    """A record's fields in the form that kafka-python takes Kafka's own message definitions in."""
    return {"type": "data", "name": name, "validVersions": versions, "flexibleVersions": flexible, "fields": list(fields)}


def field(name, kind, versions="0+", **more):
    return {"name": name, "type": kind, "versions": versions, **more}


def partitions_field(name, versions="0+", **more):
    return field(name, "[]Partitions", versions, fields=[field("topic", "string"), field("partitions", "[]int32")], **more)


MEMBER_FIELDS = [
    field("memberId", "string"), field("groupInstanceId", "string", "3+", nullableVersions="3+"),
    field("clientId", "string"), field("clientHost", "string"), field("rebalanceTimeout", "int32", "1+"),
    field("sessionTimeout", "int32"), field("subscription", "bytes"), field("assignment", "bytes")]

GROUP_RECORDS = [
    (schema("OffsetCommitKey", "0-1", "none", field("group", "string"), field("topic", "string"), field("partition", "int32")),
     {"group": "warehouse", "topic": "orders", "partition": 258}),
    (schema("OffsetCommitValue", "0-4", "4+",
            field("offset", "int64"), field("leaderEpoch", "int32", "3+"), field("metadata", "string"),
            field("commitTimestamp", "int64"), field("expireTimestamp", "int64", "1")),
     {"offset": 0x0102030405060708, "leader_epoch": 7, "metadata": "note ß", "commit_timestamp": 1700000000123,
      "expire_timestamp": 1700000099999}),
    (schema("GroupMetadataKey", "2", "none", field("group", "string", "2")), {"group": "warehouse"}),
    (schema("GroupMetadataValue", "0-4", "4+",
            field("protocolType", "string"), field("generation", "int32"),
            field("protocol", "string", nullableVersions="0+"), field("leader", "string", nullableVersions="0+"),
            field("currentStateTimestamp", "int64", "2+"), field("members", "[]Member", fields=MEMBER_FIELDS)),
     {"protocol_type": "consumer", "generation": 12, "protocol": "range", "leader": "a-1",
      "current_state_timestamp": 1700000000123, "members": [
          {"member_id": "a-1", "group_instance_id": None, "client_id": "a", "client_host": "/10.0.0.1",
           "rebalance_timeout": 300000, "session_timeout": 45000, "subscription": bytes([1, 2, 3]), "assignment": b""},
          {"member_id": "b-2", "group_instance_id": "b", "client_id": "b", "client_host": "/10.0.0.2",
           "rebalance_timeout": 60000, "session_timeout": 10000, "subscription": b"", "assignment": bytes([9])}]}),
    (schema("Subscription", "0-3", "none",
            field("topics", "[]string"), field("userData", "bytes", nullableVersions="0+"),
            partitions_field("ownedPartitions", "1+"), field("generationId", "int32", "2+"),
            field("rackId", "string", "3+", nullableVersions="3+")),
     {"topics": ["orders", "invoices"], "user_data": bytes([5, 6]), "owned_partitions": [
         {"topic": "invoices", "partitions": [3]}, {"topic": "orders", "partitions": [0, 2]}],
      "generation_id": 12, "rack_id": None}),
    (schema("Assignment", "0-3", "none",
            partitions_field("assignedPartitions"), field("userData", "bytes", nullableVersions="0+")),
     {"assigned_partitions": [{"topic": "invoices", "partitions": [3]}, {"topic": "orders", "partitions": [0, 2]}],
      "user_data": None}),
    (schema("StickyUserData", "0-1", "none", partitions_field("previousAssignment"), field("generation", "int32", "1+")),
     {"previous_assignment": [{"topic": "invoices", "partitions": [3]}, {"topic": "orders", "partitions": [0, 2]}],
      "generation": 12}),
    (schema("TransactionLogKey", "0", "none", field("transactionalId", "string")), {"transactional_id": "billing-1"}),
    (schema("TransactionLogValue", "0-1", "1+",
            field("producerId", "int64"),
            field("previousProducerId", "int64", "1+", taggedVersions="1+", tag=0, default=-1),
            field("nextProducerId", "int64", "1+", taggedVersions="1+", tag=1, default=-1),
            field("producerEpoch", "int16"), field("transactionTimeoutMs", "int32"), field("transactionStatus", "int8"),
            partitions_field("transactionPartitions", nullableVersions="0+"),
            field("transactionLastUpdateTimestampMs", "int64"), field("transactionStartTimestampMs", "int64"),
            field("clientTransactionVersion", "int16", "1+", taggedVersions="1+", tag=2, default=0)),
     {"producer_id": 4711, "previous_producer_id": 4710, "next_producer_id": 4712, "producer_epoch": 3,
      "transaction_timeout_ms": 60000, "transaction_status": 1, "transaction_partitions": [
          {"topic": "invoices", "partitions": [3]}, {"topic": "orders", "partitions": [0, 2]}],
      "transaction_last_update_timestamp_ms": 1700000000123, "transaction_start_timestamp_ms": 1700000000100,
      "client_transaction_version": 2}),
]


def group_records():
    """Each record in each of its versions: the version, then the fields as kafka-python's encoder writes them.

    What the sticky assignor notes for itself begins with no version: Kafka's consumers try one after the other.
    """
    for definition, values in GROUP_RECORDS:
        struct = StructField(definition)
        flexible = StructField.parse_versions(definition["flexibleVersions"])
        for version in range(struct.min_version, struct.max_version + 1):
            is_flexible = flexible[0] <= version <= flexible[1]
            fields = struct.encode(values, version=version, compact=is_flexible, tagged=is_flexible)
            prefix = b"" if definition["name"] == "StickyUserData" else version.to_bytes(2, "big")
            yield definition["name"], version, prefix + fields


GROUP_RECORDS_HEAD = '''\
// Records of groups and transactions, and what consumers tell each other, in every version of each.
// Provenance: kafka-python 3.0.12, `Tests/Judge/kafka_judge.py groups > Tests/DaybookTests/Groups/GroupRecordVectors.swift`.

enum GroupRecordVectors {
    /// The bytes of a record in one version.
    static func bytes(_ name: String, _ version: Int) -> [UInt8] {
        let row = table.split(separator: "\\n").map { $0.split(separator: " ") }
            .first { $0[0] == name && $0[1] == String(version) }
        let digits = row.map { $0[2].compactMap { $0.hexDigitValue.map(UInt8.init) } } ?? []
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Name, version and bytes in hexadecimal.
    private static let table = """
'''


def main(arguments):
    if arguments[1:] == ["groups"]:
        print(GROUP_RECORDS_HEAD, end="")
        for name, version, data in group_records():
            digits = data.hex()
            # A backslash at the end of a line goes on with the row: lines stay short.
            lines = [digits[place:place + 100] for place in range(0, len(digits), 100)]
            print("        %s %d %s" % (name, version, "\\\n        ".join(lines)))
        print('        """\n}')
        return
    if arguments[1:] == ["murmur2"]:
        print(MURMUR2_HEAD, end="")
        for key, value in murmur2_vectors():
            print("        %08x %s" % (value, key.hex() or "-"))
        print('        """\n}')
        return
    command, source, target = arguments[1:]
    with open(source, "rb") as file:
        data = file.read()
    if command == "parse":
        result = parse(data)
    else:
        result = [{"build": build_batch, "follow": follow}[command](order) for order in json.loads(data)]
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file)


main(sys.argv)
