// A small, complete ingestion service: orders come in on standard input, are made durable, and a group of consumers enters them into a
// ledger. It ends in good order at SIGTERM or ^C, goes on where it was when it is started again, and loses nothing when it is killed.
//
//     ingestion-example DIRECTORY < orders.tsv

import Daybook
import DaybookServices
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct IngestionExample {
    static let topic = "orders"

    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            print("Name the data directory: ingestion-example DIRECTORY < orders.tsv")
            exit(2)
        }
        let daybook = try await Daybook.open(CommandLine.arguments[1])
        if !daybook.topics.contains(where: { $0.name.description == topic }) {
            try await daybook.createTopic(topic, partitions: 4, configuration: TopicConfiguration(compression: .zstd()))
        }
        // The group ends its services from the last to the first: nothing comes in any more, what has come in is dealt with, and
        // then the daybook is closed.
        let services: [any Service] = [daybook, Ledger(daybook), Intake(daybook)]
        let group = ServiceGroup(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "ingestion"))
        try await group.run()
    }
}
