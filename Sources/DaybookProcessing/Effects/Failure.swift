// Why an attempt failed, and what follows: the classes of failures, and the error by which a handler names one.
// When an attempt is made again is in `RetryPolicy`.

/// What follows from a failure.
public enum FailureKind: Hashable, Sendable {
    /// It may work later; nothing has happened.
    case retry
    /// It will never work; nothing has happened.
    case permanent
    /// Nobody knows whether it happened: a response was lost.
    case unknown
    /// It may work after that time; nothing has happened.
    case throttled(after: Duration)
}

/// A failure that says itself what follows from it. Handlers throw it where they know.
public struct EffectFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public var kind: FailureKind
    /// What happened, for people; the first KiB is kept.
    public var description: String

    public init(_ kind: FailureKind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// It may work later; nothing has happened.
    public static func retry(_ description: String) -> EffectFailure { EffectFailure(.retry, description) }
    /// It will never work; nothing has happened.
    public static func permanent(_ description: String) -> EffectFailure { EffectFailure(.permanent, description) }
    /// Nobody knows whether it happened.
    public static func unknown(_ description: String) -> EffectFailure { EffectFailure(.unknown, description) }
    /// It may work after `delay`; nothing has happened.
    public static func throttled(after delay: Duration, _ description: String) -> EffectFailure {
        EffectFailure(.throttled(after: delay), description)
    }
}

/// What a failure leaves in the journal.
public struct FailureNote: Hashable, Sendable {
    /// The error's type; at most 1 KiB of UTF-8.
    public var type: String
    /// What it says; at most 1 KiB of UTF-8.
    public var text: String

    /// Longer texts are cut between two code points.
    public init(type: String, text: String) {
        self.type = type.cutForJournal
        self.text = text.cutForJournal
    }

    init(_ error: any Error) { self.init(type: "\(Swift.type(of: error))", text: "\(error)") }
}

extension String {
    /// As much of it as a journal keeps: its first KiB of UTF-8, cut between two code points.
    var cutForJournal: String {
        guard utf8.count > 1024 else { return self }
        // A place within a code point is rounded down to where that begins.
        return String(unicodeScalars[..<utf8.index(startIndex, offsetBy: 1024)])
    }
}

/// Classifies the errors that handlers throw.
public struct FailureClassifier: Sendable {
    private let classify: @Sendable (any Error) -> FailureKind?

    /// `classify` says what follows from an error, or nil where it does not know.
    public init(_ classify: @escaping @Sendable (any Error) -> FailureKind?) { self.classify = classify }

    /// Knows `EffectFailure` and `BodyError`.
    public static var standard: FailureClassifier { FailureClassifier { _ in nil } }

    /// What nobody knows may have had its effect, unless it does no harm to run it again.
    func kind(of error: any Error, _ rule: EffectRule) -> FailureKind {
        if let kind = classify(error) { return kind }
        switch error {
        case let failure as EffectFailure: return failure.kind
        case is BodyError: return .permanent
        default: return rule.needsIntent ? .unknown : .retry
        }
    }
}
