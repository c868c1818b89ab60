// What must be there when nobody is at work: everything that was acknowledged or shown, transactions as a whole, groups where they
// have committed, and of each processed record its result once. What was in doubt until then is settled by what is found.

internal import DaybookModel

extension HistoryChecker {
    mutating func check(_ audit: ClientHistory.Audit) {
        for (partition, view) in audit.views.sorted(by: { $0.key < $1.key }) {
            var reading = Reading(from: .zero, event: event)
            for handed in view { judge(handed, of: partition, "the audit", &reading) }
            checkReaders(of: partition, view)
        }
        readings = [:]
        let present = Set(audit.views.values.joined().compactMap(\.record))
        settleTransactions(present)
        checkRecords(present)
        checkPlaces(audit)
        checkProcessing(audit)
    }

    /// Nobody has passed over a record that was there to be read.
    private mutating func checkReaders(of partition: TopicPartition, _ view: [ClientHistory.Handed]) {
        for (reader, partitions) in readings.sorted(by: { $0.key < $1.key }) {
            guard let reading = partitions[partition] else { continue }
            for handed in view where handed.offset >= reading.first && handed.offset < reading.next {
                guard let number = handed.record, reading.handed[number] == nil else { continue }
                let after = reading.handed.values.filter { $0.offset > handed.offset }.min { $0.offset < $1.offset }
                report(
                    .lost, "reader \(reader) has passed over record \(number) at \(handed.offset) of \(partition)",
                    [records[number]?.event, reading.event, after?.event])
            }
        }
    }

    /// Of each transaction everything is there or nothing.
    private mutating func settleTransactions(_ present: Set<Int>) {
        for (number, transaction) in transactions.sorted(by: { $0.key < $1.key }) {
            let wanted = transaction.records.filter { records[$0]?.answer != .refused }
            let there = wanted.filter { present.contains($0) }
            if let first = there.first, let missing = wanted.first(where: { !present.contains($0) }) {
                report(
                    .torn, "of transaction \(number) record \(first) is there and record \(missing) is not",
                    [records[first]?.event, records[missing]?.event] + transaction.evidence)
            }
            // Without records its commits of offsets tell, if there are any.
            if transaction.isCommitted == nil, !wanted.isEmpty || transaction.commits.isEmpty {
                transactions[number]?.found = (!there.isEmpty, event)
            }
        }
    }

    private mutating func checkRecords(_ present: Set<Int>) {
        for (number, record) in records.sorted(by: { $0.key < $1.key }) where !present.contains(number) {
            let transaction = record.sent.transaction.flatMap { transactions[$0] }
            let isPromised: Bool
            switch record.answer {
            case .refused: isPromised = false
            case .durable, .written: isPromised = true
            case .unknown, nil: isPromised = transaction?.isCommitted == true
            }
            if let place = record.place {
                report(
                    .lost,
                    "record \(number) has been read at \(place.offset) of \(record.sent.partition) and is not there",
                    [record.event, place.event])
            } else if isPromised {
                report(
                    .lost, "record \(number) was acknowledged and is not in \(record.sent.partition)",
                    [record.event, record.answerEvent] + (transaction?.evidence ?? []))
            } else if record.absence == nil {
                records[number]?.absence = event
            }
        }
    }

    // MARK: groups

    /// Each group is where its last commit says; one that is in doubt may count or not.
    private mutating func checkPlaces(_ audit: ClientHistory.Audit) {
        var asked: [String: [(number: Int, order: Int, isCounted: Bool?)]] = [:]
        for (number, state) in commits {
            let transaction = state.commit.transaction.flatMap { transactions[$0] }
            var isCounted: Bool?
            switch state.answer {
            case .durable, .written: isCounted = true
            case .refused: isCounted = false
            // What comes with a transaction is decided by the transaction.
            case .unknown, nil: isCounted = state.commit.transaction == nil ? nil : transaction?.isCommitted
            }
            asked[state.commit.group, default: []].append((number, transaction?.committing ?? state.event, isCounted))
        }
        for group in Set(asked.keys).union(audit.places.keys).union(places.keys).sorted() {
            let attempts = (asked[group] ?? []).sorted { $0.order < $1.order }.filter { $0.isCounted != false }
            let partitions = attempts.flatMap { commits[$0.number]?.commit.offsets.keys.map { $0 } ?? [] }
            for partition in Set(partitions).union(audit.places[group]?.keys.map { $0 } ?? []).sorted() {
                checkPlace(
                    of: group, in: partition, audit.places[group]?[partition],
                    attempts.map { ($0.number, $0.isCounted) })
            }
        }
        places = audit.places.mapValues { $0.mapValues { ($0, event) } }
        // From now on what was found counts, and everything before it has had its time.
        commits = [:]
        for number in transactions.keys { transactions[number]?.commits = [] }
    }

    private mutating func checkPlace(
        of group: String, in partition: TopicPartition, _ found: Offset?, _ attempts: [(number: Int, isCounted: Bool?)]
    ) {
        var allowed: [(offset: Offset?, event: Int?)] = [
            (places[group]?[partition]?.offset, places[group]?[partition]?.event)
        ]
        for attempt in attempts {
            guard let state = commits[attempt.number], let offset = state.commit.offsets[partition] else { continue }
            if attempt.isCounted == true { allowed = [] }
            allowed.append((offset, state.event))
        }
        if allowed.contains(where: { $0.offset == found }) { return }
        let wanted = allowed[0].offset.map { "\($0)" } ?? "nowhere"
        let there = found.map { "at \($0)" } ?? "nowhere"
        let isBehind = (found ?? .zero) < (allowed[0].offset ?? .zero)
        report(
            isBehind ? .lost : .phantom,
            "group \(group) is \(there) of \(partition), and its last commit says \(wanted)", allowed.map(\.event))
    }

    /// Each record that a group is behind has its result once, and no other has one.
    private mutating func checkProcessing(_ audit: ClientHistory.Audit) {
        var results: [ClientHistory.Source: [Int]] = [:]
        for number in audit.views.values.joined().compactMap(\.record) {
            if let source = records[number]?.sent.source { results[source, default: []].append(number) }
        }
        for group in processingGroups.sorted() {
            var inputs = Set(places[group]?.keys.map { $0 } ?? [])
            inputs.formUnion(results.keys.filter { $0.group == group }.map(\.partition))
            for partition in inputs.sorted() {
                let end = places[group]?[partition]?.offset ?? .zero
                for handed in audit.views[partition] ?? [] {
                    let source = ClientHistory.Source(group: group, partition: partition, offset: handed.offset)
                    checkResults(results[source] ?? [], of: source, isDone: handed.offset < end)
                }
            }
        }
    }

    private mutating func checkResults(_ results: [Int], of source: ClientHistory.Source, isDone: Bool) {
        let input = "what is at \(source.offset) of \(source.partition)"
        let evidence = results.map { records[$0]?.event }
        if results.count > 1 {
            report(
                .duplicate, "\(source.group) has processed \(input) \(results.count) times: records \(results)",
                evidence)
        } else if isDone, results.isEmpty {
            report(.lost, "\(source.group) has passed \(input) and there is no result of it", evidence)
        } else if !isDone, let result = results.first {
            report(
                .torn, "\(source.group) has not passed \(input), and its result, record \(result), is there", evidence)
        }
    }
}
