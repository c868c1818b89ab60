// What a coordinator refuses, with Kafka's numbers for it, so that a network front end sends them as they are.
// The public error of the engine is made of these by whoever shows them to a user.

/// Why a coordinator did not do what a member asked for. The raw value is Kafka's error code.
enum GroupError: Int16, Error, Hashable, Sendable, CustomStringConvertible {
    /// The group has just been deleted, or could not be written down. The member may ask again.
    case coordinatorNotAvailable = 15
    /// The coordinator has ended.
    case notCoordinator = 16
    /// The member speaks of a generation that is not the current one; it has to join again.
    case illegalGeneration = 22
    /// The member shares no protocol with all others, or is of another protocol type.
    case inconsistentGroupProtocol = 23
    case invalidGroupID = 24
    /// Nobody of that id is in the group; whoever believes to be has to join again, as a new member.
    case unknownMemberID = 25
    case invalidSessionTimeout = 26
    /// Members are joining; whoever is in the group has to join again.
    case rebalanceInProgress = 27
    case invalidRequest = 42
    /// Members are at work in a group that was to be deleted.
    case nonEmptyGroup = 68
    case groupIDNotFound = 69
    case groupMaxSizeReached = 81
    /// Another member has joined under the same instance id.
    case fencedInstanceID = 82

    var description: String {
        switch self {
        case .coordinatorNotAvailable: "the group cannot be coordinated at the moment; join it again"
        case .notCoordinator: "the coordinator of the group has ended"
        case .illegalGeneration: "the group is in another generation; join it again"
        case .inconsistentGroupProtocol: "the group uses assignors, or a protocol type, that the member does not share"
        case .invalidGroupID: "the group id is empty or too long"
        case .unknownMemberID: "the group has no member of that id; join it again as a new one"
        case .invalidSessionTimeout: "the session timeout is not within the coordinator's bounds"
        case .rebalanceInProgress: "the group is rebalancing; join it again"
        case .invalidRequest: "a name or a list of the request is empty or too long"
        case .nonEmptyGroup: "the group has members at work"
        case .groupIDNotFound: "there is no such group"
        case .groupMaxSizeReached: "the group has as many members as it may have"
        case .fencedInstanceID: "another member has joined with the same group instance id"
        }
    }
}
