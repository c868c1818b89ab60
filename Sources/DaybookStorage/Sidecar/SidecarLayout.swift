// Where the fields of a sidecar stand. A sidecar is a row of blocks, each covering a longer run of the segment than
// the one before; only the index entries are spread over the blocks. Integers are big-endian, as in the segment.
// A test compares the table with the constants.

/// The layout of one sidecar block.
///
/// | offset | size | field          | note |
/// |--------|------|----------------|------|
/// | 0      | 4    | magic          | `DBSC` |
/// | 4      | 2    | version        | 2 |
/// | 6      | 2    | flags          | bit 0 sealed, bit 1 flushed |
/// | 8      | 4    | blockLength    | all bytes of the block, trailer included |
/// | 12     | 4    | checksum       | CRC-32C of all other bytes |
/// | 16     | 8    | topicId        | binds the block to its topic |
/// | 24     | 4    | partition      | |
/// | 28     | 4    | number         | 0, 1, 2, … within the sidecar |
/// | 32     | 8    | baseOffset     | of the segment |
/// | 40     | 8    | size           | bytes of the segment that are covered |
/// | 48     | 8    | nextOffset     | |
/// | 56     | 8    | recordsCount   | |
/// | 64     | 8    | batchesCount   | |
/// | 72     | 4    | hash           | CRC-32C of the covered bytes |
/// | 76     | 4    | epochsCount    | epoch starts, all of the segment's so far |
/// | 80     | 8    | firstAppendTime | |
/// | 88     | 8    | lastAppendTime | |
/// | 96     | 8    | firstTimestamp | |
/// | 104    | 8    | maxTimestamp   | |
/// | 112    | 4    | entriesCount   | index entries in this block |
/// | 116    | 4    | timesLength    | bytes of append-time changes in this block |
/// | 120    | 8    | controlRecordsCount | records of control batches |
/// | 128    | 8    | abortedCount   | transactions aborted by a marker in the covered bytes |
/// | 136    | 4    | abortedRanges  | aborted transactions in this block |
/// | 140    | 4    | producersLength | bytes of producer states |
/// | 144    | 8    | reserved       | 0 |
/// | 152    | …    | body           | the parts named below, trailer |
///
/// The body holds epoch starts, index entries, append-time changes, aborted transactions and producer states, in this order.
/// An epoch start is epoch (4) and start offset (8). An index entry is offset (8), position (8), header checksum (4)
/// and the largest timestamp before it (8). An append-time change is two zigzag varints, offset and milliseconds, each
/// as the difference to the one before it in the block; the first counts from base offset and 0. An aborted transaction is
/// producer id (8), first offset (8) and offset of the marker (8), since the block before. Producer states are all that are
/// known behind the covered bytes, in the order of ids; a state is a row of zigzag varints: id, epoch, coordinator epoch
/// (−1 none), first offset of the open transaction (−1 none), last append time, number of batches, and for each of these
/// base sequence, last offset − base offset, base offset, append time. The trailer is blockLength (4) and magic (4), so that
/// the last block can be found from the end of the file.
package enum SidecarLayout {
    package static let magic = 0
    package static let version = 4
    package static let flags = 6
    package static let blockLength = 8
    package static let checksum = 12
    package static let topicId = 16
    package static let partition = 24
    package static let number = 28
    package static let baseOffset = 32
    package static let size = 40
    package static let nextOffset = 48
    package static let recordsCount = 56
    package static let batchesCount = 64
    package static let hash = 72
    package static let epochsCount = 76
    package static let firstAppendTime = 80
    package static let lastAppendTime = 88
    package static let firstTimestamp = 96
    package static let maxTimestamp = 104
    package static let entriesCount = 112
    package static let timesLength = 116
    package static let controlRecordsCount = 120
    package static let abortedCount = 128
    package static let abortedRanges = 136
    package static let producersLength = 140
    package static let reserved = 144
    package static let body = 152

    static let magicValue: UInt32 = 0x4442_5343
    static let currentVersion: UInt16 = 2
    static let sealedFlag: UInt16 = 1
    package static let flushedFlag: UInt16 = 2
    static let epochStartSize = 12
    static let entrySize = 28
    static let abortedSize = 24
    static let trailerSize = 8
    static let knownFlags = sealedFlag | flushedFlag
}
