// One group at work: its state machine behind a lock, those who wait for its answers, the timer that it asks for, and the
// record that it wants written down. What happens when is the machine's decision; who a member is, is `GroupMembership`'s.

internal import DaybookModel
internal import Synchronization

/// What a member is told without having asked.
enum GroupNotice: Hashable, Sendable {
    /// A rebalance has begun: join again.
    case rejoin
    /// The member is out; what it asks for from now on is refused with the error.
    case removed(GroupError)
}

/// A group with its coordinator.
///
/// What the machine wants done is done in its order, one thing after the other, and under no lock: whoever is answered may ask
/// again at once. Answers and notices come on whatever thread has caused them and must be quick.
final class CoordinatedGroup: Sendable {
    typealias Listener = @Sendable (GroupNotice) -> Void
    typealias JoinCompletion = @Sendable (GroupJoinAnswer) -> Void
    typealias SyncCompletion = @Sendable (GroupSyncAnswer) -> Void
    /// Has the group written down, or with nil its end, and calls back once, under no lock.
    typealias Writing = @Sendable (GroupMetadataValue?, @escaping @Sendable (DaybookError?) -> Void) -> Void

    let id: String
    private let services: PartitionServices
    private let write: Writing
    private let state: Mutex<State>

    private struct State {
        var machine: GroupStateMachine
        var lastRequest: UInt64 = 0
        var joins: [GroupRequestID: JoinCompletion] = [:]
        var syncs: [GroupRequestID: SyncCompletion] = [:]
        /// By member id.
        var listeners: [String: Listener] = [:]
        /// What is to be done, the next thing first.
        var actions = Line<GroupAction>()
        /// Somebody does it.
        var isActing = false
        /// When the next timer looks; nil: there is none.
        var timerDue: Duration?
        /// When the last member left.
        var emptySince: Timestamp?
        /// When the rebalance began that is under way.
        var rebalancingSince: Duration?
        /// Why the group could not be written down, the last time that somebody waited for it; nil where it could.
        var storeFailure: DaybookError?

        mutating func nextRequest() -> GroupRequestID {
            lastRequest += 1
            return GroupRequestID(rawValue: lastRequest)
        }

        /// Notes when a rebalance begins, and that none is under way.
        mutating func noteRebalancing(at now: Duration) {
            switch machine.state {
            case .preparingRebalance, .completingRebalance: rebalancingSince = rebalancingSince ?? now
            case .empty, .dead: rebalancingSince = nil
            // Told of before it is forgotten.
            case .stable: break
            }
        }
    }

    init(_ machine: GroupStateMachine, _ services: PartitionServices, write: @escaping Writing) {
        id = machine.id
        self.services = services
        self.write = write
        state = Mutex(State(machine: machine))
        // What was written down may have members whose time runs.
        act { _, _ in [] }
    }

    // MARK: what members ask

    /// A member joins, or joins again. `completion` is called once, now or when all have joined; `listener`, in the place of
    /// an earlier one of the same member, for as long as it is a member.
    func join(_ join: GroupJoin, _ listener: @escaping Listener, _ completion: @escaping JoinCompletion) {
        act { state, now in
            let request = state.nextRequest()
            state.joins[request] = completion
            let actions = state.machine.join(join, request, at: now)
            let memberID = join.memberID.isEmpty ? join.freshMemberID : join.memberID
            if state.machine.members.contains(memberID) { state.listeners[memberID] = listener }
            return actions
        }
    }

    /// A member asks for its assignment; the leader brings everybody's. `completion` is called once, now or when the group has
    /// been written down.
    func sync(_ sync: GroupSync, _ completion: @escaping SyncCompletion) {
        act { state, now in
            let request = state.nextRequest()
            state.syncs[request] = completion
            return state.machine.sync(sync, request, at: now)
        }
    }

    /// Members leave; nothing happens where one is out already.
    func leave(_ members: [LeavingMember]) {
        act { state, now in state.machine.leave(members, at: now).actions }
    }

    /// A member without a session timeout has stopped; a static one keeps its place for the grace that the machine was
    /// configured with.
    func disconnect(memberID: String) {
        act { state, now in
            state.listeners[memberID] = nil
            return state.machine.disconnect(
                memberID: memberID, grace: state.machine.configuration.staticMemberGrace, at: now)
        }
    }

    /// Throws where a commit must be refused: see `GroupStateMachine.validateCommit`. Costs a lock.
    func validateCommit(
        memberID: String, instanceID: String?, generation: Int32, isTransactional: Bool = false
    ) throws(GroupError) {
        let result = state.withLock { state -> Result<Void, GroupError> in
            let now = services.clock.elapsed()
            return Result { () throws(GroupError) in
                try state.machine.validateCommit(
                    memberID: memberID, instanceID: instanceID, generation: generation,
                    isTransactional: isTransactional, at: now)
            }
        }
        try result.get()
    }

    /// The coordinator ends: everybody who waits is answered, and nothing happens any more.
    func unload() { act { state, now in state.machine.unload(at: now) } }

    // MARK: how it stands

    /// What the group is doing, and its members with what they are assigned.
    var standing: (state: GroupState, metadata: GroupMetadataValue) {
        state.withLock { ($0.machine.state, $0.machine.metadata($0.machine.currentAssignments)) }
    }

    /// What a member is told that was refused again and again because the group could not be written down.
    var unavailability: DaybookError {
        guard let cause = state.withLock({ $0.storeFailure }) else {
            return DaybookError(.coordinatorNotAvailable, group: id)
        }
        return DaybookError(.groupUnavailable, "Group \(id) cannot be written down: \(cause.message)", cause: cause)
    }

    var presence: GroupPresence {
        state.withLock { state in
            let count = state.machine.membersCount
            return count > 0 ? .live(membersCount: count) : .empty(since: state.emptySince)
        }
    }

    // MARK: doing what the machine wants

    /// Makes a request, and does what comes of it unless somebody else is at it, who then goes on with it.
    private func act(_ request: (inout State, Duration) -> [GroupAction]) {
        let mustAct = state.withLock { state in
            let before = state.machine.membersCount
            // Asked under the lock, because for the machine time never falls.
            let now = services.clock.elapsed()
            for action in request(&state, now) { state.actions.append(action) }
            if before > 0, state.machine.membersCount == 0 { state.emptySince = services.clock.now() }
            state.noteRebalancing(at: now)
            defer { state.isActing = true }
            return !state.isActing
        }
        guard mustAct else { return }
        while let effect = state.withLock({ nextEffect(&$0) }) { effect() }
    }

    /// Takes the next thing to be done; nil when there is none, and then the timer is set.
    private func nextEffect(_ state: inout State) -> (@Sendable () -> Void)? {
        while let action = state.actions.removeFirst() {
            if let effect = effect(of: action, &state) { return effect }
        }
        state.isActing = false
        setTimer(&state)
        return nil
    }

    private func effect(of action: GroupAction, _ state: inout State) -> (@Sendable () -> Void)? {
        switch action {
        case .answerJoin(let request, let answer):
            guard let completion = state.joins.removeValue(forKey: request) else { return nil }
            return { completion(answer) }
        case .answerSync(let request, let answer):
            guard let completion = state.syncs.removeValue(forKey: request) else { return nil }
            return { completion(answer) }
        case .store(let store, var value):
            value.stateTime = services.clock.now()
            return { [self, value] in
                write(value) { error in
                    self.act { state, now in
                        state.storeFailure = error
                        return state.machine.stored(store, error == nil ? nil : .coordinatorNotAvailable, at: now)
                    }
                }
            }
        case .storeUnawaited(var value):
            value.stateTime = services.clock.now()
            return { [write, value] in write(value) { _ in } }
        case .rejoin(let memberIDs):
            let listeners = memberIDs.compactMap { state.listeners[$0] }
            return { for listener in listeners { listener(.rejoin) } }
        case .removed(let memberID, let error):
            guard let listener = state.listeners.removeValue(forKey: memberID) else { return nil }
            return { listener(.removed(error)) }
        case .stable(let generation): return rebalanced(generation, &state)
        case .forget: return { [write] in write(nil) { _ in } }
        }
    }

    /// Tells the observer; nil where there is none.
    private func rebalanced(_ generation: Int32, _ state: inout State) -> (@Sendable () -> Void)? {
        guard let began = state.rebalancingSince.take(), let observer = services.observer else { return nil }
        let rebalance = RebalanceObservation(
            group: id, generation: generation, membersCount: state.machine.membersCount,
            duration: services.clock.elapsed() - began)
        return { observer.didRebalance(rebalance) }
    }

    /// One timer is enough: it looks what is due, and sets itself anew.
    private func setTimer(_ state: inout State) {
        guard let deadline = state.machine.deadline else { return }
        if let due = state.timerDue, due <= deadline { return }
        state.timerDue = deadline
        services.timer.schedule(after: max(.zero, deadline - services.clock.elapsed())) { [weak self] in
            guard let self else { return }
            self.services.io.submit { self.tick(due: deadline) }
        }
    }

    private func tick(due: Duration) {
        act { state, now in
            if state.timerDue == due { state.timerDue = nil }
            return state.machine.tick(at: now)
        }
    }
}
