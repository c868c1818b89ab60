// Faults by chance: how likely each kind is at each call. Decided from the disk's seed, so that a run can be repeated.
// Faults by plan are in `Fault`.

internal import SystemPackage

/// Probabilities per call, 0 to 1. A kind that cannot befall a call does not.
package struct FaultRates: Hashable, Sendable {
    /// The call is refused with EIO. Of a flush: what it should have made durable never will be.
    package var ioError: Double
    /// Calls that need room are refused with ENOSPC although there is some.
    package var noSpace: Double
    /// The call is refused with EINTR and has done nothing.
    package var interrupted: Double
    /// A read or write moves some of its bytes and says so.
    package var short: Double
    /// A write moves some of its bytes and is refused with EIO.
    package var torn: Double
    /// Between two calls the system fails to write a file's unflushed bytes back; a later flush tells of it.
    package var writeBack: Double

    package init(
        ioError: Double = 0, noSpace: Double = 0, interrupted: Double = 0, short: Double = 0, torn: Double = 0,
        writeBack: Double = 0
    ) {
        self.ioError = ioError
        self.noSpace = noSpace
        self.interrupted = interrupted
        self.short = short
        self.torn = torn
        self.writeBack = writeBack
    }

    /// No fault at all.
    package static let none = FaultRates()

    /// What chance makes of a call that moves `count` bytes, or of one that moves none.
    func effect(
        on kind: FileCallKind, count: Int?, _ random: inout SeededGenerator
    ) -> Fault.Effect? {
        guard self != .none else { return nil }
        var chance = Double.random(in: 0..<1, using: &random)
        func strikes(_ rate: Double) -> Bool {
            chance -= rate
            return chance < 0
        }
        if strikes(ioError) { return .fail(.ioError) }
        if strikes(noSpace), FileCallKind.needingRoom.contains(kind) { return .fail(.noSpace) }
        if strikes(interrupted), kind != .close { return .fail(.interrupted) }
        if let count, count > 1, kind == .read || kind == .write, strikes(short) {
            return .short(Int.random(in: 1..<count, using: &random))
        }
        if let count, count > 0, kind == .write, strikes(torn) {
            return .fail(.ioError, after: Int.random(in: 0...count, using: &random))
        }
        return nil
    }
}

extension FileCallKind {
    /// Calls that a full disk may refuse.
    fileprivate static let needingRoom: Set<FileCallKind> = [
        .open, .createDirectory, .rename, .link, .write, .truncate, .flush, .flushDirectory,
    ]
}
