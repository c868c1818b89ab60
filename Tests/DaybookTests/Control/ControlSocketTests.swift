// The socket in the data directory: when there is one, whose it is, what takes its place, and what is said when nobody answers.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite struct ControlSocketTests {
    private func exists(_ directory: String) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: directory + "/control")) != nil
    }

    @Test func `There is a socket while a directory is open for writing, and it is the owner's alone`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/control")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(daybook.control.isReachable && daybook.control.failure == nil)
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            #expect(!reader.control.isReachable && reader.control.failure == nil)
            try await reader.close()
            #expect(exists(directory))
            try await daybook.close()
            #expect(!exists(directory) && !daybook.control.isReachable)
            try await daybook.close()
        }
    }

    @Test func `C39 a daybook that nobody holds takes its socket along, and its lock`() async throws {
        func openAndForget(_ directory: String) async throws {
            let daybook = try await Daybook.open(directory)
            withExtendedLifetime(daybook) { #expect(exists(directory)) }
        }
        try await withDirectory { directory in
            try await openAndForget(directory)
            #expect(await eventually { !exists(directory) })
            let administration = try await Administration.open(directory)
            #expect(administration.live == nil)
            try await administration.close()
        }
    }

    @Test func `A socket that a killed process has left is replaced by whoever has the lock`() async throws {
        try await withDirectory { directory in
            let path = FilePath(directory).appending("control")
            let other = try LocalListener(FilePath(directory).appending("other"))
            try PosixFileSystem().rename(other.path, to: path)
            try other.close()
            #expect(exists(directory))
            let administration = try await Administration.open(directory)
            #expect(administration.live == nil && administration.daybook?.control.isReachable == true)
            let second = try await Administration.open(directory)
            #expect(second.live?.process == nil || second.live?.process == SystemIdentity.processIdentifier)
            #expect(second.live?.release == Daybook.release)
            try await second.close()
            try await administration.close()
        }
    }

    @Test func `Something else of that name is left alone, and the daybook opens without a socket`() async throws {
        try await withDirectory { directory in
            try Data("mine".utf8).write(to: URL(filePath: directory + "/control"))
            let daybook = try await Daybook.open(directory)
            #expect(!daybook.control.isReachable)
            #expect(daybook.control.failure?.message.contains(directory + "/control") == true)
            try await daybook.createTopic("orders")
            try await daybook.close()
            #expect(try Data(contentsOf: URL(filePath: directory + "/control")) == Data("mine".utf8))
        }
    }

    @Test func `Without a socket nothing is made, and commands say why they do not reach the process`() async throws {
        try await withDirectory { directory in
            var configuration = Configuration()
            configuration.hasControlSocket = false
            let daybook = try await Daybook.open(directory, configuration: configuration)
            #expect(!exists(directory) && daybook.control.failure == nil)
            let error = await #expect(throws: DaybookError.self) {
                try await Administration.open(directory, patience: .zero)
            }
            #expect(error?.code == .directoryLocked)
            #expect(
                error?.message.contains("has no control socket") == true && error?.message.contains(directory) == true)
            let status = try await Daybook.status(of: directory)
            #expect(status.holder?.unreachable?.code == .directoryLocked && status.holder?.release == nil)
            try await daybook.close()
        }
    }

    @Test func `A socket that nobody listens at beside a lock that is held is told of`() async throws {
        try await withDirectory { directory in
            var configuration = Configuration()
            configuration.hasControlSocket = false
            let daybook = try await Daybook.open(directory, configuration: configuration)
            let other = try LocalListener(FilePath(directory).appending("other"))
            try PosixFileSystem().rename(other.path, to: FilePath(directory).appending("control"))
            try other.close()
            let error = await #expect(throws: DaybookError.self) {
                try await Administration.open(directory, patience: .zero)
            }
            #expect(error?.code == .directoryLocked && error?.message.contains("does not listen") == true)
            #expect(exists(directory))
            try await daybook.close()
        }
    }

    @Test func `A process that is about to open or to close is waited for`() async throws {
        try await withDirectory { directory in
            var configuration = Configuration()
            configuration.hasControlSocket = false
            let daybook = try await Daybook.open(directory, configuration: configuration)
            let waiting = Task { try await Administration.open(directory, patience: .seconds(60)) }
            try await daybook.close()
            let administration = try await waiting.value
            #expect(administration.live == nil)
            try await administration.close()
        }
    }

    @Test func `Other disks have no sockets`() async throws {
        try await withDirectory { directory in
            let configuration = Configuration().with(fileSystem: GatedFileSystem())
            let daybook = try await Daybook.open(directory, configuration: configuration)
            #expect(!exists(directory) && daybook.control.failure == nil)
            try await daybook.close()
        }
    }

    #if os(Linux)
        @Test func `A data directory with a long path has a socket too`() async throws {
            try await withDirectory { directory in
                let long =
                    directory + "/"
                    + [String](repeating: String(repeating: "d", count: 60), count: 5).joined(separator: "/")
                let daybook = try await Daybook.open(long)
                #expect(daybook.control.isReachable && daybook.control.failure == nil)
                let administration = try await Administration.open(long)
                #expect(administration.live != nil)
                _ = try await administration.perform(CreateTopic("orders"))
                #expect(daybook.topics.count == 1)
                try await administration.close()
                try await daybook.close()
                #expect(!exists(long))
            }
        }
    #endif

    // MARK: status

    @Test func `Status tells who has a directory open, and how it is`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", partitions: 2)
            let producer = try daybook.makeProducer()
            for _ in 0..<5 { _ = try await producer.send(Record(key: nil, value: "x"), to: "orders", partition: 1) }
            let live = try await Daybook.status(of: directory)
            #expect(live.holder?.unreachable == nil && live.holder?.release == Daybook.release)
            #expect(live.holder?.since != nil && live.wasClosedCleanly == nil)
            #expect(live.description.topics.map(\.recordsCount) == [5] && live.description.partitionsCount == 2)
            #expect(live.description.failedPartitions.isEmpty)
            try await daybook.close()
            let closed = try await Daybook.status(of: directory)
            #expect(closed.holder == nil && closed.wasClosedCleanly == true)
            #expect(closed.description.topics == live.description.topics)
            await #expect(throws: DaybookError.self) { try await Daybook.status(of: directory + "/nowhere") }
        }
    }
}
