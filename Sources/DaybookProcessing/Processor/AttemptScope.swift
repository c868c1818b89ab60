// What runs around each call of a handler or a probe: a seam for traces, so that who handles events compiles no library for them.
// `DaybookProcessingServices` has one that speaks to swift-distributed-tracing.

/// Runs around each call of a handler or a probe, in the call's own task.
public protocol AttemptScope: Sendable {
    /// Calls `body` once, and returns or throws what it does. `context` says which attempt it is, and whether it is a probe.
    func call<R: Sendable>(
        _ event: Event, _ context: EventContext, _ body: () async throws -> R
    ) async throws -> R
}
