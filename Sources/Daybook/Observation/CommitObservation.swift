// What an observer hears of committed offsets, and where it is told: around the answer that whoever commits is given.
// How a commit comes about is `OffsetShard`'s business.

internal import DaybookModel

/// A commit of a group, or of somebody on its behalf, that has ended.
public struct CommitObservation: Sendable {
    public let group: String
    /// How many partitions it was for; they were committed together.
    public let partitionsCount: Int
    /// From when it was handed over until it was durable or refused.
    public let duration: Duration
    /// Why it was refused, all of it; nil when it is durable.
    public let refusal: DaybookError?
}

extension OffsetRequest {
    /// The same request, of whose end an observer hears if it is a commit. Commits of transactions are heard of as
    /// transactions, resets and deletions not at all.
    func observed(by partition: Partition) -> OffsetRequest {
        guard let observer = partition.services.observer, case .commit(let offsets) = work else { return self }
        let (clock, group, completion) = (partition.services.clock, group, completion)
        let began = clock.elapsed()
        var request = self
        request.completion = { refusal in
            observer.didCommit(
                CommitObservation(
                    group: group, partitionsCount: offsets.count, duration: clock.elapsed() - began, refusal: refusal))
            completion(refusal)
        }
        return request
    }
}
