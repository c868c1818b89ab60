// The demo's second scene: what opening the directory after the kill finds.
// Fails the demo when something that had been acknowledged is missing.

import Daybook

/// Shows the recovery report and counts what survived.
struct DemoRecovery {
    let daybook: Daybook

    /// Returns how many records each partition holds; fails when that is less than what had been acknowledged.
    func show(acknowledged: Int) async throws -> [Int32: Int64] {
        let report = daybook.recovery
        say(
            "   closed properly: \(report.wasClosedCleanly ? "yes" : "no, so the leader epoch is now \(report.leaderEpoch)")"
        )
        say(
            "   checked \(Numbers.bytes(report.scannedBytes)) of the log's end in "
                + "\(Numbers.fixed(report.duration.seconds * 1000, 1)) ms; \(Numbers.grouped(report.recoveredRecords)) records "
                + "were written but not known to be durable: kept, and flushed before anybody reads them")
        for finding in report.findings { say("   \(finding.topicPartition): \(finding.description)") }
        if report.findings.isEmpty { say("   no torn tail, no damage") }
        try await daybook.flush()
        var table = TextTable(columns: [
            .left("   partition"), .right("first"), .right("next"), .right("bytes"), .right("segments"),
        ])
        var survived: [Int32: Int64] = [:]
        for partition in try daybook.topic(CrashDemoCommand.topic).partitions {
            let offsets = try await daybook.offsets(partition)
            survived[partition.partition] = offsets.logStartOffset.distance(to: offsets.logEndOffset)
            table.addRow([
                "   \(partition)", "\(offsets.logStartOffset)", Numbers.grouped(offsets.logEndOffset.rawValue),
                Numbers.bytes(offsets.size.rawValue), "\(offsets.segmentsCount)",
            ])
        }
        StandardStream.output.write(table.render())
        let total = survived.values.reduce(0, +)
        guard total >= acknowledged else {
            throw DemoFailure("Only \(total) of \(acknowledged) acknowledged events survived.")
        }
        say(
            "   \(Numbers.grouped(total)) events survived, \(Numbers.grouped(acknowledged)) of them acknowledged: nothing promised is lost"
        )
        return survived
    }
}

extension Duration {
    /// As a number of seconds, with fractions.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
