// swift-tools-version: 6.2
// The fuzzer: a program that throws bytes at the targets which DaybookTesting offers. Nested, because it is linked with
// libFuzzer and instrumented through and through; built and run by tools/fuzz, never by hand.
import PackageDescription

let package = Package(
    name: "daybook-fuzzing",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "daybook", path: "../..")],
    targets: [
        .executableTarget(
            name: "DaybookFuzzing",
            dependencies: [.product(name: "DaybookTesting", package: "daybook")],
            // libFuzzer brings `main`.
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    ],
    swiftLanguageModes: [.v6]
)
