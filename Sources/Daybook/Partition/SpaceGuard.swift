// Keeps the last bytes of the disk: appends are refused before it is full, so that deletions, checkpoints and recovery still
// have room to work. One for a daybook; asked before each append.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

/// Admits bytes for as long as the file system has more than the reserve. Thread-safe.
final class SpaceGuard: Sendable {
    private let fileSystem: any FileSystem
    private let directory: FilePath
    private let reserve: Int
    private let clock: any TimeSource
    /// Bytes that may be appended before the next look.
    private let budget = Atomic<Int>(0)
    private let refusal = Mutex(Refusal())

    private struct Refusal {
        var available = 0
        var lookedAt: Duration?
    }

    /// With plenty of room a look is due after so many bytes.
    private static var longestStride: Int { 64 << 20 }
    /// While appends are refused a look is due after this time: senders that keep trying must not keep the disk busy.
    private static var pause: Duration { .milliseconds(100) }

    init(_ fileSystem: any FileSystem, _ directory: FilePath, reserve: ByteCount, clock: any TimeSource) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.reserve = reserve.rawValue
        self.clock = clock
    }

    /// Lets `bytes` be appended, or throws `.diskFull`. One subtraction, and now and then a call of the system: the less room
    /// there is, the more often.
    func admit(_ bytes: Int) throws(DaybookError) {
        if reserve == 0 || budget.wrappingSubtract(bytes, ordering: .relaxed).newValue >= 0 { return }
        let left = refusal.withLock { refusal -> Int? in
            // Somebody else may have looked while this call waited.
            if budget.load(ordering: .relaxed) >= 0 { return nil }
            let now = clock.elapsed()
            if let last = refusal.lookedAt, now - last < Self.pause { return refusal.available }
            guard let available = look() else {
                // Whoever cannot tell how much room there is stops nobody; a full disk refuses by itself.
                budget.store(Self.longestStride, ordering: .relaxed)
                return nil
            }
            let room = available - reserve
            guard room >= bytes else {
                refusal = Refusal(available: available, lookedAt: now)
                return available
            }
            refusal.lookedAt = nil
            budget.store(min(room / 2, Self.longestStride) - bytes, ordering: .relaxed)
            return nil
        }
        if let left { throw full(left) }
    }

    /// Throws `.diskFull` unless there is room for `bytes` beside the reserve. Looks in any case.
    func require(_ bytes: Int) throws(DaybookError) {
        guard reserve > 0, let available = look(), available - reserve < bytes else { return }
        throw full(available)
    }

    private func look() -> Int? {
        do throws(FileError) {
            return try uninterrupted { () throws(FileError) in try fileSystem.space(at: directory) }.available
        } catch {
            return nil
        }
    }

    private func full(_ available: Int) -> DaybookError {
        DaybookError(
            .diskFull,
            "The disk has \(available) bytes left and \(reserve) are kept in reserve (reservedSpace), so nothing is appended; "
                + "free some space, shorten a topic's retention or delete a topic. Appends go on by themselves then")
    }
}
