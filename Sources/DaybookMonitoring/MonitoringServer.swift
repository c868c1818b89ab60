// A small HTTP server for those who look after a process: Prometheus, a load balancer, an orchestrator. In a target of its
// own, so that who embeds the log compiles no web server. What it answers is made in DaybookServices.

public import DaybookServices
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
public import Logging
internal import NIOCore
public import ServiceLifecycle

/// Serves `/metrics`, `/healthz` and `/readyz` until its group shuts down.
///
/// | path | answers |
/// |---|---|
/// | `/metrics` | 200 and the metrics, in Prometheus' text format |
/// | `/healthz` | 200 while nothing is broken, else 503: restart, or call somebody |
/// | `/readyz` | 200 while the process can do its work, else 503: send it nothing for now |
///
/// The last two tell all checks and problems as JSON (``DaybookServices/HealthReport``). Each request asks the checks anew.
/// There is no authentication: anybody who reaches the address sees names of topics and groups and the sentences of
/// problems, though never a key or a record. Leave it on the loopback interface, or in a network of its own.
public struct MonitoringServer: Service {
    private let health: Health
    private let metrics: PrometheusRegistry
    private let host: String
    private let port: Int
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// Listens at `host` and `port` once it runs; port 0 lets the system choose, and `onListening` is told which it became.
    public init(
        health: Health, metrics: PrometheusRegistry, host: String = "127.0.0.1", port: Int, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        precondition((0...65_535).contains(port), "a port is 0 to 65535")
        self.health = health
        self.metrics = metrics
        self.host = host
        self.port = port
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the group shuts down or the task is cancelled; requests that are being answered then are answered.
    ///
    /// Throws when it cannot listen at its address, for instance because another process does.
    public func run() async throws {
        let router = Router()
        router.get("/metrics") { [metrics] _, _ in
            Self.answer(.ok, PrometheusRegistry.contentType, Data(metrics.exposition().utf8))
        }
        router.get("/healthz") { [health] _, _ in
            let report = await health.report()
            return try Self.answer(report, isWell: report.isHealthy)
        }
        router.get("/readyz") { [health] _, _ in
            let report = await health.report()
            return try Self.answer(report, isWell: report.isReady)
        }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }

    private static func answer(_ report: HealthReport, isWell: Bool) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return answer(isWell ? .ok : .serviceUnavailable, "application/json", try encoder.encode(report))
    }

    private static func answer(_ status: HTTPResponse.Status, _ type: String, _ body: Data) -> Response {
        // An answer of a minute ago says nothing of now.
        let headers: HTTPFields = [.contentType: type, .cacheControl: "no-store"]
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
