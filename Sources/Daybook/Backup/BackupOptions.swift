// How a backup is made: what it may share, what it checks, what it removes, how fast it goes.
// Values only; what is done with them is in the files beside this one.

public import DaybookModel

/// Settings of one backup.
public struct BackupOptions: Sendable {
    /// Which segments are read again, to compare their bytes with the hash that their sidecar or an earlier snapshot knows.
    /// What is copied is always compared, on the way.
    public enum Check: String, Sendable, CaseIterable {
        /// None: links are taken at the sidecar's word. An O(1) backup of what has not changed.
        case none
        /// Those that no earlier snapshot holds.
        case new
        /// All, those that earlier snapshots hold included.
        case all
    }

    /// Give segments that are complete a second name instead of copying them, where the snapshot is on the same file system.
    /// With `false` the snapshot shares no bytes with the data directory; with earlier snapshots that do not either it may.
    public var sharesBytes: Bool
    public var check: Check
    /// After success, remove the oldest snapshots until so many are left, the new one included. Nil: remove none.
    public var keep: Int?
    /// Read and write at most so much in a second. Nil: as fast as the disks are.
    public var rateLimit: ByteCount?

    public init(sharesBytes: Bool = true, check: Check = .new, keep: Int? = nil, rateLimit: ByteCount? = nil) {
        self.sharesBytes = sharesBytes
        self.check = check
        self.keep = keep
        self.rateLimit = rateLimit
    }

    /// The options if every value is allowed; throws `.invalidConfiguration` otherwise.
    public func validated() throws(DaybookError) -> BackupOptions {
        if let keep, keep < 1 {
            throw DaybookError(.invalidConfiguration, "keep is \(keep); use a number from 1 upwards")
        }
        if let rateLimit, rateLimit.rawValue < 1 {
            throw DaybookError(.invalidConfiguration, "The rate limit is \(rateLimit); use at least one byte a second")
        }
        return self
    }
}
