#!/usr/bin/env python3
"""An independent judge of record batches and partition hashes: kafka-python, from PyPI.

    kafka_judge.py parse INPUT OUTPUT    batches, back to back as in a segment -> JSON of all that is in them
    kafka_judge.py build INPUT OUTPUT    JSON of records -> JSON of batches as kafka-python builds them
    kafka_judge.py follow INPUT OUTPUT   JSON of fetches -> JSON of the offsets that kafka-python's consumer gets, and goes on from
    kafka_judge.py murmur2               prints Tests/DaybookTests/Murmur2Vectors.swift

Bytes stand in JSON as hexadecimal text, null as null.
"""

import json
import random
import sys

from kafka import codec as codecs
from kafka.consumer.fetcher import Fetcher
from kafka.partitioner.default import murmur2
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


def main(arguments):
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
