// What a member of a group has to do next: give something up, take something over, join again. Pure; who does it is
// `GroupMembership`. The other side, which decides who is a member, is `GroupStateMachine`.

internal import DaybookModel

/// A member's side of a group.
///
/// What happens goes in as it comes; what is to be done is asked for by `nextStep`, whenever the member's user is there to have it
/// done, and `done` says that it has been. What a member owns is its own until it has given it up: no assignment gives it to
/// another one before, unless the member has been put out.
struct MembershipPlan {
    enum Step {
        /// Somebody else may have these already: they are not the member's any more, and it cannot commit for them.
        case lose([TopicPartition])
        /// Give these up; they are the member's until that is done.
        case revoke([TopicPartition])
        /// Begin with these. They may be none.
        case assign([TopicPartition])
        /// Ask to join.
        case join
        /// Tell the user why this member can do nothing.
        case fail(DaybookError)
    }

    /// Members keep what they own while the group rebalances, and give up only what goes to others.
    let isCooperative: Bool
    private(set) var topics: Set<TopicName>
    /// Empty before the member has been told it.
    private(set) var memberID = ""
    /// The generation that the member has joined last; −1 for none.
    private(set) var generation: Int32 = -1
    /// Partitions that the member reads and may commit for.
    private(set) var owned: Set<TopicPartition> = []
    /// What the member was assigned last, also when it has given that up, and in which generation.
    private(set) var lastAssignment: (partitions: [TopicPartition], generation: Int32) = ([], -1)
    /// Raised when the member has been put out: what was asked for before is not answered to this one.
    private(set) var life = 0

    private var mustJoin = true
    /// It has asked to join and has not been told yet what it is assigned.
    private(set) var isJoining = false
    /// What it has been assigned and has not taken over.
    private var assignment: Set<TopicPartition>?
    /// It cannot take it over yet: a transaction with commits for it has not ended.
    private var mustWait = false
    /// It does not ask again before `endPause`.
    private var isPausing = false
    /// It has been put out, and has not taken leave of its partitions.
    private var isOut = false
    /// What it owns and is no more.
    private var withdrawn: Set<TopicPartition> = []
    private var failure: (error: DaybookError, isFinal: Bool)?

    init(isCooperative: Bool, topics: Set<TopicName>) {
        self.isCooperative = isCooperative
        self.topics = topics
    }

    // MARK: what happens

    /// The member wants these topics.
    mutating func subscribe(to topics: Set<TopicName>) {
        guard topics != self.topics else { return }
        self.topics = topics
        mustJoin = true
    }

    /// These partitions are no more.
    mutating func withdraw(_ partitions: Set<TopicPartition>) { withdrawn.formUnion(partitions.intersection(owned)) }

    /// The group rebalances, or has to.
    mutating func mustJoinAgain() { mustJoin = true }

    /// The member has been put out. It joins again, as a new one, unless that is no use: see `fail`.
    mutating func putOut() {
        life += 1
        (memberID, generation) = ("", -1)
        (isOut, isJoining, isPausing, assignment, mustJoin) = (true, false, false, nil, true)
    }

    /// There is something that the user has to know. Once told, the member tries again, unless it is final.
    mutating func fail(_ error: DaybookError, isFinal: Bool) {
        isJoining = false
        if failure?.isFinal != true { failure = (error, isFinal) }
    }

    /// It has joined a generation.
    mutating func joined(_ group: JoinedGroup) { (memberID, generation) = (group.memberID, group.generation) }

    /// It could not have what it asked for; it will ask again when `mustJoinAgain` says so, and where it pauses, not before
    /// `endPause`.
    mutating func couldNotJoin(andPauses pauses: Bool = false) { (isJoining, isPausing) = (false, pauses) }

    /// It asks again for what it could not have.
    mutating func endPause() { (isPausing, mustJoin) = (false, true) }

    /// What it was assigned cannot be taken over yet; `goOn` says when to try again.
    mutating func postpone() { mustWait = true }

    mutating func goOn() { mustWait = false }

    mutating func assigned(_ partitions: [TopicPartition]) {
        (isJoining, mustWait) = (false, false)
        assignment = Set(partitions)
        lastAssignment = (partitions, generation)
    }

    // MARK: what is to be done

    /// Whether there is anything to be done.
    var hasNextStep: Bool { nextStep() != nil }

    /// What is to be done first; nil for nothing.
    func nextStep() -> Step? {
        if isOut, !owned.isEmpty { return .lose(owned.sorted()) }
        if let failure { return .fail(failure.error) }
        if !withdrawn.isEmpty { return .revoke(withdrawn.sorted()) }
        if let assignment {
            let gone = owned.subtracting(assignment)
            if !gone.isEmpty { return .revoke(gone.sorted()) }
            if !mustWait { return .assign(assignment.subtracting(owned).sorted()) }
        }
        guard mustJoin, !isJoining, !isPausing else { return nil }
        // Whoever keeps what it owns gives up at once what it does not want any more.
        let gone = isCooperative ? owned.filter { !topics.contains($0.topic) } : owned
        return gone.isEmpty ? .join : .revoke(gone.sorted())
    }

    /// A step has been done.
    mutating func done(_ step: Step) {
        switch step {
        case .lose(let partitions):
            owned.subtract(partitions)
            withdrawn.subtract(partitions)
            if owned.isEmpty { isOut = false }
        case .revoke(let partitions):
            owned.subtract(partitions)
            // What was given up for others is given to them in the next rebalance; and what has gone may have come back.
            if assignment != nil || !withdrawn.isEmpty { mustJoin = true }
            withdrawn.subtract(partitions)
        case .assign(let partitions):
            owned.formUnion(partitions)
            assignment = nil
        case .join:
            // What it has not taken over by now it will be assigned again, or somebody else.
            (mustJoin, isJoining, isOut, assignment) = (false, true, false, nil)
        case .fail:
            guard let failure, !failure.isFinal else { return }
            self.failure = nil
            mustJoin = true
        }
    }
}
