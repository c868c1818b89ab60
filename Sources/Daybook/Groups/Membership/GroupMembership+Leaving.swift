// How a member ends: it gives up what it owns and leaves, or is gone. Why others put it out, and what follows for them, is
// `GroupStateMachine`'s business.

internal import DaybookModel
internal import Synchronization

extension GroupMembership {
    /// Gives up what it owns, with the user's callback, leaves, and ends the reading. What was handed over to be committed is durable then, or its
    /// sender knows why not.
    ///
    /// Callbacks never run side by side: it waits for one that is at work. One that calls this itself returns first.
    func close() async {
        state.withLock { $0.isClosing = true }
        while !takeTurn() {
            if Self.callingBack == ObjectIdentifier(self) { return }
            await whenTurnEnds()
        }
        await finish()
        endTurn()
    }

    /// For whoever has the turn. Does nothing the second time.
    func finish() async {
        let (lost, owned) = state.withLock { state -> ([TopicPartition], [TopicPartition]) in
            if state.isClosed { return ([], []) }
            if case .lose(let partitions) = state.plan.nextStep() { return (partitions, []) }
            return ([], state.plan.owned.sorted())
        }
        // Whoever closes a consumer has no use for what its callback throws.
        if !lost.isEmpty { _ = await call(configuration.onLost, lost) }
        if !owned.isEmpty { _ = await call(configuration.onRevoked, owned) }
        fetcher?.close()
        // What was handed over to be committed would be refused afterwards.
        await committer.settleIfBusy()
        leave()
        // What failed was answered to whoever asked for it.
        do { try await committer.settle() } catch {}
    }

    /// Leaves at once; a static member keeps its place for a while. Nothing happens the second time.
    func leave() {
        if let number = watcher.withLock({ $0.take() }) { daybook.topicWatchers.remove(number) }
        let (memberID, woken) = state.withLock { state -> (String, [@Sendable () -> Void]) in
            guard !state.isClosed else { return ("", []) }
            (state.isClosing, state.isClosed) = (true, true)
            return (state.plan.memberID, state.takeWaiting())
        }
        for then in woken { then() }
        // One that is joining for the first time does not know its id; its answer finds it closed.
        guard !memberID.isEmpty else { return }
        leave(memberID)
    }

    func leave(_ memberID: String) {
        if configuration.instanceID != nil {
            group.disconnect(memberID: memberID)
        } else {
            group.leave([LeavingMember(memberID: memberID)])
        }
    }

    // MARK: turns

    private func takeTurn() -> Bool {
        state.withLock { state in
            defer { state.isAttending = true }
            return !state.isAttending
        }
    }

    /// Somebody else may do steps.
    func endTurn() {
        let woken = state.withLock { state in
            state.isAttending = false
            defer { state.waitingForTurn = [] }
            return state.waitingForTurn
        }
        for continuation in woken { continuation.resume() }
    }

    private func whenTurnEnds() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isAttending { state.waitingForTurn.append(continuation) }
                return !state.isAttending
            }
            if isOver { continuation.resume() }
        }
    }
}
