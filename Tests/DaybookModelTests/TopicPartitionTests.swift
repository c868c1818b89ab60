// A partition's folder name and the way back from it,
// for folders that Daybook makes and for those that it does not.

import DaybookModel
import Testing

@Suite("Folder names of partitions")
struct TopicPartitionTests {
    @Test(
        "a folder name leads back to its partition",
        arguments: [
            ("orders", 0), ("orders", 3), ("a-b", 12), ("orders-", 1), ("-", 0), ("9", Int32.max), ("x.y_z", 10),
        ])
    func roundTrip(topic: String, partition: Int32) throws {
        let original = TopicPartition(topic: try TopicName(topic), partition: partition)
        #expect(original.description == "\(topic)-\(partition)")
        #expect(TopicPartition(folderName: original.description) == original)
    }

    @Test(
        "what Daybook would not name a folder is none of its folders",
        arguments: [
            "", "-", "orders", "orders-", "-0", "orders-x", "orders-03", "orders-+3", "orders-3 ", " orders-3", ".-.",
            ".-1", "..-1", "orders-2147483648", "orders-3.deleted", "a/b-3", "orders-٣", "orders-0x1", "orders-−1",
        ])
    func refused(name: String) {
        #expect(TopicPartition(folderName: name) == nil)
    }

    @Test("the longest topic with five digits still fits a file system's 255 bytes")
    func length() throws {
        let longest = TopicPartition(topic: try TopicName(String(repeating: "x", count: 249)), partition: 99999)
        #expect(longest.description.utf8.count == 255)
        #expect(TopicPartition(folderName: longest.description) == longest)
    }

    @Test("partitions are ordered by number, not by text")
    func order() throws {
        let topic = try TopicName("a")
        let partitions = [10, 9, 0].map { TopicPartition(topic: topic, partition: $0) }
        let other = TopicPartition(topic: try TopicName("b"), partition: 0)
        #expect(([other] + partitions).sorted().map(\.description) == ["a-0", "a-9", "a-10", "b-0"])
    }
}
