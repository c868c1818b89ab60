// Keeps room in reserve: whether a batch may still be appended, asked before every append of every partition.
// Flushes, deletions and the small files of the directory do not ask; the reserve is there for them.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

/// Refuses appends before the last bytes of a disk are gone, and allows them again once there is room. Thread-safe.
///
/// In ordinary times an append costs two atomic operations: the file system is asked again after `longestLook` bytes, or
/// after a second, because others fill the disk too. The nearer the reserve, the fewer bytes are allowed at once.
final class SpaceGuard: Sendable {
    /// At most so many bytes are appended between two looks.
    static let longestLook = 16 << 20
    /// Nearer to the reserve than four times this, every batch is looked at.
    static let shortestLook = 64 << 10
    /// While appends are refused the file system is asked this often at most.
    static let pause = Duration.milliseconds(100)
    /// What was seen is believed for so many milliseconds of the time of day, which may also jump: then it is looked again.
    private static let trust: Int64 = 1000

    private let directory: FilePath
    private let fileSystem: any FileSystem
    private let clock: any TimeSource
    private let reserve: Int
    /// Bytes that may be appended before the next look; negative when somebody asked for more.
    private let allowance = Atomic<Int>(0)
    /// When the file system was last asked, in milliseconds of the time of day.
    private let lookedAt = Atomic<Int64>(.min)
    private let state = Mutex(State())

    private struct State {
        /// When an append was last refused after a look; nil while there is room.
        var refusedAt: Duration?
        /// What was available then, less what has been allowed since.
        var available = 0
    }

    /// Keeps `reserve` free where `directory` stands. With a reserve of zero nothing is ever asked or refused.
    init(_ fileSystem: any FileSystem, _ directory: FilePath, reserve: ByteCount, clock: any TimeSource) {
        self.directory = directory
        self.reserve = reserve.rawValue
        self.fileSystem = fileSystem
        self.clock = clock
    }

    /// Allows `count` bytes to be appended at `now`, or throws `.diskFull`: nothing has been written then. Blocks while it
    /// asks the file system; one that gives no answer is taken to have room.
    func admit(_ count: Int, at now: Timestamp) throws(DaybookError) {
        guard reserve > 0 else { return }
        if isFresh(at: now), take(count) { return }
        try state.withLock { state in
            Result { () throws(DaybookError) in try look(count, at: now, &state) }
        }.get()
    }

    /// Asks the file system at the next append: a write has just found it full, whatever was seen before.
    func forget() { allowance.store(0, ordering: .relaxed) }

    private func isFresh(at now: Timestamp) -> Bool {
        let seen = lookedAt.load(ordering: .relaxed)
        // Saturated: the first look has not been.
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(seen)
        return !overflow && age.magnitude < Self.trust
    }

    private func take(_ count: Int) -> Bool {
        allowance.wrappingSubtract(count, ordering: .relaxed).newValue >= 0
    }

    private func look(_ count: Int, at now: Timestamp, _ state: inout State) throws(DaybookError) {
        if let refusedAt = state.refusedAt {
            if clock.elapsed() - refusedAt < Self.pause {
                // A smaller batch may still fit into what a larger one left.
                guard state.available - count >= reserve else { throw refusal(state.available) }
                state.available -= count
                return
            }
        } else if isFresh(at: now), take(count) {
            // Somebody else has looked meanwhile.
            return
        }
        let available = ask() ?? .max
        lookedAt.store(now.rawValue, ordering: .relaxed)
        state.available = available
        let rest = available - reserve - count
        guard rest >= 0 else {
            state.refusedAt = clock.elapsed()
            allowance.store(0, ordering: .relaxed)
            throw refusal(available)
        }
        state.refusedAt = nil
        let next = min(rest / 4, Self.longestLook)
        allowance.store(next < Self.shortestLook ? 0 : next, ordering: .relaxed)
    }

    /// Throws `.diskFull` unless there is room for `count` bytes beside the reserve. Asks in any case.
    func require(_ count: Int) throws(DaybookError) {
        guard reserve > 0, let available = ask(), available - reserve < count else { return }
        throw refusal(available)
    }

    private func ask() -> Int? {
        do throws(FileError) {
            return try uninterrupted { () throws(FileError) in try fileSystem.space(at: directory) }.available
        } catch {
            return nil
        }
    }

    private func refusal(_ available: Int) -> DaybookError {
        DaybookError(
            .diskFull,
            "The disk has \(available) bytes left and \(reserve) are kept in reserve (reservedSpace), so nothing is appended; "
                + "free some space, shorten a topic's retention or delete a topic. Appends go on by themselves then")
    }
}
