// The one error type of the engine's public face: a code to switch over, a sentence that says what happened and what to
// do, the place, and the cause. Layers below have closed enums of their own, which end up here as causes.

public import DaybookModel
internal import DaybookFiles
internal import DaybookRecords
internal import DaybookStorage

/// An error of the embedded log.
public struct DaybookError: Error, Sendable, CustomStringConvertible {
    /// What kind of error it is. More kinds may be added in later releases, so a `switch` needs a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case directoryLocked, directoryUnusable, directoryIsSnapshot, unsupportedFormat, readOnly, closed
            case unknownTopic, unknownPartition, topicExists, invalidTopic, internalTopic, invalidConfiguration
            case invalidGroup, unknownGroup, groupNotEmpty, metadataTooLarge
            case unknownMember, illegalGeneration, rebalanceInProgress, fencedInstance, inconsistentProtocol, groupFull,
                groupUnavailable, invalidAssignment
            case recordTooLarge, invalidRecord, earlierBatchRefused, offsetOutOfRange, divergedHistory
            case partitionFailed, inputOutput, damaged, planOutdated, diskFull
            case transactionEnded, transactionTimedOut, transactionAborted, transactionInDoubt
            case outOfOrderSequence, duplicateSequence, producerFenced, coordinatorFenced, transactionOpen,
                offsetConflict
            case concurrentUse, notAssigned, noCommittedOffset
            case notPermitted, unknownCommand, invalidRequest, serviceUnreachable, outcomeUnknown, other
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// Another process, or another `Daybook` of this one, writes to the directory.
        public static let directoryLocked = Code(.directoryLocked)
        /// The directory cannot be created, read or written.
        public static let directoryUnusable = Code(.directoryUnusable)
        /// The directory is a snapshot that a backup made: it can be read, and restored elsewhere, but not written to.
        public static let directoryIsSnapshot = Code(.directoryIsSnapshot)
        /// The directory was written by a release with another format.
        public static let unsupportedFormat = Code(.unsupportedFormat)
        /// The directory was opened for reading.
        public static let readOnly = Code(.readOnly)
        /// The daybook or the producer has been closed.
        public static let closed = Code(.closed)
        public static let unknownTopic = Code(.unknownTopic)
        public static let unknownPartition = Code(.unknownPartition)
        public static let topicExists = Code(.topicExists)
        /// The topic's name or partition count is not allowed.
        public static let invalidTopic = Code(.invalidTopic)
        /// The topic is Daybook's own: only Daybook writes to it, makes it or deletes it.
        public static let internalTopic = Code(.internalTopic)
        /// A configuration name or value is not allowed.
        public static let invalidConfiguration = Code(.invalidConfiguration)
        /// The name of a group is not allowed.
        public static let invalidGroup = Code(.invalidGroup)
        /// Nothing is known of a group by that name.
        public static let unknownGroup = Code(.unknownGroup)
        /// Members are at work in the group, so nobody else may change what it has committed.
        public static let groupNotEmpty = Code(.groupNotEmpty)
        /// The member has been put out of its group; its partitions are others'.
        public static let unknownMember = Code(.unknownMember)
        /// The group has gone on to another generation, in which its partitions may be others'.
        public static let illegalGeneration = Code(.illegalGeneration)
        /// The group's partitions are being assigned; try again.
        public static let rebalanceInProgress = Code(.rebalanceInProgress)
        /// Another consumer has joined the group with the same instance id.
        public static let fencedInstance = Code(.fencedInstance)
        /// The consumer shares no assignor with the group's members.
        public static let inconsistentProtocol = Code(.inconsistentProtocol)
        /// The group has as many members as it may have.
        public static let groupFull = Code(.groupFull)
        /// The group could not be written down; try again.
        public static let groupUnavailable = Code(.groupUnavailable)
        /// An assignor has given partitions to somebody who may not have them.
        public static let invalidAssignment = Code(.invalidAssignment)
        /// The metadata of a commit is longer than Kafka allows.
        public static let metadataTooLarge = Code(.metadataTooLarge)
        /// A record is larger than the topic's `max.message.bytes`.
        public static let recordTooLarge = Code(.recordTooLarge)
        public static let invalidRecord = Code(.invalidRecord)
        /// The record was on its way behind a batch of the same producer that was refused, and may not overtake it: it is not in
        /// the log. `cause` is the other batch's error.
        public static let earlierBatchRefused = Code(.earlierBatchRefused)
        public static let offsetOutOfRange = Code(.offsetOutOfRange)
        /// A checkpoint belongs to records that this log no longer has; the message names where the histories part.
        public static let divergedHistory = Code(.divergedHistory)
        /// A flush failed earlier: the partition takes no appends until the directory is opened again. Reads go on.
        public static let partitionFailed = Code(.partitionFailed)
        /// The operating system refused a call; the log is as it was before.
        public static let inputOutput = Code(.inputOutput)
        /// There is no room for appends: the reserve would be touched, or the system has refused a write for lack of space or
        /// because a file would grow too large. The log is as it was. Reads and deletions go on, and so do appends as soon
        /// as there is room.
        public static let diskFull = Code(.diskFull)
        /// The directory is not what it was when the repair was planned.
        public static let planOutdated = Code(.planOutdated)
        /// A batch of an idempotent producer does not follow its last one.
        public static let outOfOrderSequence = Code(.outOfOrderSequence)
        /// A batch of an idempotent producer was appended long ago: it is in the log, and its offsets are not known any more.
        public static let duplicateSequence = Code(.duplicateSequence)
        /// Another producer has taken this one's place, with a higher epoch: this one can do nothing any more.
        public static let producerFenced = Code(.producerFenced)
        /// A newer coordinator has taken over the ending of transactions.
        public static let coordinatorFenced = Code(.coordinatorFenced)
        /// A batch outside of the transaction that its producer has open in the partition.
        public static let transactionOpen = Code(.transactionOpen)
        /// A conditional append found the log at another offset; `offset` is where it goes on.
        public static let offsetConflict = Code(.offsetConflict)
        /// Two tasks asked one consumer for records at the same time.
        public static let concurrentUse = Code(.concurrentUse)
        /// The partition is not one of the consumer's.
        public static let notAssigned = Code(.notAssigned)
        /// There is no place to begin at, and `offsetReset` is `.fail`.
        public static let noCommittedOffset = Code(.noCommittedOffset)
        /// The transaction has been committed or aborted already.
        public static let transactionEnded = Code(.transactionEnded)
        /// The transaction was open for longer than its producer allows, and has been aborted.
        public static let transactionTimedOut = Code(.transactionTimedOut)
        /// The transaction could not be committed and has been aborted as a whole; `cause` says why.
        public static let transactionAborted = Code(.transactionAborted)
        /// The disk has failed while the transaction was being decided: the next opening of the directory finds it committed as
        /// a whole, or aborted as a whole.
        public static let transactionInDoubt = Code(.transactionInDoubt)
        /// Bytes on disk are not what was written.
        public static let damaged = Code(.damaged)

        /// The process that has the directory open does not take commands of this user.
        public static let notPermitted = Code(.notPermitted)
        /// The process that has the directory open does not know the command.
        public static let unknownCommand = Code(.unknownCommand)
        /// A command's arguments are not what it needs.
        public static let invalidRequest = Code(.invalidRequest)
        /// The process that has the directory open does not answer at its control socket, or in a way that is not understood.
        public static let serviceUnreachable = Code(.serviceUnreachable)
        /// The process that was to carry out a command went away before it had answered.
        public static let outcomeUnknown = Code(.outcomeUnknown)
        /// An error that another process has told of and that has no code of its own here: see the message.
        public static let other = Code(.other)

        public var description: String { kind.rawValue }

        /// The code whose description that is; `other` where a later release has more of them.
        init(named name: String) { kind = Kind(rawValue: name) ?? .other }
    }

    public let code: Code
    /// What happened and what can be done about it.
    public let message: String
    public let topicPartition: TopicPartition?
    public let offset: Offset?
    /// The error of the layer below, if there is one.
    public let cause: (any Error)?

    /// For `.divergedHistory`: the offset at which the histories part, from which on this log is another one.
    public var divergence: Offset? {
        guard case .divergedHistory(_, _, let divergence)? = cause as? StorageError else { return nil }
        return divergence.startOffset
    }

    /// For the engine, and for the layers that add commands to it.
    package init(
        _ code: Code, _ message: String, topicPartition: TopicPartition? = nil, offset: Offset? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.topicPartition = topicPartition
        self.offset = offset
        self.cause = cause
    }

    public var description: String {
        guard let topicPartition else { return message }
        return "\(topicPartition): \(message)"
    }
}

extension DaybookError {
    init(_ error: StorageError, _ topicPartition: TopicPartition) {
        var offset: Offset?
        let code: Code
        switch error {
        case .file(let error): code = error.isOutOfSpace ? .diskFull : .inputOutput
        case .poisoned: code = .partitionFailed
        case .invalidBatch(.tooLarge): code = .recordTooLarge
        case .invalidBatch: code = .invalidRecord
        case .offsetOutOfRange(let wanted, _): (code, offset) = (.offsetOutOfRange, wanted)
        case .divergedHistory(_, let wanted, _): (code, offset) = (.divergedHistory, wanted)
        case .outOfOrderSequence: code = .outOfOrderSequence
        case .duplicateSequence: code = .duplicateSequence
        case .producerFenced: code = .producerFenced
        case .coordinatorFenced: code = .coordinatorFenced
        case .transactionOpen: code = .transactionOpen
        case .offsetConflict(_, let actual): (code, offset) = (.offsetConflict, actual)
        }
        self.init(code, error.description, topicPartition: topicPartition, offset: offset, cause: error)
    }

    init(_ error: FileError, _ topicPartition: TopicPartition? = nil) {
        self.init(
            error.isOutOfSpace ? .diskFull : .inputOutput, error.description, topicPartition: topicPartition,
            cause: error)
    }

    static let closed = DaybookError(.closed, "The daybook has been closed; open the directory again")
}
