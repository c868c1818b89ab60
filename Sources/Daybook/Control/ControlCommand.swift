// Commands that change a daybook, as values: what is to be done, how it is done, what it comes to. Each is carried out in the
// process that has the directory open, whether it was asked there or from another one through the control socket.

/// A command on a daybook, with its arguments.
///
/// Written once, it works on an opened daybook (`run`), and from another process when its type has been given to
/// `Control.handle`. ``Administration`` chooses between the two.
public protocol ControlCommand: ControlRepresentable, Sendable {
    associatedtype Answer: ControlRepresentable & Sendable
    /// The name it has between processes: in small letters, words joined by dashes.
    static var verb: String { get }
    /// Carries it out. `report` may be told how far it has come. When its task is cancelled nobody waits for it any more: what
    /// can stop should, and leave everything sound.
    func run(on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void) async throws -> Answer
}
