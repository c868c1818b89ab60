// Failures of a simulated disk in the words of those who test their own programs with it.
// The full plan, call by call, is `Fault`.

internal import DaybookModel
internal import SystemPackage

/// What a program asks of a disk.
public enum DiskCall: Hashable, Sendable, CaseIterable {
    case open, read, write, flush
    /// Creating, renaming, linking and removing files and folders.
    case changeNames
    /// Making names durable.
    case flushNames
}

/// How a call fails.
public enum DiskFailure: Hashable, Sendable, CaseIterable {
    /// The disk reports an error. A flush that fails so gives up what it should have made durable.
    case inputOutput
    /// There is no space left.
    case full
    /// A signal came; the program should make the call again.
    case interrupted
    /// A write stops half way and reports an error; other calls report it without doing anything.
    case torn
}

extension SimulatedDisk {
    /// The next `count` calls of that kind fail; calls before are not counted.
    public func failNext(_ call: DiskCall, _ failure: DiskFailure = .inputOutput, count: Int = 1) {
        precondition(count > 0, "\(count) calls cannot fail; use 1 or more")
        let kinds: Set<FileCallKind> =
            switch call {
            case .open: [.open]
            case .read: [.read]
            case .write: [.write, .truncate]
            case .flush: [.flush]
            case .changeNames: [.createDirectory, .rename, .link, .removeFile, .removeDirectory]
            case .flushNames: [.flushDirectory]
            }
        let effect: Fault.Effect =
            switch failure {
            case .inputOutput: .fail(.ioError)
            case .full: .fail(.noSpace)
            case .interrupted: .fail(.interrupted)
            case .torn: .fail(.ioError, after: DiskFile.sectorSize / 2)
            }
        inject(Fault(effect, kinds, calls: 0..<count))
    }
}
