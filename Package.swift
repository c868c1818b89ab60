// swift-tools-version: 6.2
import PackageDescription

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")

let package = Package(
    name: "daybook",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Daybook", targets: ["Daybook"]),
        .library(name: "DaybookMonitoring", targets: ["DaybookMonitoring"]),
        .library(name: "DaybookProcessing", targets: ["DaybookProcessing"]),
        .library(name: "DaybookProcessingServices", targets: ["DaybookProcessingServices"]),
        .library(name: "DaybookSchema", targets: ["DaybookSchema"]),
        .library(name: "DaybookServices", targets: ["DaybookServices"]),
        .library(name: "DaybookTesting", targets: ["DaybookTesting"]),
        .library(name: "DaybookTracking", targets: ["DaybookTracking"]),
        .executable(name: "daybook", targets: ["DaybookCLI"]),
        .executable(name: "ingestion-example", targets: ["IngestionExample"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        // Without its traits: no configuration files, no full Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    // Sources are listed bottom up: a target may depend only on what stands above it.
    targets: [
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .target(name: "CDaybookShims"),
        .target(name: "DaybookModel"),
        .target(name: "DaybookText"),
        .target(name: "DaybookSchema", dependencies: ["DaybookText"]),
        .target(name: "DaybookCompression", dependencies: ["CZstd", "CLZ4", "DaybookModel"]),
        .target(name: "DaybookRecords", dependencies: ["CDaybookShims", "DaybookCompression", "DaybookModel"]),
        .target(name: "DaybookFiles", dependencies: ["CDaybookShims", "DaybookModel", system]),
        .target(
            name: "DaybookStorage",
            dependencies: ["DaybookFiles", "DaybookModel", "DaybookRecords", system]),
        .target(
            name: "Daybook",
            dependencies: [
                "DaybookCompression", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookStorage", system,
            ]),
        // Apart from the engine: who embeds the log need not compile a library for services, metrics, logs or traces.
        .target(name: "DaybookServices", dependencies: ["Daybook", lifecycle, logging, metrics, tracing]),
        // Apart again: the only target that compiles a web server.
        .target(
            name: "DaybookMonitoring",
            dependencies: [
                "DaybookServices", hummingbird, lifecycle, logging,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            exclude: ["Grafana", "Prometheus"]),
        // Handlers of events: order per key, retries, dead letters, on the engine's public face and its journals.
        .target(
            name: "DaybookProcessing",
            dependencies: [
                "Daybook", "DaybookModel", "DaybookRecords", "DaybookSchema", "DaybookText", lifecycle,
            ]),
        // What `DaybookServices` is to the log, for handlers: metrics, logs, spans, health. Apart, so that who wants one without the
        // other compiles neither the other nor its libraries.
        .target(
            name: "DaybookProcessingServices",
            dependencies: ["Daybook", "DaybookProcessing", "DaybookServices", lifecycle, logging, metrics, tracing]),
        // What became of every event, in SQL: the only target that links a database.
        .target(
            name: "DaybookTracking",
            dependencies: [
                "CPostgres", "CSQLite", "Daybook", "DaybookModel", "DaybookProcessing", "DaybookRecords", lifecycle,
            ]),
        .target(
            name: "DaybookTesting",
            dependencies: [
                "Daybook", "DaybookCompression", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookStorage",
                "DaybookText", system,
            ]),
        // The ERP scenario: orders, outside systems, and the groups between them. For the demo and for tests.
        .target(name: "DaybookScenario", dependencies: ["Daybook", "DaybookProcessing"]),
        .executableTarget(
            name: "DaybookCLI",
            dependencies: [
                "Daybook", "DaybookProcessing", "DaybookScenario", "DaybookFiles", "DaybookStorage", "DaybookTesting",
                "DaybookText", "DaybookTracking", argumentParser, histogram,
                system,
            ]),

        .executableTarget(
            name: "IngestionExample",
            dependencies: [
                "Daybook", "DaybookServices", lifecycle, logging,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        .testTarget(name: "DaybookModelTests", dependencies: ["DaybookModel"]),
        .testTarget(name: "DaybookSchemaTests", dependencies: ["DaybookSchema"]),
        .testTarget(name: "DaybookTextTests", dependencies: ["DaybookText"]),
        .testTarget(name: "DaybookCompressionTests", dependencies: ["DaybookCompression", "DaybookModel"]),
        .testTarget(
            name: "DaybookRecordsTests",
            dependencies: ["CDaybookShims", "DaybookCompression", "DaybookModel", "DaybookRecords", "DaybookTesting"]),
        .testTarget(
            name: "DaybookFilesTests", dependencies: ["DaybookFiles", "DaybookModel", "DaybookTesting", system]),
        .testTarget(
            name: "DaybookStorageTests",
            dependencies: [
                "DaybookCompression", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookStorage",
                "DaybookTesting", system,
            ]),
        .testTarget(
            name: "DaybookTests",
            dependencies: ["Daybook", "DaybookFiles", "DaybookModel", "DaybookRecords", "DaybookTesting", system]),
        .testTarget(
            name: "DaybookProcessingTests",
            dependencies: [
                "Daybook", "DaybookModel", "DaybookProcessing", "DaybookRecords", "DaybookScenario", "DaybookSchema",
                "DaybookTesting",
            ]),
        .testTarget(
            name: "DaybookTrackingTests",
            dependencies: [
                "Daybook", "DaybookModel", "DaybookProcessing", "DaybookRecords", "DaybookScenario", "DaybookTesting",
                "DaybookServices", "DaybookTracking", lifecycle, logging,
            ]),
        .testTarget(
            name: "DaybookServicesTests",
            dependencies: [
                "Daybook", "DaybookServices", "DaybookTesting", lifecycle, logging, metrics, tracing,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ]),
        .testTarget(
            name: "DaybookProcessingServicesTests",
            dependencies: [
                "Daybook", "DaybookProcessing", "DaybookProcessingServices", "DaybookServices", "DaybookTesting",
                lifecycle,
                logging, metrics, tracing,
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ]),
        .testTarget(
            name: "DaybookMonitoringTests",
            dependencies: [
                "Daybook", "DaybookMonitoring", "DaybookServices", "DaybookTesting", lifecycle, logging, metrics,
            ],
            exclude: ["daybook.rules.test.yml"]),
        .testTarget(
            name: "DaybookCLITests",
            dependencies: [
                "Daybook", "DaybookCLI", "DaybookModel", "DaybookProcessing", "DaybookRecords", "DaybookTesting",
                "DaybookText", "DaybookTracking", system,
            ]),
        .testTarget(
            name: "DaybookTestingTests", dependencies: ["DaybookFiles", "DaybookModel", "DaybookTesting", system]),
        .testTarget(name: "TidyTests"),
    ],
    swiftLanguageModes: [.v6]
)

// One set of strict settings for every Swift target, so that no target can drift.
for target in package.targets where target.type != .system && target.name != "CDaybookShims" {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
        .enableExperimentalFeature("Lifetimes"),
    ]
}

// The gate (tools/check) sets this. A plain build only warns, so that a newer compiler's new warning stops nobody's work.
if Context.environment["DAYBOOK_STRICT"] == "1" {
    for target in package.targets where target.type != .system {
        if target.name == "CDaybookShims" {
            target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
        } else {
            target.swiftSettings?.append(.treatAllWarnings(as: .error))
        }
    }
}
