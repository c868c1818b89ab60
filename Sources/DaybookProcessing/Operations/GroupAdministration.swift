// Where decisions about a group are carried out: by the processor that has it, in this process or in the one that has the directory
// open; otherwise on its journal. The same call either way, and a sentence where neither is possible.

public import Daybook

/// Carries out decisions about a group, wherever that has to be done.
///
/// ```swift
/// let administration = try await Administration.open("/var/lib/orders")
/// let group = GroupAdministration(administration, group: "accounting")
/// try await group.decide(.init(.redrive(id: "ticket-4711", DeadLetterFilter()), by: "eva", note: "tax ids corrected"))
/// try await administration.close()
/// ```
public struct GroupAdministration: Sendable {
    public let group: String
    private let administration: Administration

    public init(_ administration: Administration, group: String) {
        self.administration = administration
        self.group = group
    }

    /// Carries out a decision, and returns what it came to; it is durable then.
    ///
    /// Throws `ProcessingError` with `.unknownGroup`, `.unknownEvent`, `.underWay`, `.invalidReplacement` – nothing has changed then –
    /// and `.notRunning` where another process has the directory open and no processor of the group at work; `DaybookError` as
    /// ``Administration`` says.
    @discardableResult
    public func decide(_ decision: GroupDecision) async throws -> GroupDecision.Outcome {
        let verb = GroupDecision.verb(group)
        if let daybook = administration.daybook, !daybook.control.isHandled(verb) {
            return try await StoredGroup(group, in: daybook).decide(decision)
        }
        do {
            return try GroupDecision.Outcome(
                answer: try await administration.perform(verb, decision.controlValue))
        } catch let error as DaybookError where error.code == .unknownCommand {
            let process = administration.live?.process.map { "Process \($0)" } ?? "Another process"
            throw ProcessingError(
                .notRunning,
                "\(process) has the directory open and no processor of group \(group) at work, so nobody can carry this out: start "
                    + "the processor there, or end the process and try again")
        }
    }
}
