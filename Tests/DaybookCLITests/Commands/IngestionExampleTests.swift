// The example service does what an ingestion service has to: it goes on where it was, and being killed costs nothing.

import Foundation
import Testing

@Suite struct IngestionExampleTests {
    /// An entry of the ledger: where in the log, and which order.
    private struct Entry: Hashable {
        let place: String
        let order: String

        init?(_ line: String) {
            let fields = line.split(separator: " ")
            guard fields.count == 3, fields[0].contains("@"), fields[2] == "1250" else { return nil }
            (place, order) = (String(fields[0]), String(fields[1]))
        }
    }

    private static func orders(_ range: Range<Int>) -> String {
        range.map { "SO-\($0)\t1250\n" }.joined()
    }

    private static func start(_ command: Command) throws -> RunningCommand {
        try RunningCommand([command.data], data: command.data, program: "ingestion-example")
    }

    /// Reads lines until the ledger has so many more entries.
    private static func entries(_ count: Int, of service: RunningCommand) throws -> [Entry] {
        var entries: [Entry] = []
        while entries.count < count, let line = try service.nextLine() {
            if let entry = Entry(line) { entries.append(entry) }
        }
        #expect(entries.count == count)
        return entries
    }

    @Test func `Every order is entered once over a restart, and none is missing after a kill`() throws {
        let command = try Command()
        var service = try Self.start(command)
        try service.send(Self.orders(0..<300) + "no order\n")
        var entries = try Self.entries(300, of: service)
        service.terminate()
        #expect(service.wait().status == 0)

        service = try Self.start(command)
        try service.send(Self.orders(300..<350))
        entries += try Self.entries(50, of: service)
        #expect(Set(entries.map(\.place)).count == 350)
        #expect(Set(entries.map(\.order)) == Set((0..<350).map { "SO-\($0)" }))

        try service.send(Self.orders(350..<450))
        entries += try Self.entries(100, of: service)
        service.kill()
        #expect(service.wait().wasKilled)
        service = try Self.start(command)
        try service.send("SO-last\t1250\n")
        while !entries.contains(where: { $0.order == "SO-last" }) { entries += try Self.entries(1, of: service) }
        service.terminate()
        #expect(service.wait().status == 0)
        // What was entered a second time stands at the same place.
        #expect(Set(entries).count == 451 && Set(entries.map(\.order)).count == 451)
    }

    @Test func `Without a directory it says what it needs`() throws {
        let service = try RunningCommand([], data: "", program: "ingestion-example")
        #expect(try service.nextLine()?.contains("Name the data directory") == true)
        #expect(service.wait().status == 2)
    }
}
