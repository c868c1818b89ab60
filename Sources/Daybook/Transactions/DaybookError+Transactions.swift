// What is told to those who use a transaction that is over, or a producer that is not the last one of its transactional id.
// Sentences only: when which of them is due is the business of `TransactionEntry` and `TransactionScope`.

internal import DaybookModel

extension DaybookError {
    static func producerFenced(_ id: String) -> DaybookError {
        DaybookError(
            .producerFenced,
            "Another producer with the transactional id \"\(id)\" has been made, and this one can do nothing any more; close it, "
                + "or use an id of its own")
    }

    static func transactionalIDExpired(_ id: String) -> DaybookError {
        DaybookError(
            .producerFenced,
            "Nobody has used the transactional id \"\(id)\" for so long that it has been forgotten, and this producer can do nothing "
                + "any more; make another one, or have ids kept for longer (transactionalIDExpiration)")
    }

    static func transactionEnded(_ id: String) -> DaybookError {
        DaybookError(
            .transactionEnded, "This transaction of \"\(id)\" has been committed or aborted already; begin another one")
    }

    static func transactionTimedOut(_ id: String, _ timeout: Duration) -> DaybookError {
        DaybookError(
            .transactionTimedOut,
            "The transaction of \"\(id)\" was open for longer than \(timeout) and has been aborted: nothing of it will be read "
                + "by readers of committed records. Begin another one, or allow more time (timeout)")
    }

    static func transactionOpen(_ id: String) -> DaybookError {
        DaybookError(
            .transactionOpen,
            "The producer \"\(id)\" has a transaction open, and has one at a time; commit or abort it, or make another producer "
                + "with another id")
    }

    static func transactionAborted(_ id: String, because cause: DaybookError) -> DaybookError {
        DaybookError(
            .transactionAborted,
            "The transaction of \"\(id)\" has been aborted, nothing of it will be read by readers of committed records: \(cause)",
            topicPartition: cause.topicPartition, cause: cause)
    }

    static func transactionInDoubt(_ id: String, because cause: DaybookError) -> DaybookError {
        DaybookError(
            .transactionInDoubt,
            "Whether the transaction of \"\(id)\" has been committed is not known before the directory is opened again, and then "
                + "all of it has been or none: \(cause)",
            topicPartition: cause.topicPartition, cause: cause)
    }

    static func transactionsSuspended(_ id: String) -> DaybookError {
        DaybookError(
            .partitionFailed,
            "The last transaction of \"\(id)\" can only be finished when the directory is opened again, because the disk has "
                + "failed a partition of it; open the directory again")
    }

    static func transactionUnfinished(_ id: String, because cause: DaybookError) -> DaybookError {
        DaybookError(
            cause.code,
            "The last transaction of \"\(id)\" is decided, but its end cannot be written, which is tried again ten times a second; "
                + "begin the next one when the cause is mended: \(cause)",
            topicPartition: cause.topicPartition, cause: cause)
    }
}
