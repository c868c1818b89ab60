// A reader beside a live writer: a topic that has been created since the directory was opened. What is appended to the topics
// that are known already is seen by their partitions themselves.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension DirectoryOpening {
    /// The steps of opening once more, with the threads and files of a daybook that is open.
    fileprivate init(of daybook: Daybook) {
        self.init(
            configuration: daybook.configuration, layout: daybook.layout, pool: daybook.pool, services: daybook.services
        )
    }

    /// Opens the partitions of a topic for reading, none of which is open yet.
    fileprivate func partitions(of topic: Topic) throws -> [Partition] {
        while true {
            let before = try readState()
            let slots = topic.partitions.map { (topic.firstSlot + Int($0.partition), topic.id, $0.partition) }
            let watermarks = services.watermarks.read(slots)
            let partitions = try zip(topic.partitions, slots).map { topicPartition, slot in
                let log = try recover(topic, topicPartition, watermarks[slot.0], before).log
                return Partition(log, topic: topic, services: services, reopening: reopening(log.identity, topic))
            }
            // A writer that came meanwhile may have appended what the state that was read calls durable.
            if try readState() == before { return partitions }
        }
    }
}

extension Daybook {
    /// A topic that another process has created since this directory was opened for reading; nil when there is none. Blocks.
    func topicThatHasCome(_ name: TopicName) throws(DaybookError) -> Topic? {
        do {
            return try topicChanges.withLock { _ in
                if let topic = state.withLock({ $0.registry.topics[name] }) { return topic }
                let registry = try TopicRegistry.load(layout, in: fileSystem).registry
                guard let topic = registry.topics[name], !topic.isDeleting else { return nil }
                let partitions = try DirectoryOpening(of: self).partitions(of: topic)
                try state.withLock { state throws(DaybookError) in
                    if state.isClosed { throw .closed }
                    state.registry.put(topic)
                    for partition in partitions { state.partitions[partition.topicPartition] = partition }
                }
                topicsGeneration.wrappingAdd(1, ordering: .releasing)
                return topic
            }
        } catch let error as DaybookError {
            throw error
        } catch let error as FileError {
            throw DaybookError(error)
        } catch {
            preconditionFailure("reading a registry and opening a log throw nothing else")
        }
    }
}
