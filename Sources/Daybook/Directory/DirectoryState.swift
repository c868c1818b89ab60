// How the last writer left a data directory: properly closed or not, in which incarnation, on which start of the machine.
// Read and written by opening and closing only.

package import DaybookModel
internal import DaybookStorage

/// The file `state`.
package struct DirectoryState: Equatable {
    var isClean: Bool
    var leaderEpoch: LeaderEpoch
    /// Nil where the system does not tell.
    var bootIdentifier: String?

    private static let kind = "daybook-state"

    /// The state as lines of text with a checksum.
    package func encoded() -> [UInt8] {
        ChecksummedText(
            kind: Self.kind, version: DirectoryLayout.formatVersion,
            lines: [
                "shutdown \(isClean ? "clean" : "running")", "epoch \(leaderEpoch)",
                "boot \(bootIdentifier ?? "unknown")",
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
    }

    package init(isClean: Bool, leaderEpoch: LeaderEpoch, bootIdentifier: String?) {
        self.isClean = isClean
        self.leaderEpoch = leaderEpoch
        self.bootIdentifier = bootIdentifier
    }
}
