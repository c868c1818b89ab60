// `daybook dump`: shows what stands in segment and sidecar files, ours and Kafka's, whole or damaged. Needs no data
// directory around them and changes nothing.

import ArgumentParser
import Daybook
import DaybookFiles
import DaybookStorage
import SystemPackage

/// `dump`.
struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Show the batches of segment files, and what sidecar files say.",
        discussion: """
            Reads .log files, Daybook's as well as Kafka's, .sidecar files, and the .bytes files in quarantine; of a folder \
            all of them in it and below. Damage is shown where it stands, and what follows is shown behind it. With --json \
            each batch, each sidecar block and each damaged place is an object on a line of its own.
            """)

    @Argument(help: "A file or a folder.")
    var path: String
    @Flag(help: "Show the records as well.")
    var records = false
    @Flag(help: "Print one JSON object a line.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() throws {
        let fileSystem = PosixFileSystem()
        let root = FilePath(path)
        do {
            guard try fileSystem.exists(root) else { throw CommandFailure("There is no file or folder \(path).") }
            let isFolder = try fileSystem.status(of: root).isDirectory
            let files = isFolder ? try Self.files(in: root, fileSystem) : [root]
            if files.isEmpty { throw CommandFailure("There are no .log, .sidecar or .bytes files in \(path).") }
            for (index, file) in files.enumerated() {
                if files.count > 1, !json {
                    try StandardStream.output.writeLine("\(index > 0 ? "\n" : "")\(DisplayText.escaped(file.string))")
                }
                try dump(file, fileSystem)
            }
        } catch let error as FileError {
            throw CommandFailure("\(error).")
        }
    }

    private func dump(_ file: FilePath, _ fileSystem: PosixFileSystem) throws {
        if file.extension == "sidecar" {
            try SidecarDump(file: file, fileSystem: fileSystem, isJSON: json).run()
        } else if ["index", "timeindex", "txnindex", "snapshot"].contains(file.extension) {
            throw CommandFailure("\(file) is an index of Kafka's; dump reads .log, .sidecar and .bytes files.")
        } else {
            var dump = LogDump(file: file, fileSystem: fileSystem, showsRecords: records, isJSON: json)
            try dump.run()
        }
    }

    /// Segments and sidecars in a folder and below, by name.
    private static func files(in folder: FilePath, _ fileSystem: PosixFileSystem) throws -> [FilePath] {
        var files: [FilePath] = []
        for name in try fileSystem.entries(of: folder).sorted() {
            let path = folder.appending(name)
            if try fileSystem.status(of: path).isDirectory {
                files += try Self.files(in: path, fileSystem)
            } else if ["log", "sidecar", "bytes"].contains(path.extension) {
                files.append(path)
            }
        }
        return files
    }
}
