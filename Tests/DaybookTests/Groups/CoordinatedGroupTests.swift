// A group with its coordinator, without consumers: who is told what, and what is known in between.

import DaybookModel
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct CoordinatedGroupTests {
    private func group(_ daybook: Daybook) -> CoordinatedGroup {
        let machine = GroupStateMachine(id: "g", configuration: GroupCoordinatorConfiguration())
        return CoordinatedGroup(machine, daybook.services) { _, completion in completion(nil) }
    }

    private func join(_ id: String, protocols: [String] = ["range"]) -> GroupJoin {
        GroupJoin(
            freshMemberID: id, clientID: "c", clientHost: "/127.0.0.1", sessionTimeout: nil,
            rebalanceTimeout: .seconds(60), protocolType: "consumer",
            protocols: protocols.map { GroupProtocol(name: $0, metadata: []) })
    }

    @Test func `Nobody is kept in mind who was not let in`() throws {
        final class Token: Sendable {}
        try onLoop { daybook, _ in
            let group = group(daybook)
            let answers = Mutex<[GroupJoinAnswer]>([])
            weak var (refused, admitted): (Token?, Token?)
            do {
                let (first, second) = (Token(), Token())
                (refused, admitted) = (first, second)
                group.join(join("a", protocols: []), { _ in withExtendedLifetime(first) {} }) { answer in
                    answers.withLock { $0.append(answer) }
                }
                group.join(join("b"), { _ in withExtendedLifetime(second) {} }) { _ in }
            }
            #expect(answers.withLock { $0 } == [.refused(.inconsistentGroupProtocol)])
            #expect(refused == nil && admitted != nil)
            group.leave([LeavingMember(memberID: "b")])
            #expect(admitted == nil)
        }
    }

    @Test func `A group is empty since the moment at which its last member went, whoever is to be told of it first`()
        throws
    {
        try onLoop { daybook, _ in
            let group = group(daybook)
            let presence = Mutex<[GroupPresence]>([])
            group.join(join("a"), { _ in }) { _ in
                presence.withLock { $0.append(group.presence) }
                // What follows from it waits until this has returned.
                group.leave([LeavingMember(memberID: "a")])
                presence.withLock { $0.append(group.presence) }
            }
            let now = daybook.services.clock.now()
            #expect(presence.withLock { $0 } == [.live(membersCount: 1), .empty(since: now)])
        }
    }
}
