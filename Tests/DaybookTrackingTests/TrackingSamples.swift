// The Swift code of the article on tracking, as it stands there: compiled and run here.

import Daybook
import DaybookProcessing
import DaybookServices
import DaybookTesting
import DaybookTracking
import Logging
import ServiceLifecycle
import Testing

// sample TrackingEvents
func runWithTracking(in directory: String, routes: [Route], logger: Logger) async throws {
    let daybook = try await Daybook.open(directory)
    let processor = try Processor(
        daybook, ProcessorConfiguration(group: "accounting", topics: ["orders"]), routes: routes)
    let tracker = Tracker(daybook, database: .beside(daybook))
    // In this order, so that the tracker sees what the processor does last.
    try await ServiceGroup(services: [daybook, tracker, processor], logger: logger).run()
}
// end

// sample TrackingEvents
func deadOrders(of key: String, in database: SQLDatabase) async throws -> [TrackedEvent] {
    var filter = TrackingFilter()
    filter.keys = [key]
    filter.statuses = [.dead, .parked]
    return try await Tracking(database).events(filter).events
}
// end

// sample TrackingEvents
func pay(_ order: String, _ outbox: Outbox, _ connection: SQLConnection) async throws {
    try await connection.transaction { session in
        try session.execute(SQLStatement("UPDATE orders SET status = 'paid' WHERE id = $1", [.text(order)]))
        let paid = Event(id: "paid-\(order)", source: "/shop", type: "order.paid", partitionKey: order)
        try outbox.insert(paid, in: session)
    }
}
// end

// sample TrackingEvents
func relay(_ outbox: Outbox, in database: SQLDatabase, to daybook: Daybook) throws -> OutboxRelay {
    let publisher = EventPublisher([PublishRule("order.*", to: "orders")], by: try daybook.makeProducer())
    return OutboxRelay(outbox, in: database, of: daybook, through: publisher)
}
// end

// sample TrackingEvents
func bookings(_ connection: SQLConnection) -> Route {
    let inbox = Inbox()
    return Route("order.*", to: Downstream("erp"), effect: .transactional) { event, context in
        try await connection.transaction { session in
            guard try inbox.record(context, in: session) else { return .alreadyDone() }
            try session.execute(SQLStatement("INSERT INTO bookings VALUES ($1)", [.text(event.id)]))
            return .done()
        }
    }
}
// end

@Suite("Samples of the article on tracking")
struct TrackingSamples {
    @Test(.timeLimit(.minutes(5))) func `a payment becomes an event, the event a booking, and tracking tells of both`()
        async throws
    {
        let directory = try TemporaryDirectory()
        let database = SQLDatabase.sqlite(directory.path + "/shop.sqlite")
        let connection = SQLConnection(database)
        let outbox = Outbox()
        try await connection.transaction { session in
            try outbox.create(in: session)
            try session.execute(Inbox().creation)
            try session.execute(SQLStatement("CREATE TABLE orders (id TEXT, status TEXT)"))
            try session.execute(SQLStatement("CREATE TABLE bookings (id TEXT)"))
            try session.execute(SQLStatement("INSERT INTO orders VALUES ('SO-1', 'open'), ('SO-2', 'open')"))
        }
        try await pay("SO-1", outbox, connection)
        let path = directory.path + "/data"
        let daybook = try await Daybook.open(path)
        try await daybook.createTopic("orders")
        #expect(try await relay(outbox, in: database, to: daybook).publishWaiting() == 1)
        try await daybook.close()

        let running = Task {
            try await runWithTracking(
                in: path, routes: [bookings(connection)], logger: Logger(label: "tracking"))
        }
        let rows = SQLDatabase.inDirectory(path)
        let tracking = Tracking(rows)
        while (try? await tracking.events().events.first?.status) != .succeeded { await Task.yield() }
        running.cancel()
        _ = await running.result
        let booked = try await connection.transaction { try $0.rows(SQLStatement("SELECT id FROM bookings")) }
        #expect(booked == [[.text("paid-SO-1")]])
        let event = try #require(try await tracking.events().events.first)
        #expect(event.eventID == "paid-SO-1")
        #expect(event.status == .succeeded)
        #expect(try await deadOrders(of: "SO-1", in: rows).isEmpty)
    }
}
