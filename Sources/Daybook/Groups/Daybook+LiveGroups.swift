// Groups seen beside the process that has the directory open: places and lag from the files, members from the process itself.
// The same within that process is `Daybook+Groups`.

internal import DaybookModel
internal import SystemPackage

extension Daybook {
    /// The groups of a data directory, all or one, whoever has it open. Changes nothing and works beside a live writer.
    ///
    /// Who the members are is asked of that process; where it cannot be reached, they are those that were written down last, and
    /// where nobody has the directory open there are none but static ones, which may come back. Throws what opening for reading
    /// throws, and `.unknownGroup`.
    public static func describeGroups(of directory: String, _ group: String? = nil) async throws -> [GroupDescription] {
        let reader = try await open(directory, configuration: Configuration(access: .readOnly))
        let outcome: Result<[GroupDescription], any Error>
        do {
            var described: [GroupDescription] = []
            if let group {
                if let description = try await reader.description(of: group) { described = [description] }
            } else {
                described = try await reader.describeGroups()
            }
            outcome = .success(described)
        } catch {
            outcome = .failure(error)
        }
        try await reader.close()
        var groups = try outcome.get()
        switch await membersOfLiveProcess(of: directory, group) {
        case .unknown: break
        case .nobody: groups = groups.map { $0.with($0.standing.withoutDynamicMembers) }
        case .known(let standings):
            var known = Dictionary(standings.map { ($0.group, $0) }) { $1 }
            groups = groups.map { group in known.removeValue(forKey: group.group).map { group.with($0) } ?? group }
            // Those that have members and nothing written down yet.
            groups += known.values.map { GroupDescription(standing: $0, positions: []) }
            groups.sort { $0.group < $1.group }
        }
        if let group, groups.isEmpty { throw unknownGroup(group) }
        return groups
    }

    private enum LiveMembers {
        case known([GroupStanding])
        case nobody
        /// There is a process that does not tell.
        case unknown
    }

    private static func membersOfLiveProcess(of directory: String, _ group: String?) async -> LiveMembers {
        let layout = DirectoryLayout(root: FilePath(directory))
        let worker = WorkerPool(threads: 1)
        defer { worker.stop() }
        do {
            switch try await worker.run({ () throws in try Contact(layout) }) {
            case .none:
                let holder = try await worker.run { () throws in try DirectoryStatus.Holder.look(layout) }
                return holder == nil ? .nobody : .unknown
            case .live(let client):
                defer { client.close() }
                let answer = try await client.perform(DescribeMembers.verb, DescribeMembers(group).controlValue)
                return .known(try [GroupStanding](controlValue: answer))
            }
        } catch {
            // What was written down last is an answer, too.
            return .unknown
        }
    }
}

extension GroupStanding {
    /// What is left of the group when the process has ended that it was in.
    fileprivate var withoutDynamicMembers: GroupStanding {
        let left = members.filter { $0.instanceID != nil }
        return GroupStanding(
            group: group, state: left.isEmpty ? .empty : state, assignor: left.isEmpty ? nil : assignor,
            generation: generation, members: left)
    }
}

extension GroupDescription {
    /// The same with what somebody else knows of its members.
    fileprivate func with(_ standing: GroupStanding) -> GroupDescription {
        GroupDescription(standing: standing, positions: positions)
    }
}
