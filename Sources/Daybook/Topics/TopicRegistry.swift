// The topics of a data directory and the two files that hold them. One sound copy is enough; with none, the folders of
// the partitions still tell names and counts.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// All topics, with what is needed to add one.
package struct TopicRegistry: Equatable {
    private(set) var topics: [TopicName: Topic] = [:]
    /// Raised with each change; the copy with the higher one counts.
    private(set) var generation: Int64 = 0

    private static let kind = "daybook-topics"

    /// The topics in the order of their names.
    package var sorted: [Topic] { topics.values.sorted { $0.name < $1.name } }

    mutating func put(_ topic: Topic) {
        topics[topic.name] = topic
        generation += 1
    }

    mutating func remove(_ name: TopicName) {
        topics[name] = nil
        generation += 1
    }

    /// The first place in the watermark file behind all topics.
    package var nextSlot: Int { topics.values.map { $0.firstSlot + Int($0.partitionsCount) }.max() ?? 0 }

    // MARK: text

    /// The registry as lines of text with a checksum.
    package func encoded() -> [UInt8] {
        var lines = ["generation \(generation)"]
        for topic in sorted {
            lines.append(
                "topic \(topic.name) id=\(String(topic.id, radix: 16)) partitions=\(topic.partitionsCount) "
                    + "slot=\(topic.firstSlot) created=\(topic.created.rawValue) "
                    + "state=\(topic.isDeleting ? "deleting" : "live")")
            let defaults = TopicConfiguration()
            for setting in TopicConfigurationTable.settings
            where setting.text(topic.configuration) != setting.text(defaults) {
                lines.append("config \(topic.name) \(setting.name)=\(setting.text(topic.configuration))")
            }
        }
        return ChecksummedText(kind: Self.kind, version: DirectoryLayout.formatVersion, lines: lines).encoded()
    }

    init() {}

    /// Nil when the bytes are damaged. Throws `.unsupportedFormat`, or what a setting that is none makes of it.
    package init?(decoding bytes: [UInt8]) throws(DaybookError) {
        guard let text = ChecksummedText(decoding: bytes, kind: Self.kind) else { return nil }
        guard text.version == DirectoryLayout.formatVersion else {
            throw DaybookError(
                .unsupportedFormat,
                "The topic registry has format \(text.version), this release reads format "
                    + "\(DirectoryLayout.formatVersion); use the Daybook release that wrote it")
        }
        for line in text.lines {
            if let number = line.value(after: "generation") {
                generation = Int64(number) ?? 0
            } else if let words = line.value(after: "topic") {
                guard let topic = Self.topic(words) else { return nil }
                topics[topic.name] = topic
            } else if let words = line.value(after: "config")?.split(separator: " ", maxSplits: 1),
                words.count == 2, let name = try? TopicName(String(words[0])), var topic = topics[name]
            {
                let pair = words[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard pair.count == 2 else { return nil }
                try topic.configuration.set(String(pair[0]), to: String(pair[1]))
                topics[name] = topic
            }
        }
    }

    /// No directory has had so many partitions.
    private static let largestSlot = 1 << 32

    private static func topic(_ text: String) -> Topic? {
        let words = text.split(separator: " ")
        var fields: [Substring: Substring] = [:]
        for word in words.dropFirst() {
            let pair = word.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { fields[pair[0]] = pair[1] }
        }
        guard let first = words.first, let name = try? TopicName(String(first)),
            let id = fields["id"].flatMap({ UInt64($0, radix: 16) }),
            let count = fields["partitions"].flatMap({ Int32($0) }), Topic.partitionsCounts.contains(Int(count)),
            let slot = fields["slot"].flatMap({ Int($0) }), (0...largestSlot).contains(slot),
            let created = fields["created"].flatMap({ Int64($0) })
        else { return nil }
        return Topic(
            name: name, partitionsCount: count, id: id, created: Timestamp(milliseconds: created),
            configuration: TopicConfiguration(), firstSlot: slot, isDeleting: fields["state"] == "deleting")
    }

    // MARK: disk

    /// What was wrong with the registry's files.
    enum Loss: Equatable {
        /// One copy was missing or damaged; the other one was sound.
        case oneCopy(String)
        /// No copy was sound: topics were found by their folders, with default configuration.
        case rebuilt(topics: Int)
    }

    /// Reads the better copy; falls back to the partitions' folders.
    static func load(
        _ layout: DirectoryLayout, in fileSystem: any FileSystem
    ) throws -> (registry: TopicRegistry, loss: Loss?) {
        var found: [TopicRegistry] = []
        var bad: [String] = []
        for path in layout.registries {
            if let bytes = try AtomicFile.read(path, in: fileSystem), let registry = try TopicRegistry(decoding: bytes)
            {
                found.append(registry)
            } else {
                bad.append(path.lastComponent?.string ?? path.string)
            }
        }
        if let best = found.max(by: { $0.generation < $1.generation }) {
            return (best, bad.first.map { .oneCopy($0) })
        }
        let rebuilt = try TopicRegistry(foldersOf: layout.root, in: fileSystem)
        return (rebuilt, rebuilt.topics.isEmpty ? nil : .rebuilt(topics: rebuilt.topics.count))
    }

    /// Writes both copies, one after the other: at any moment one of them is whole. Durable when it returns.
    func save(_ layout: DirectoryLayout, in fileSystem: any FileSystem) throws(FileError) {
        for path in layout.registries { try AtomicFile.replace(path, with: encoded(), in: fileSystem) }
    }

    /// The partitions that folders of these names belong to. A folder of a number that no topic can have is none that Daybook
    /// has made.
    static func partitions(_ folderNames: [String]) -> [TopicPartition] {
        folderNames.compactMap { TopicPartition(folderName: $0) }
            .filter { $0.partition < Topic.partitionsCounts.upperBound }
    }

    /// How many partitions each topic must have had to have these.
    static func counts(_ partitions: [TopicPartition]) -> [TopicName: Int32] {
        partitions.reduce(into: [:]) { counts, partition in
            counts[partition.topic] = max(counts[partition.topic] ?? 0, partition.partition + 1)
        }
    }

    /// Topics by their folders. Ids are lost with the registry, so sidecars and watermarks will not match: everything
    /// is scanned, nothing is lost.
    private init(foldersOf root: FilePath, in fileSystem: any FileSystem) throws(FileError) {
        let partitions = Self.partitions(try fileSystem.entries(of: root))
        for (name, count) in Self.counts(partitions).sorted(by: { $0.key < $1.key }) {
            put(
                Topic(
                    name: name, partitionsCount: count, id: UInt64.random(in: 1 ... .max), created: .none,
                    configuration: InternalTopic.configuration(of: name), firstSlot: nextSlot))
        }
    }
}
