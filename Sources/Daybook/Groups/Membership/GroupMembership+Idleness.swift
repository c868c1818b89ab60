// Members whose users do not come back for more: they leave, so that others get on with their partitions. One timer looks, at
// the moment at which the user would be late; nothing runs meanwhile.

internal import Synchronization

extension GroupMembership {
    /// The user waits for records.
    func userWaits() { state.withLock { $0.idleSince = nil } }

    /// The user has got what it asked for, and has work to do. If that takes too long the member leaves.
    func userIsBusy() {
        let now = daybook.services.clock.elapsed()
        state.withLock { state in
            state.idleSince = now
            guard !state.isWatchingIdleness, !state.isClosed else { return }
            state.isWatchingIdleness = true
            watchIdleness(after: configuration.maximumPollInterval)
        }
    }

    private func watchIdleness(after delay: Duration) {
        daybook.services.timer.schedule(after: delay) { [weak self, io = daybook.services.io] in
            io.submit { self?.lookForUser() }
        }
    }

    private func lookForUser() {
        let now = daybook.services.clock.elapsed()
        let leaving = state.withLock { state -> String in
            state.isWatchingIdleness = false
            guard let idleSince = state.idleSince, !state.isClosed else { return "" }
            let left = idleSince + configuration.maximumPollInterval - now
            // One that is joining for the first time does not know its id yet.
            if left > .zero || state.plan.memberID.isEmpty {
                state.isWatchingIdleness = true
                watchIdleness(after: left > .zero ? left : configuration.maximumPollInterval)
                return ""
            }
            return state.plan.memberID
        }
        // The user learns of it when it comes back.
        if !leaving.isEmpty { group.leave([LeavingMember(memberID: leaving, instanceID: configuration.instanceID)]) }
    }
}
