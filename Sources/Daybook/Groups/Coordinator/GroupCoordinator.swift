// The groups that are at work in this process. What a group does is `CoordinatedGroup`'s; what it has committed is
// `OffsetStore`'s.

internal import DaybookModel
internal import Synchronization

/// Coordinates groups. Owned by a daybook; nothing is read, and nothing runs, before a group is used.
final class GroupCoordinator: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// A group that was used stays, so that nobody holds another one of its name.
        var groups: [String: CoordinatedGroup] = [:]
        var isClosed = false
        /// What ids of members begin with in this process, and how many there have been.
        var incarnation: ProducerID?
        var membersCount: UInt64 = 0
    }

    /// A group that has been used already.
    func group(_ name: String) -> CoordinatedGroup? { state.withLock { $0.groups[name] } }

    /// The names of all that have been used.
    var names: [String] { state.withLock { Array($0.groups.keys) } }

    func presence(of group: String) -> GroupPresence { self.group(group)?.presence ?? .empty(since: nil) }

    /// The group of that name: another task may have been quicker.
    fileprivate func insert(_ name: String, _ make: () -> CoordinatedGroup) throws(DaybookError) -> CoordinatedGroup {
        let group = state.withLock { state -> CoordinatedGroup? in
            if state.isClosed { return nil }
            if let group = state.groups[name] { return group }
            let group = make()
            state.groups[name] = group
            return group
        }
        guard let group else { throw .closed }
        return group
    }

    /// Ends: every member is told, and whoever waits is answered.
    func close() {
        let groups = state.withLock { state in
            state.isClosed = true
            return state.groups.sorted { $0.key < $1.key }.map(\.value)
        }
        for group in groups { group.unload() }
    }

    // MARK: ids

    fileprivate func takeMemberID(_ clientID: String) -> String? {
        state.withLock { state in
            guard let incarnation = state.incarnation else { return nil }
            state.membersCount += 1
            return "\(clientID)-\(incarnation.rawValue)-\(state.membersCount)"
        }
    }

    fileprivate func begin(_ incarnation: ProducerID) {
        state.withLock { $0.incarnation = $0.incarnation ?? incarnation }
    }
}

extension Daybook {
    /// The group of that name with its coordinator; reads what was written down of it on the first use. Throws `.readOnly`,
    /// `.invalidGroup`, `.closed`, and what reading the internal topic throws.
    func coordinatedGroup(_ name: String) async throws -> CoordinatedGroup {
        try requireWritable()
        if let group = groupCoordinator.group(name) { return group }
        let shard = try await offsetShard(of: name)
        let stored = shard.state.withLock { $0.table.metadata(of: name) }
        return try groupCoordinator.insert(name) {
            let settings = configuration.groups
            let machine =
                stored.map {
                    GroupStateMachine(
                        id: name, loading: $0, configuration: settings, grace: settings.staticMemberGrace,
                        at: services.clock.elapsed())
                } ?? GroupStateMachine(id: name, configuration: settings)
            return CoordinatedGroup(machine, services) { [weak self] value, completion in
                guard let self else { return completion(.closed) }
                shard.submit(OffsetRequest(group: name, work: .describe(value), completion: completion), of: self)
            }
        }
    }

    /// An id for a new member that nobody has been given before, in this process or an earlier one.
    func makeMemberID(_ clientID: String) async throws(DaybookError) -> String {
        if let id = groupCoordinator.takeMemberID(clientID) { return id }
        groupCoordinator.begin(try await takeProducerID())
        guard let id = groupCoordinator.takeMemberID(clientID) else {
            preconditionFailure("the coordinator has begun")
        }
        return id
    }
}
