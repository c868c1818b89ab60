// How a producer batches, compresses and waits.
// What a topic decides instead is in `TopicConfiguration`.

public import DaybookCompression
public import DaybookModel

/// Settings of a producer. Kafka's names in brackets.
public struct ProducerConfiguration: Sendable {
    /// A batch is handed over when its records take this many bytes before compression [`batch.size`].
    public var batchSize: ByteCount
    /// How long an enqueued record may wait for others to share its batch [`linger.ms`]. Records that somebody awaits do
    /// not linger: they go as soon as the batch before them is done.
    public var linger: Duration
    /// The codec, where the topic leaves the choice to producers [`compression.type`].
    public var compression: Compression
    /// Bytes that may be in the producer, waiting or under way; beyond that, calls wait for room [`buffer.memory`].
    public var bufferMemory: ByteCount
    /// What an acknowledgement means [`acks`].
    public var durability: Durability
    /// Batches carry a producer id and sequence numbers, by which the log recognises one that is sent twice, and refuses
    /// what would overtake a batch that was refused [`enable.idempotence`].
    public var isIdempotent: Bool
    public var partitioner: any Partitioner

    public init(
        batchSize: ByteCount = .kibibytes(64), linger: Duration = .milliseconds(5), compression: Compression = .none,
        bufferMemory: ByteCount = .mebibytes(32), durability: Durability = .durable, isIdempotent: Bool = true,
        partitioner: any Partitioner = DefaultPartitioner()
    ) {
        self.batchSize = batchSize
        self.linger = linger
        self.compression = compression
        self.bufferMemory = bufferMemory
        self.durability = durability
        self.isIdempotent = isIdempotent
        self.partitioner = partitioner
    }

    /// The configuration if every value is allowed; throws `.invalidConfiguration` that says what is.
    public func validated() throws(DaybookError) -> ProducerConfiguration {
        func refuse(_ sentence: String) -> DaybookError { DaybookError(.invalidConfiguration, sentence) }
        guard (1...(1 << 30)).contains(batchSize.rawValue) else {
            throw refuse("batch.size is \(batchSize); use an amount from 1B to 1GiB")
        }
        guard linger >= .zero, linger <= .seconds(3600) else {
            throw refuse("linger.ms is \(linger.milliseconds); use a number from 0 to 3600000")
        }
        guard bufferMemory >= .kibibytes(4) else {
            throw refuse("buffer.memory is \(bufferMemory); use at least 4KiB")
        }
        switch compression {
        case .lz4(let level) where !Compression.lz4Levels.contains(level):
            throw refuse("lz4 has no level \(level); use \(Compression.lz4Levels)")
        case .zstd(let level) where !Compression.zstdLevels.contains(level):
            throw refuse("zstd has no level \(level); use \(Compression.zstdLevels)")
        default: return self
        }
    }
}
