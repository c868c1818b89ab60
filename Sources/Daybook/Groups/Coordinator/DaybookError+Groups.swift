// What a coordinator refuses, as the engine's users are told, with what to do about it. The protocol's own numbers and
// names are those of `GroupError`.

extension DaybookError {
    /// A refusal of a group's coordinator.
    init(_ error: GroupError, group: String) {
        let code: Code =
            switch error {
            case .coordinatorNotAvailable: .groupUnavailable
            case .notCoordinator: .closed
            case .illegalGeneration: .illegalGeneration
            case .inconsistentGroupProtocol: .inconsistentProtocol
            case .invalidGroupID, .groupIDNotFound: .invalidGroup
            case .unknownMemberID: .unknownMember
            case .invalidSessionTimeout, .invalidRequest: .invalidConfiguration
            case .rebalanceInProgress: .rebalanceInProgress
            case .nonEmptyGroup: .groupNotEmpty
            case .groupMaxSizeReached: .groupFull
            case .fencedInstanceID: .fencedInstance
            }
        self.init(code, "Group \(group): \(error)", cause: error)
    }
}
