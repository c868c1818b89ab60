// How the last writer left a data directory: properly closed or not, in which incarnation, on which start of the machine, and
// which producer ids it may have given away. Read and written by opening and closing, and by `ProducerIDs`.

package import DaybookModel
internal import DaybookStorage

/// The file `state`.
package struct DirectoryState: Equatable {
    var isClean: Bool
    var leaderEpoch: LeaderEpoch
    /// Nil where the system does not tell.
    var bootIdentifier: String?
    /// The first producer id that has never been reserved.
    var nextProducerID = ProducerID(rawValue: 0)

    private static let kind = "daybook-state"

    /// The state as lines of text with a checksum.
    package func encoded() -> [UInt8] {
        ChecksummedText(
            kind: Self.kind, version: DirectoryLayout.formatVersion,
            lines: [
                "shutdown \(isClean ? "clean" : "running")", "epoch \(leaderEpoch)",
                "boot \(bootIdentifier ?? "unknown")", "next-producer \(nextProducerID.rawValue)",
            ]
        ).encoded()
    }

    /// Nil when the bytes are damaged: the directory then counts as not properly closed. Throws `.unsupportedFormat`.
    package init?(decoding bytes: [UInt8]) throws(DaybookError) {
        guard let text = ChecksummedText(decoding: bytes, kind: Self.kind) else { return nil }
        guard text.version == DirectoryLayout.formatVersion else {
            throw DaybookError(
                .unsupportedFormat,
                "The data directory has format \(text.version), this release reads format "
                    + "\(DirectoryLayout.formatVersion); use the Daybook release that wrote it, or a later one that reads both"
            )
        }
        isClean = text.lines.contains("shutdown clean")
        let epoch = text.lines.compactMap { $0.value(after: "epoch") }.first.flatMap { Int32($0) }
        leaderEpoch = LeaderEpoch(rawValue: epoch ?? 0)
        let boot = text.lines.compactMap { $0.value(after: "boot") }.first
        bootIdentifier = boot == "unknown" ? nil : boot
        let next = text.lines.compactMap { $0.value(after: "next-producer") }.first.flatMap { Int64($0) }
        // Further than any counter gets: whoever wrote such a number was not this file's writer.
        nextProducerID = ProducerID(rawValue: next.flatMap { (0..<1 << 62).contains($0) ? $0 : nil } ?? 0)
    }

    /// The same, with all producer ids below `end` reserved.
    func reserving(to end: ProducerID) -> DirectoryState {
        var state = self
        state.nextProducerID = end
        return state
    }

    /// Whether the machine is known not to have been restarted since the state was written.
    func isOf(boot current: String?) -> Bool {
        guard let bootIdentifier, let current else { return false }
        return bootIdentifier == current
    }

    /// Whether a writer was at work when the machine stopped, as far as can be told on its present start.
    func mayPrecedePowerCut(_ current: String?) -> Bool { !isClean && !isOf(boot: current) }

    package init(
        isClean: Bool, leaderEpoch: LeaderEpoch, bootIdentifier: String?,
        nextProducerID: ProducerID = ProducerID(rawValue: 0)
    ) {
        self.isClean = isClean
        self.leaderEpoch = leaderEpoch
        self.bootIdentifier = bootIdentifier
        self.nextProducerID = nextProducerID
    }
}
