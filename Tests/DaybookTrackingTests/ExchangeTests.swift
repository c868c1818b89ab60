// Outbox and inbox, on both databases: cut off between any two steps, every event is in the log, in order, and every effect happens
// once.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookTracking

/// Which database a test is about.
enum Engine: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite, postgres
    var testDescription: String { rawValue }

    static let available = allCases.filter { $0 == .sqlite || PostgresServer.programs != nil }

    func database(_ stage: TrackingStage) throws -> SQLDatabase {
        switch self {
        case .sqlite: stage.file("user")
        case .postgres: try PostgresServer.shared.get().database()
        }
    }
}

@Suite("Outbox and inbox")
struct ExchangeTests {
    private static func event(_ number: Int) -> Event {
        Event(
            id: "e\(number)", source: "/erp", type: "order.paid", time: Timestamp(milliseconds: 5),
            subject: "SO-\(number)",
            contentType: "application/json", schema: "s", partitionKey: "k\(number % 3)", sequence: 7,
            correlationID: "c", causationID: "d", traceParent: nil, extensions: ["a": "1\t\\2\n", "b": "\r\n"],
            body: number == 2 ? nil : [0, 1, UInt8(number)])
    }

    private static func publisher(_ daybook: Daybook) async throws -> (EventPublisher, Producer) {
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let producer = try daybook.makeProducer()
        return (EventPublisher([PublishRule("order.*", to: "orders")], by: producer), producer)
    }

    private static func published(_ daybook: Daybook) async throws -> [Event] {
        let partition = try #require(TopicPartition(folderName: "orders-0"))
        var events: [Event] = []
        let result = try await daybook.read(partition, from: 0)
        for batch in result.batches { try batch.forEach { events.append(try Event($0.record())) } }
        return events
    }

    @Test(arguments: Engine.available)
    func `an event and its change are there together, and leave in order, once`(engine: Engine) throws {
        let stage = try TrackingStage()
        let database = try engine.database(stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            let (publisher, producer) = try await Self.publisher(daybook)
            let connection = SQLConnection(database, isInline: true)
            let outbox = Outbox()
            try await connection.transaction { session in
                try outbox.create(in: session)
                try session.execute(SQLStatement("CREATE TABLE orders (id BIGINT)"))
            }
            for number in 0..<250 {
                try? await connection.transaction { session in
                    try session.execute(SQLStatement("INSERT INTO orders VALUES ($1)", [.integer(Int64(number))]))
                    try outbox.insert(Self.event(number), in: session)
                    if number % 10 == 9 { throw CancellationError() }
                }
            }
            let twice = await #expect(throws: SQLError.self) {
                try await connection.transaction { try outbox.insert(Self.event(1), in: $0) }
            }
            #expect(twice?.kind == .refused)
            await #expect(throws: EventError.self) {
                try await connection.transaction { try outbox.insert(Event(id: "", source: "s", type: "t"), in: $0) }
            }
            let relay = OutboxRelay(outbox, in: database, of: daybook, through: publisher)
            #expect(try await relay.publishWaiting() == 225)
            #expect(try await relay.publishWaiting() == 0)
            let wanted = (0..<250).filter { $0 % 10 != 9 }
            #expect(try await Self.published(daybook) == wanted.map { Self.event($0) })
            let ids = try await connection.transaction { try $0.rows("SELECT id FROM orders ORDER BY id") }
            #expect(ids == wanted.map { [.integer(Int64($0))] })
            let gone = try await connection.transaction {
                try outbox.forget(sentBefore: Timestamp(milliseconds: .max), in: $0)
            }
            #expect(gone == 225)
            try await producer.close()
            try await daybook.close()
        }
    }

    @Test(arguments: Engine.available)
    func `a relay that is cut off between any two steps loses nothing, and what it repeats has its effect once`(
        engine: Engine
    ) throws {
        for step in [OutboxRelay.Step.publishing, .marking, .marked] {
            let stage = try TrackingStage()
            let database = try engine.database(stage)
            try stage.loop.run {
                let daybook = try await stage.open()
                let (publisher, producer) = try await Self.publisher(daybook)
                let connection = SQLConnection(database, isInline: true)
                let outbox = Outbox(table: "my_outbox")
                try await connection.transaction { session in
                    try outbox.create(in: session)
                    for number in 0..<5 { try outbox.insert(Self.event(number), in: session) }
                }
                let seen = Mutex(0)
                let cut = OutboxRelay(
                    outbox, in: database, of: daybook, through: publisher, interval: .seconds(1)
                ) { now in
                    if now == step,
                        seen.withLock({
                            $0 += 1; return $0 == 3
                        })
                    {
                        throw CancellationError()
                    }
                }
                await #expect(throws: CancellationError.self) { try await cut.run() }
                let next = OutboxRelay(outbox, in: database, of: daybook, through: publisher)
                #expect(try await next.publishWaiting() == (step == .marked ? 2 : 3))
                let ids = try await Self.published(daybook).map(\.id)
                #expect(ids == (step == .marking ? ["e0", "e1", "e2", "e2", "e3", "e4"] : (0..<5).map { "e\($0)" }))

                let calls = Mutex<[String]>([])
                let processor = try Processor(
                    daybook, ProcessorConfiguration(group: "g", topics: ["orders"]),
                    routes: [
                        Route("**", to: Downstream("t", concurrency: 1), effect: .pure) { event, _ in
                            calls.withLock { $0.append(event.id) }
                            return .done()
                        }
                    ])
                try await stage.beside(processor) {
                    try await stage.settled(processor) { $0.openCount == 0 && $0.counts.succeeded == 5 }
                }
                #expect(calls.withLock { $0.sorted() } == (0..<5).map { "e\($0)" })
                try await producer.close()
                try await daybook.close()
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an event that is refused stays in the outbox with the reason, and others go on`(engine: Engine) throws {
        let stage = try TrackingStage()
        let database = try engine.database(stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            let (publisher, producer) = try await Self.publisher(daybook)
            let connection = SQLConnection(database, isInline: true)
            let outbox = Outbox()
            try await connection.transaction { session in
                try outbox.create(in: session)
                try outbox.insert(Event(id: "x", source: "s", type: "nobody.wants"), in: session)
                try outbox.insert(Self.event(1), in: session)
                // Another program's mistake.
                try session.execute(
                    SQLStatement(
                        "INSERT INTO daybook_outbox (event_id, event_source, event_type) VALUES ('', 's', 'order.paid')"
                    ))
            }
            let relay = OutboxRelay(outbox, in: database, of: daybook, through: publisher)
            async let end: Void = relay.run()
            while try await Self.published(daybook).isEmpty { await stage.loop.pass(.milliseconds(100)) }
            try await connection.transaction { try outbox.insert(Self.event(4), in: $0) }
            relay.poke()
            while try await Self.published(daybook).count < 2 { await stage.loop.pass(.milliseconds(1)) }
            relay.stop()
            try await end
            let counts = try await connection.transaction { try outbox.counts(in: $0) }
            #expect(counts == (unsent: 0, refused: 2))
            let problems = try await connection.transaction {
                try $0.rows("SELECT problem FROM daybook_outbox WHERE problem IS NOT NULL ORDER BY number")
            }
            #expect(problems[0][0].text?.contains("no-route") == true)
            #expect(problems[1][0].text?.contains("id") == true)
            try await producer.close()
            try await daybook.close()
        }
    }

    /// Where a handler is cut off.
    enum Cut: CaseIterable, Sendable { case beforeRow, betweenRowAndEffect, beforeCommit, afterCommit }

    @Test(arguments: Engine.available, Cut.allCases)
    func `a transactional effect happens once wherever the process dies`(engine: Engine, cut: Cut) throws {
        let stage = try TrackingStage()
        let database = try engine.database(stage)
        let hasDied = Mutex(false)
        let inbox = Inbox()
        let work: @Sendable () async throws -> Void = {
            let daybook = try await stage.open()
            let connection = SQLConnection(database, isInline: true)
            try await connection.transaction { session in
                try session.execute(inbox.creation)
                try session.execute(SQLStatement("CREATE TABLE IF NOT EXISTS bookings (id TEXT)"))
            }
            if (try? daybook.topic("orders")) == nil { try await stage.publish(daybook, ["a", "a", "a"]) }
            @Sendable func die(_ now: Cut) throws {
                guard now == cut, !hasDied.withLock({ $0 }) else { return }
                hasDied.withLock { $0 = true }
                stage.disk.crash()
                throw CancellationError()
            }
            let route = Route("**", to: Downstream("t", concurrency: 1), effect: .transactional) { event, context in
                let isNew = try await connection.transaction { session in
                    try die(.beforeRow)
                    guard try inbox.record(context, in: session) else { return false }
                    try die(.betweenRowAndEffect)
                    try session.execute(SQLStatement("INSERT INTO bookings VALUES ($1)", [.text(event.id)]))
                    try die(.beforeCommit)
                    return true
                }
                try die(.afterCommit)
                return isNew ? .done() : .alreadyDone()
            }
            let processor = try Processor(
                daybook, ProcessorConfiguration(group: "g", topics: ["orders"]), routes: [route])
            let counts = try await stage.beside(processor) {
                try await stage.settled(processor) { $0.counts.succeeded == 3 && $0.openCount == 0 }.counts
            }
            #expect(counts.adopted == (cut == .afterCommit ? 1 : 0))
            try await daybook.close()
        }
        #expect(throws: (any Error).self) { try stage.loop.run(work) }
        #expect(hasDied.withLock { $0 })
        stage.loop.drain(for: .seconds(1))
        stage.loop.forgetScheduled()
        stage.disk.restart(.nothing)
        try stage.loop.run(work)
        let session = try database.session(.readWrite)
        #expect(
            try session.rows("SELECT id FROM bookings ORDER BY id") == [[.text("e0")], [.text("e1")], [.text("e2")]])
        #expect(try session.rows("SELECT count(*) FROM daybook_inbox") == [[.integer(3)]])
        #expect(try inbox.forget(before: Timestamp(milliseconds: .max), in: session) == 3)
    }

    @Test func `a user's own connection can be lent, and its transaction stays its own`() throws {
        let folder = try TemporaryDirectory()
        let path = "\(folder.path)/user.sqlite"
        let mine = try SQLiteSession(path: path, .readWrite)
        try Outbox().create(in: mine)
        _ = try mine.execute("BEGIN")
        do {
            let lent = SQLiteSession(connection: mine.connection)
            try Outbox().insert(Self.event(1), in: lent)
        }
        _ = try mine.execute("ROLLBACK")
        #expect(try Outbox().counts(in: mine) == (0, 0))
        _ = try mine.execute("BEGIN")
        try Outbox().insert(Self.event(1), in: SQLiteSession(connection: mine.connection))
        _ = try mine.execute("COMMIT")
        #expect(try Outbox().counts(in: mine) == (1, 0))
        #expect(try Outbox().waiting(9, in: mine).map(\.event) == [Self.event(1)])
    }
}
