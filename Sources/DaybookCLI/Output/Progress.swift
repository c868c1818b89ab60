// The one line on a terminal that says how far long work has come. Where standard error is no terminal it says nothing,
// so that logs and pipes stay clean.

import Daybook
import Synchronization

/// A progress line such as `Reading  1,234,567 of 2,000,000 (61%)`, renewed a few times a second.
final class Progress: Sendable {
    private let label: String
    private let total: Int?
    private let isShown: Bool
    private let state = Mutex((nextTime: ContinuousClock.now, width: 0))

    /// `total` nil: only the count is shown.
    init(label: String, total: Int? = nil, isShown: Bool = StandardStream.error.isTerminal) {
        self.label = label
        self.total = total
        self.isShown = isShown
    }

    /// Takes note of how much is done by now. Cheap enough to be called for each batch.
    func update(_ count: Int) { update(count, of: total) }

    /// The same where the total is known only while the work goes on.
    func update(_ count: Int, of total: Int?) {
        guard isShown else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            guard now >= state.nextTime else { return }
            state.nextTime = now + .milliseconds(100)
            let text = Self.text(label, count, of: total)
            let width = DisplayText.width(text)
            let rest = String(repeating: " ", count: max(0, state.width - width))
            state.width = width
            StandardStream.error.write("\r" + text + rest)
        }
    }

    /// Runs `work`, which tells how many bytes it has read so far, and shows them.
    static func bytesRead<R>(
        _ work: (@escaping @Sendable (ControlValue) -> Void) async throws -> R
    ) async throws -> R {
        let progress = Progress(label: "Bytes read")
        defer { progress.finish() }
        return try await work { value in
            if case .integer(let count) = value { progress.update(Int(count)) }
        }
    }

    /// Takes the line away again.
    func finish() {
        guard isShown else { return }
        state.withLock { state in
            if state.width > 0 { StandardStream.error.write("\r" + String(repeating: " ", count: state.width) + "\r") }
            state.width = 0
        }
    }

    static func text(_ label: String, _ count: Int, of total: Int?) -> String {
        guard let total else { return "\(label)  \(Numbers.grouped(count))" }
        let percent = total > 0 ? Int(Double(count) / Double(total) * 100) : 100
        return "\(label)  \(Numbers.grouped(count)) of \(Numbers.grouped(total)) (\(min(percent, 100))%)"
    }
}
