// Opening and closing around a command's work, and telling a person what opening found.
// Every command that needs the engine goes through here.

import Daybook

/// Opens `directory`, runs `body`, and closes again whatever happens; an error of the body goes before one of closing.
func withDaybook<R>(
    _ directory: String, _ configuration: Configuration, _ body: (Daybook) async throws -> R
) async throws -> R {
    let daybook = try await Daybook.open(directory, configuration: configuration)
    reportRecovery(daybook)
    let result: R
    do {
        result = try await body(daybook)
    } catch {
        // The first failure is the one to tell; closing may fail for the same reason.
        do { try await daybook.close() } catch {}
        throw error
    }
    try await daybook.close()
    return result
}

/// For commands that only look: nothing is changed, and a live writer may be at work.
func withReader<R>(_ directory: String, _ body: (Daybook) async throws -> R) async throws -> R {
    try await withDaybook(directory, Configuration(access: .readOnly), body)
}

/// For commands that change something: carried out by the process that has the directory open, or here when there is none.
func withAdministration<R>(
    _ directory: String, _ configuration: Configuration = Configuration(createsDirectory: false),
    _ body: (Administration) async throws -> R
) async throws -> R {
    let administration = try await Administration.open(directory, configuration: configuration)
    if let daybook = administration.daybook { reportRecovery(daybook) }
    let result: R
    do {
        result = try await body(administration)
    } catch {
        do { try await administration.close() } catch {}
        throw error
    }
    try await administration.close()
    return result
}

/// What recovery found goes to standard error. A reader says nothing of what a writer may be doing at this moment.
private func reportRecovery(_ daybook: Daybook) {
    if let text = daybook.recovery.registryNote { note("Note: \(text)") }
    for finding in daybook.recovery.findings {
        switch finding.kind {
        case .tornTail where daybook.isReadOnly: continue
        case .rebuiltSidecar: continue
        default: note("Note: \(finding.topicPartition): \(finding.description)")
        }
    }
}

/// `1 record`, `2 records`; `plural` where it is not made with an s.
func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(Numbers.grouped(count)) \(count == 1 ? noun : plural ?? noun + "s")"
}
