// The registry from what is left when both copies are lost: folders tell names and counts, sidecars the topics' ids, and
// the watermark file where each topic's entries are. Settings stand nowhere else.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

extension TopicRegistry {
    /// All topics that have folders. Where an id can be learned, sidecars, watermarks and checkpoints keep their worth;
    /// where it cannot, the topic gets a new one. Changes nothing on disk.
    static func rebuilt(from layout: DirectoryLayout, _ fileSystem: any FileSystem) throws(FileError) -> TopicRegistry {
        let partitions = partitions(try fileSystem.entries(of: layout.root).sorted())
        let counts = counts(partitions)
        var ids: [TopicName: UInt64] = [:]
        for topicPartition in partitions where ids[topicPartition.topic] == nil {
            ids[topicPartition.topic] = try topicID(of: topicPartition, layout, fileSystem)
        }
        let slots = try slots(layout, fileSystem)
        var registry = TopicRegistry()
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
            if let id = ids[name], let slot = slots[id] { registry.put(topic(name, count, id, slot)) }
        }
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) where registry.topics[name] == nil {
            registry.put(topic(name, count, ids[name] ?? UInt64.random(in: 1 ... .max), registry.nextSlot))
        }
        return registry
    }

    private static func topic(_ name: TopicName, _ count: Int32, _ id: UInt64, _ slot: Int) -> Topic {
        Topic(
            name: name, partitionsCount: count, id: id, created: .none,
            configuration: InternalTopic.configuration(of: name), firstSlot: slot)
    }

    /// What the first sound sidecar of a partition says.
    private static func topicID(
        of topicPartition: TopicPartition, _ layout: DirectoryLayout, _ fileSystem: any FileSystem
    ) throws(FileError) -> UInt64? {
        let folder = layout.partition(topicPartition)
        for name in try fileSystem.entries(of: folder).sorted() where name.hasSuffix(SegmentName.sidecarSuffix) {
            let inspection = SidecarInspection(try AtomicFile.read(folder.appending(name), in: fileSystem) ?? [])
            if let block = inspection.summaries.first(where: { $0.partition == topicPartition.partition }) {
                return block.topicID
            }
        }
        return nil
    }

    /// Where the entries of each topic begin in the watermark file.
    private static func slots(
        _ layout: DirectoryLayout, _ fileSystem: any FileSystem
    ) throws(FileError) -> [UInt64: Int] {
        let bytes = try AtomicFile.read(layout.watermarks, in: fileSystem) ?? []
        var slots: [UInt64: Int] = [:]
        bytes.withUnsafeBytes { buffer in
            var start = 0
            while start + WatermarkFile.entrySize <= buffer.count {
                let entry = UnsafeRawBufferPointer(rebasing: buffer[start..<start + WatermarkFile.entrySize])
                if let watermark = WatermarkFile.decode(entry)?.watermark {
                    let first = start / WatermarkFile.slotSize - Int(watermark.partition)
                    if first >= 0 { slots[watermark.topicID] = first }
                }
                start += WatermarkFile.entrySize
            }
        }
        return slots
    }
}
