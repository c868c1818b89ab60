// The ERP scenario: a CRM that tells of orders, three groups that carry them to three systems, and a person who corrects what
// failed. It runs on whatever daybook and clock it is given, on from where an earlier run was cut off.

package import Daybook
package import DaybookProcessing
internal import Synchronization

/// The scenario's time: virtual, so that 100 seconds of it take as long as the work takes.
package struct ScenarioClock: Sendable {
    private let now: @Sendable () -> Duration
    private let wait: @Sendable (Duration) async -> Void

    package init(now: @escaping @Sendable () -> Duration, wait: @escaping @Sendable (Duration) async -> Void) {
        self.now = now
        self.wait = wait
    }

    /// Since the scenario began.
    package var elapsed: Duration { now() }

    /// Lets time pass.
    package func pause(_ duration: Duration) async { await wait(duration) }
}

/// The scenario.
package final class ErpScenario: Sendable {
    /// The groups, in the order of the results.
    package static let groups = ["erp-inventory", "accounting", "logistics"]
    package static let topic = "orders"
    package static let partitions = 8

    package let arrivals: [ErpOrders.Arrival]
    package let inventory: Inventory
    package let accounting: Accounting
    package let logistics: Logistics
    private let clock: ScenarioClock
    private let published = Mutex(0)
    private let isCorrected = Mutex(false)
    private let configure: @Sendable (inout ProcessorConfiguration) -> Void
    private let onPublished: @Sendable (Int) -> Void

    /// The scenario of these orders. `configure` may change how the processors work; `onPublished` hears how many events have
    /// been published.
    package init(
        orders: some Sequence<Int>, clock: ScenarioClock, outage: Range<Duration> = .seconds(30)..<Duration.seconds(75),
        configure: @escaping @Sendable (inout ProcessorConfiguration) -> Void = { _ in },
        onPublished: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        arrivals = try ErpOrders.arrivals(orders)
        self.clock = clock
        self.configure = configure
        self.onPublished = onPublished
        inventory = Inventory(clock)
        accounting = Accounting(clock)
        logistics = Logistics(clock, outage: outage)
    }

    /// What the groups have come to.
    package struct Outcome: Sendable {
        /// Before the redrive, by group; nil where an earlier run has got that far.
        package var before: [String: GroupStatus]?
        package var after: [String: GroupStatus]
        /// Whether this run's redrive was the one that did it.
        package var hasRedriven: Bool
    }

    /// Publishes what has not been published, works through it, corrects the tax ids, redrives, and stops. A run that throws
    /// can be repeated on the same directory: it goes on.
    package func run(_ daybook: Daybook) async throws -> Outcome {
        if (try? daybook.topic(Self.topic)) == nil {
            try await daybook.createTopic(Self.topic, partitions: Self.partitions)
        }
        let processors = try processors(daybook)
        return try await withThrowingTaskGroup(of: Outcome?.self) { group in
            for processor in processors.values {
                group.addTask {
                    try await processor.run()
                    return nil
                }
            }
            group.addTask {
                defer { for processor in processors.values { processor.stop() } }
                return try await self.conduct(daybook, processors)
            }
            var outcome: Outcome?
            do {
                for try await result in group { outcome = result ?? outcome }
            } catch {
                for processor in processors.values { processor.stop() }
                throw error
            }
            guard let outcome else { throw CancellationError() }
            return outcome
        }
    }

    /// The three processors, by group.
    private func processors(_ daybook: Daybook) throws -> [String: Processor] {
        var processors: [String: Processor] = [:]
        for (group, route) in zip(Self.groups, [inventory.route, accounting.route, logistics.route]) {
            var configuration = ProcessorConfiguration(group: group, topics: [Self.topic])
            configuration.revisionGate = RevisionGate(patience: .seconds(60))
            configuration.effectKey = { "order:\($0.subject ?? $0.id)#\($0.sequence ?? 0)" }
            configure(&configuration)
            processors[group] = try Processor(daybook, configuration, routes: [route])
        }
        return processors
    }

    private func conduct(_ daybook: Daybook, _ processors: [String: Processor]) async throws -> Outcome {
        try await publish(daybook)
        var before: [String: GroupStatus]?
        if !isCorrected.withLock({ $0 }) {
            before = try await settle(daybook, processors)
            accounting.correctTaxIDs()
            isCorrected.withLock { $0 = true }
        }
        guard let accountant = processors["accounting"] else { preconditionFailure("accounting is a group") }
        while (try? await accountant.status()) == nil {
            try Task.checkCancellation()
            await clock.pause(.milliseconds(100))
        }
        let hasRedriven = try await accountant.redrive(id: "tax-ids", by: "clerk", note: "tax ids corrected")
        return Outcome(before: before, after: try await settle(daybook, processors), hasRedriven: hasRedriven)
    }

    /// Publishes the events at their times, from the first one that is not known to be in the log.
    private func publish(_ daybook: Daybook) async throws {
        let producer = try daybook.makeProducer()
        for index in published.withLock({ $0 })..<arrivals.count {
            let arrival = arrivals[index]
            if arrival.time > clock.elapsed { await clock.pause(arrival.time - clock.elapsed) }
            _ = try await producer.send(arrival.event.record(), to: Self.topic)
            published.withLock { $0 = index + 1 }
            onPublished(index + 1)
        }
        try await producer.close()
    }

    /// Waits until every group has come to the end of the log.
    private func settle(_ daybook: Daybook, _ processors: [String: Processor]) async throws -> [String: GroupStatus] {
        var statuses: [String: GroupStatus] = [:]
        for (group, processor) in processors {
            while true {
                if let status = try? await processor.status(), try await isDone(status, daybook) {
                    statuses[group] = status
                    break
                }
                try Task.checkCancellation()
                await clock.pause(.milliseconds(100))
            }
        }
        return statuses
    }

    private func isDone(_ status: GroupStatus, _ daybook: Daybook) async throws -> Bool {
        guard status.openCount == 0 else { return false }
        for topicPartition in try daybook.topic(Self.topic).partitions {
            let end = try await daybook.offsets(topicPartition).highWatermark
            guard status.committed[topicPartition] == end else { return false }
        }
        return true
    }
}
