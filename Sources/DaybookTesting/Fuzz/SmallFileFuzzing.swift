// The small text files of a data directory and of a partition, out of arbitrary bytes: what is accepted must come out the
// same when it is written again, and must be usable. Called by `FuzzTarget.checkpoint`, `.state` and `.topics`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

/// The targets `state` and `topics`. Choice 0: the bytes are lines that get a checksum line that is right.
enum SmallFileFuzzing {
    /// The bytes of the file that the input stands for.
    static func file(_ input: FuzzInput) -> [UInt8] {
        guard input.chooses(0) else { return input.bytes }
        let body = input.bytes.last == UInt8(ascii: "\n") ? input.bytes : input.bytes + [UInt8(ascii: "\n")]
        let checksum = body.withUnsafeBytes { CRC32C.checksum($0) }
        return body + Array("checksum \(String(checksum, radix: 16))\n".utf8)
    }

    /// A file as it is, and its lines without their checksum for the other choice.
    static func seeds(_ file: [UInt8]) -> [[UInt8]] {
        let lines = file.dropLast().split(separator: UInt8(ascii: "\n")).dropLast()
        return [[0] + file, [1] + lines.joined(separator: [UInt8(ascii: "\n")])]
    }

    static func runState(_ input: FuzzInput) throws {
        guard let state = try acceptingOtherVersions({ try DirectoryState(decoding: file(input)) }) else { return }
        let again = try DirectoryState(decoding: state.encoded())
        try promise(again == state, "a state comes back changed")
    }

    static func runTopics(_ input: FuzzInput) throws {
        guard let registry = try acceptingOtherVersions({ try TopicRegistry(decoding: file(input)) }) else { return }
        let again = try TopicRegistry(decoding: registry.encoded())
        try promise(again == registry, "a registry comes back changed")
        for topic in registry.sorted {
            try promise(
                topic.partitions.count == Int(topic.partitionsCount) && topic.partitionsCount <= 100_000,
                "topic \(topic.name) has more partitions than can be made")
        }
        try promise(registry.nextSlot >= 0, "topics stand at places that there are not")
    }

    /// What is of another version, or holds a setting that is none, is refused with a sentence.
    private static func acceptingOtherVersions<R>(_ decode: () throws -> R?) throws -> R? {
        do {
            return try decode()
        } catch let error as DaybookError {
            try promise(!error.description.isEmpty, "a refusal says nothing")
            return nil
        }
    }

    static func stateSeeds() -> [[UInt8]] {
        let boot = "4b9f2d0e-0000-4000-8000-123456789abc"
        return [
            DirectoryState(
                isClean: true, leaderEpoch: LeaderEpoch(rawValue: 7), bootIdentifier: boot,
                nextProducerID: ProducerID(rawValue: 123_000)),
            DirectoryState(isClean: false, leaderEpoch: LeaderEpoch(rawValue: .max), bootIdentifier: nil),
        ].flatMap { seeds($0.encoded()) }
    }

    static func topicsSeeds() throws -> [[UInt8]] {
        let kind = "daybook-topics 1\ngeneration 3\n"
        let topic = "topic orders id=d0 partitions=4 slot=0 created=1700000000000 state=live\n"
        let gone = "topic gone id=1 partitions=1 slot=4 created=-1 state=deleting\n"
        let settings = TopicConfigurationTable.settings.map { "config orders \($0.name)=\($0.defaultText)\n" }.joined()
        return [
            kind + topic, kind + topic + gone + "config orders compression.type=zstd", kind + topic + settings,
            kind + "topic huge id=1 partitions=2147483647 slot=9223372036854775807 created=0 state=live",
        ].map { [1] + Array($0.utf8) }
    }
}

/// The target `checkpoint`. Choice 0 as above. Choice 1: opened for reading.
enum CheckpointFuzzing {
    static func run(_ input: FuzzInput) throws {
        let bytes = SmallFileFuzzing.file(input)
        let topicID = FuzzLog.identity.topicID
        let checkpoint = PartitionCheckpoint(decoding: bytes, topicID: topicID)
        if let checkpoint {
            let again = PartitionCheckpoint(decoding: checkpoint.encoded(), topicID: topicID)
            try promise(again == checkpoint, "a checkpoint comes back changed")
        }
        let sample = try FuzzLog.sample.get()
        let stage = try FuzzLog(sample.files.merging([PartitionCheckpoint.fileName: bytes]) { $1 })
        let log = try stage.open(FuzzLog.Before(isReadOnly: input.chooses(1)))
        let content = try FuzzLog.read(log)
        if checkpoint == nil {
            try promise(content == sample.content, "a checkpoint that is not one has cost a record")
        }
        _ = try stage.verify()
        guard !input.chooses(1) else { return }
        let base = log.logEndOffset
        let batch = try stage.append(to: log)
        try log.saveCheckpoint()
        try log.close()
        let again = try FuzzLog.read(try stage.open(FuzzLog.Before()))
        try promise(again.batches[base] == batch, "what was appended beside a checkpoint cannot be read")
    }

    static func seeds() -> [[UInt8]] {
        var checkpoint = PartitionCheckpoint(topicID: FuzzLog.identity.topicID)
        var files = [checkpoint.encoded()]
        checkpoint.logStartOffset = Offset(4)
        checkpoint.generation = 2
        checkpoint.cleanedTo = Offset(9)
        checkpoint.nextTombstoneExpiry = Timestamp(milliseconds: 1_700_000_000_000)
        checkpoint.lastScrub = ScrubResult(
            time: Timestamp(milliseconds: 5), segmentsCount: 2, bytes: 900, damagedSegmentsCount: 1)
        files.append(checkpoint.encoded())
        checkpoint.swap = SegmentSwap(baseOffsets: [Offset(0), Offset(9)])
        files.append(checkpoint.encoded())
        checkpoint.logStartOffset = .max
        checkpoint.generation = .max
        files.append(checkpoint.encoded())
        return files.flatMap { SmallFileFuzzing.seeds($0) }
    }
}
