// Writes a history down while it happens, and gives records, transactions, commits, senders and readers their numbers.
// What clients do is in `SimulatedClient`; what follows from it in `HistoryChecker`.

internal import DaybookModel
internal import Synchronization

/// The history of some clients that are at work. Thread-safe.
final class HistoryRecorder: Sendable {
    private struct State {
        var history = ClientHistory()
        var numbers: [Kind: Int] = [:]
        var failures: [String] = []
        var refusals: [String: Int] = [:]
    }

    /// What has numbers of its own.
    private enum Kind { case record, transaction, commit, sender, reader, topic }

    private let state: Mutex<State>

    init(processingGroups: Set<String>) {
        var history = ClientHistory()
        history.processingGroups = processingGroups
        state = Mutex(State(history: history))
    }

    var history: ClientHistory { state.withLock { $0.history } }
    /// What clients were told that cannot be explained.
    var failures: [String] { state.withLock { $0.failures } }
    /// How often clients were refused something, by the errors' codes.
    var refusals: [String: Int] { state.withLock { $0.refusals } }

    func note(_ event: ClientHistory.Event) { state.withLock { $0.history.append(event) } }

    func noteFailure(_ sentence: String) { state.withLock { $0.failures.append(sentence) } }

    func noteRefusal(_ code: String) { state.withLock { $0.refusals[code, default: 0] += 1 } }

    func newSender() -> Int { take(.sender) { _ in nil } }

    /// What tells a new topic from others of its name.
    func newTopicID() -> UInt64 { UInt64(take(.topic) { _ in nil }) + 1 }

    /// A record is about to be sent; returns its number.
    func send(_ sent: ClientHistory.Sent) -> Int { take(.record) { .sent(record: $0, sent) } }

    func begin() -> Int { take(.transaction) { .began(transaction: $0) } }

    func commit(_ commit: ClientHistory.Commit) -> Int { take(.commit) { .committed(commit: $0, commit) } }

    /// A reader begins at these places; returns its number.
    func open(at positions: [TopicPartition: Offset]) -> Int {
        let reader = take(.reader) { _ in nil }
        for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
            note(.opened(reader: reader, partition, at: offset))
        }
        return reader
    }

    private func take(_ kind: Kind, _ event: (Int) -> ClientHistory.Event?) -> Int {
        state.withLock { state in
            let number = state.numbers[kind, default: 0]
            state.numbers[kind] = number + 1
            if let event = event(number) { state.history.append(event) }
            return number
        }
    }
}
