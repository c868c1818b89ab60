// What is to go wrong: which calls, how often, and how. Faults are values; a plan is an array of them.
// What decides is in `FaultyFileSystem`; a fault is a value and keeps no count itself.

internal import DaybookModel
package import SystemPackage

/// A fault in a file system's plan.
package struct Fault: Sendable {
    /// What happens instead of the call.
    package enum Effect: Sendable, Hashable {
        /// The call is refused. A write has moved its first `after` bytes all the same, as a torn one does.
        case fail(Errno, after: Int = 0)
        /// A read or write moves at most this many bytes and reports so. Other calls are as ever.
        case short(Int)
    }

    package var effect: Effect
    package var kinds: Set<FileCallKind>
    /// Which of the calls that match go wrong, counted from 0 from the moment the fault was injected.
    package var calls: Range<Int>
    package var matches: @Sendable (FilePath) -> Bool

    /// By default the first call that matches goes wrong. `kinds` empty: every kind.
    package init(
        _ effect: Effect, _ kinds: Set<FileCallKind> = [], calls: Range<Int> = 0..<1,
        on matches: @escaping @Sendable (FilePath) -> Bool = { _ in true }
    ) {
        self.effect = effect
        self.kinds = kinds.isEmpty ? Set(FileCallKind.allCases) : kinds
        self.calls = calls
        self.matches = matches
    }

    /// From the `number`-th call on every call fails: to the program, the machine is gone. The first call, if it is a
    /// write, still moves `torn` bytes.
    package static func crash(at number: Int, torn: Int = 0) -> [Fault] {
        [
            Fault(.fail(.ioError, after: torn), calls: number..<number + 1),
            Fault(.fail(.ioError), calls: number + 1..<Int.max),
        ]
    }
}
