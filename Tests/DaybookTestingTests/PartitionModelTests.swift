// What the model of a simulation excuses when bytes rot and the power goes before anybody could know that they were durable,
// and what it does not: each way in which the excuse could reach too far is a violation here.

import DaybookModel
import DaybookTesting
import Testing

@Suite struct PartitionModelTests {
    private let numbers = (0..<12).map { RecordNumber(rawValue: UInt64($0 + 1) << 16) }

    /// Twelve records, all acknowledged as durable.
    private func whole() throws -> PartitionModel {
        var model = PartitionModel(TopicPartition(topic: try TopicName("orders"), partition: 0))
        for (offset, number) in numbers.enumerated() {
            model.send(number)
            try model.acknowledge(number, at: Offset(Int64(offset)), asked: .durable, reached: .durable)
        }
        return model
    }

    /// A partition that ends at `end`.
    private func found(_ end: Int) -> [RecordNumber?] { Array(numbers.prefix(end)) }

    @Test
    func `Damage that no checkpoint knew excuses a log that ends in it after a power cut, and counts what is gone`()
        throws
    {
        for end in 4...12 {
            var model = try whole()
            model.damage(4..<8, durableTo: 4)
            try model.recover(start: 0, found(end), afterPowerCut: true)
            #expect(model.lostToTwoFaultsCount == 12 - end && model.lostCount == 0)
            #expect(model.durableEnd == Int64(end))
            // The next power cut takes nothing: somebody has read everything since.
            #expect(throws: Violation.self) {
                try model.recover(start: 0, found(end - 1), afterPowerCut: true)
            }
        }
    }

    @Test func `It excuses nothing before the damage, nothing without a power cut, and nothing that a checkpoint knew`()
        throws
    {
        let start = try whole()
        func expectViolation(
            _ end: Int, afterPowerCut: Bool = true, _ comment: Comment, _ prepare: (inout PartitionModel) -> Void
        ) {
            var model = start
            prepare(&model)
            #expect(throws: Violation.self, comment) {
                try model.recover(start: 0, found(end), afterPowerCut: afterPowerCut)
            }
        }
        expectViolation(11, "nothing was damaged") { _ in }
        expectViolation(3, "before the damage") { $0.damage(4..<8, durableTo: 0) }
        expectViolation(5, "below what a checkpoint knew") { $0.damage(4..<8, durableTo: 6) }
        expectViolation(8, afterPowerCut: false, "killed only") { $0.damage(4..<8, durableTo: 4) }
        expectViolation(8, "a checkpoint knew all of it") { $0.damage(4..<8, durableTo: 8) }
        expectViolation(8, "a checkpoint learned of it before the power went") {
            $0.damage(4..<8, durableTo: 4)
            $0.settle(durableTo: 8)
        }
        expectViolation(4, "a second damage further on") {
            $0.damage(8..<12, durableTo: 8)
        }
    }

    @Test func `Of two damages the one that no checkpoint knows yet stays in doubt`() throws {
        var model = try whole()
        model.damage(0..<4, durableTo: 0)
        model.settle(durableTo: 2)
        model.damage(4..<8, durableTo: 4)
        #expect(model.promisedEnd(afterPowerCut: true) == 4 && model.promisedEnd(afterPowerCut: false) == 12)
        try model.recover(start: 0, found(5), afterPowerCut: true)
        #expect(model.lostToTwoFaultsCount == 7 && model.undecided == nil)
    }
}
