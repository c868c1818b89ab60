// What is to go wrong: which calls, how often, and how. Faults are values; a plan is an array of them.
// What counts the calls is `FaultPlan`; what happens by chance instead of by plan is `FaultRates`.

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

/// Faults with a count of the calls that each has seen: asked about every call, in order.
struct FaultPlan {
    private var faults: [(fault: Fault, seen: Int)] = []
    /// While false, no fault strikes and none counts calls.
    var isEnabled = true

    /// Adds faults; they count calls from now on.
    mutating func inject(_ faults: [Fault]) { self.faults += faults.map { ($0, 0) } }

    mutating func heal() { faults = [] }

    /// What happens to this call: the first fault that wants it has it.
    mutating func effect(on kind: FileCallKind, _ path: FilePath) -> Fault.Effect? {
        guard isEnabled else { return nil }
        var effect: Fault.Effect?
        for index in faults.indices where faults[index].fault.wants(kind, path) {
            if effect == nil, faults[index].fault.calls.contains(faults[index].seen) {
                effect = faults[index].fault.effect
            }
            faults[index].seen += 1
        }
        return effect
    }
}

extension Fault {
    fileprivate func wants(_ kind: FileCallKind, _ path: FilePath) -> Bool { kinds.contains(kind) && matches(path) }
}
