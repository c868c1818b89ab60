// The names of a simulated disk: folders as programs see them, folders as they are durable, and the changes between.
// Bytes are in `DiskFile`. The rules by which system calls refuse are here; counting and failing calls is not.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// A file or folder, by its number.
enum DiskNode: Hashable {
    case file(Int)
    case directory(Int)
}

/// Folders and files.
struct DiskTree {
    struct Directory {
        var live: [String: DiskNode] = [:]
        var durable: [String: DiskNode] = [:]
        var modified: Timestamp
    }

    /// One name given or taken away since the folder was last flushed.
    struct Change {
        let number: Int
        let directory: Int
        let name: String
        let node: DiskNode
        /// Whether the name is given to the node; else it is taken from it.
        let isAdded: Bool
        /// Whether it is one half of a rename.
        var isRename = false
        /// The folder of a rename's other half.
        var otherDirectory: Int?
    }

    static let root = 0
    private(set) var directories: [Int: Directory]
    private(set) var files: [Int: DiskFile] = [:]
    /// In the order in which they were made.
    private(set) var changes: [Change] = []
    private var nodesCount = 1
    private var changesCount = 0
    /// Names that have durably gone since the last `sweep`.
    private var goneCount = 0
    /// Bytes of all files that are named or open.
    private(set) var usedBytes = 0

    init(now: Timestamp) { directories = [Self.root: Directory(modified: now)] }

    // MARK: finding

    private typealias Place = (directory: Int, name: String)

    /// The names a path is made of. By hand: `FilePath.components` takes most of a simulation's time.
    private static func names(_ path: FilePath) -> [String] {
        path.string.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }.filter { $0 != "." }
    }

    /// What a path names; throws `noSuchFileOrDirectory` or `notDirectory`.
    func node(_ path: FilePath) throws(Errno) -> DiskNode { try node(Self.names(path)[...]) }

    private func node(_ names: ArraySlice<String>) throws(Errno) -> DiskNode {
        var node = DiskNode.directory(Self.root)
        for name in names {
            guard case .directory(let directory) = node else { throw .notDirectory }
            guard let next = directories[directory]?.live[name] else { throw .noSuchFileOrDirectory }
            node = next
        }
        return node
    }

    func directory(_ path: FilePath) throws(Errno) -> Int {
        guard case .directory(let directory) = try node(path) else { throw .notDirectory }
        return directory
    }

    func file(_ path: FilePath) throws(Errno) -> Int {
        guard case .file(let file) = try node(path) else { throw .isDirectory }
        return file
    }

    /// The folder and the last name of a path; throws `fileExists` for the root.
    private func place(_ path: FilePath) throws(Errno) -> Place {
        let names = Self.names(path)
        guard let name = names.last else { throw .fileExists }
        guard case .directory(let directory) = try node(names.dropLast()) else { throw .notDirectory }
        return (directory, name)
    }

    private func named(_ place: Place) -> DiskNode? { directories[place.directory]?.live[place.name] }

    func status(_ node: DiskNode) -> FileStatus {
        switch node {
        case .file(let file): FileStatus(isDirectory: false, size: files[file]!.size, modified: files[file]!.modified)
        case .directory(let directory):
            FileStatus(isDirectory: true, size: 0, modified: directories[directory]!.modified)
        }
    }

    /// Names in order, for the sake of repeatable runs.
    func entries(_ directory: Int) -> [String] { directories[directory]!.live.keys.sorted() }

    // MARK: changing names

    /// The file at `path`, made when there is none.
    mutating func create(_ path: FilePath, now: Timestamp) throws(Errno) -> Int {
        let place = try place(path)
        switch named(place) {
        case .file(let file)?: return file
        case .directory?: throw .isDirectory
        case nil: break
        }
        let file = number()
        files[file] = DiskFile(modified: now)
        add(place, .file(file), now)
        return file
    }

    mutating func createDirectory(_ path: FilePath, now: Timestamp) throws(Errno) {
        let place = try place(path)
        guard named(place) == nil else { throw .fileExists }
        let directory = number()
        directories[directory] = Directory(modified: now)
        add(place, .directory(directory), now)
    }

    mutating func link(_ existing: FilePath, to new: FilePath, now: Timestamp) throws(Errno) {
        guard case .file(let file) = try node(existing) else { throw .notPermitted }
        let place = try place(new)
        guard named(place) == nil else { throw .fileExists }
        add(place, .file(file), now)
    }

    mutating func rename(_ source: FilePath, to destination: FilePath, now: Timestamp) throws(Errno) {
        let (from, to) = (try place(source), try place(destination))
        guard let node = named(from) else { throw .noSuchFileOrDirectory }
        let replaced = named(to)
        if replaced == node { return }
        switch (node, replaced) {
        case (.file, .directory?): throw .isDirectory
        case (.directory, .file?): throw .notDirectory
        case (.directory(let moved), .directory(let old)?):
            guard directories[old]!.live.isEmpty else { throw .directoryNotEmpty }
            guard !isInside(to.directory, moved) else { throw .invalidArgument }
        case (.directory(let moved), nil):
            guard !isInside(to.directory, moved) else { throw .invalidArgument }
        case (.file, _): break
        }
        if case .file(let old)? = replaced { loseLink(old) }
        record(to, node, isAdded: true, now, renameWith: from.directory)
        record(from, node, isAdded: false, now, renameWith: to.directory)
        directories[to.directory]!.live[to.name] = node
        directories[from.directory]!.live[from.name] = nil
    }

    mutating func removeFile(_ path: FilePath, now: Timestamp) throws(Errno) {
        let place = try place(path)
        switch named(place) {
        case .file(let file)?:
            record(place, .file(file), isAdded: false, now)
            directories[place.directory]!.live[place.name] = nil
            loseLink(file)
        case .directory?: throw .isDirectory
        case nil: throw .noSuchFileOrDirectory
        }
    }

    mutating func removeDirectory(_ path: FilePath, now: Timestamp) throws(Errno) {
        let place = try place(path)
        switch named(place) {
        case .directory(let directory)?:
            guard directories[directory]!.live.isEmpty else { throw .directoryNotEmpty }
            record(place, .directory(directory), isAdded: false, now)
            directories[place.directory]!.live[place.name] = nil
        case .file?: throw .notDirectory
        case nil: throw .noSuchFileOrDirectory
        }
    }

    private mutating func number() -> Int {
        defer { nodesCount += 1 }
        return nodesCount
    }

    private mutating func add(_ place: Place, _ node: DiskNode, _ now: Timestamp) {
        record(place, node, isAdded: true, now)
        directories[place.directory]!.live[place.name] = node
        if case .file(let file) = node { files[file]!.linksCount += 1 }
    }

    private mutating func record(
        _ place: Place, _ node: DiskNode, isAdded: Bool, _ now: Timestamp, renameWith other: Int? = nil
    ) {
        changes.append(
            Change(
                number: changesCount, directory: place.directory, name: place.name, node: node, isAdded: isAdded,
                isRename: other != nil, otherDirectory: other))
        changesCount += 1
        directories[place.directory]!.modified = now
    }

    private func isInside(_ directory: Int, _ ancestor: Int) -> Bool {
        if directory == ancestor { return true }
        return directories[ancestor]!.live.values.contains { child in
            guard case .directory(let child) = child else { return false }
            return isInside(directory, child)
        }
    }

    // MARK: changing bytes

    /// Changes a file and keeps count of the room it takes.
    mutating func change<Result>(_ file: Int, _ body: (inout DiskFile) -> Result) -> Result {
        let before = files[file]!.size
        let result = body(&files[file]!)
        if files[file]!.isUsed { usedBytes += files[file]!.size - before }
        return result
    }

    mutating func opened(_ file: Int) { files[file]!.opensCount += 1 }

    /// A descriptor of the file has gone: what has no name either gives its room back.
    mutating func closed(_ file: Int) {
        files[file]!.opensCount -= 1
        if !files[file]!.isUsed { usedBytes -= files[file]!.size }
    }

    private mutating func loseLink(_ file: Int) {
        files[file]!.linksCount -= 1
        if !files[file]!.isUsed { usedBytes -= files[file]!.size }
    }

    // MARK: flushing names

    /// Makes the changes of one folder durable. A rename from here to elsewhere becomes durable there as well: no file loses
    /// its last name by a rename.
    mutating func flushDirectory(_ directory: Int) {
        var isFlushed = [Bool](repeating: false, count: changes.count)
        var needed: Set<Int> = []
        var names: Set<Name> = []
        for index in changes.indices.reversed() {
            let change = changes[index]
            let name = Name(directory: change.directory, name: change.name)
            // Earlier changes of a name must not come after later ones.
            guard
                change.directory == directory || change.movesDirectory(of: directory) || needed.contains(change.number)
                    || names.contains(name)
            else { continue }
            isFlushed[index] = true
            if change.directory != directory { names.insert(name) }
            if let other = change.requires { needed.insert(other) }
        }
        for index in changes.indices where isFlushed[index] { apply(changes[index]) }
        var index = 0
        changes.removeAll { _ in
            defer { index += 1 }
            return isFlushed[index]
        }
        if goneCount > 100 { sweep() }
    }

    private struct Name: Hashable {
        let directory: Int
        let name: String
    }

    /// Makes one change durable.
    mutating func apply(_ change: Change) {
        if change.isAdded {
            if let old = directories[change.directory]?.durable[change.name], old != change.node { goneCount += 1 }
            directories[change.directory]?.durable[change.name] = change.node
        } else if directories[change.directory]?.durable[change.name] == change.node {
            directories[change.directory]?.durable[change.name] = nil
            goneCount += 1
        }
    }

    // MARK: after a crash

    /// What is durable becomes what there is; `bytes` are the files' bytes as the crash left them.
    mutating func settle(_ bytes: [Int: DiskFile]) {
        for (number, file) in bytes { files[number] = file }
        for number in directories.keys { directories[number]!.live = directories[number]!.durable }
        changes = []
        restart()
    }

    /// All descriptors are gone; names and bytes stay.
    mutating func restart() {
        for number in files.keys { files[number]!.opensCount = 0 }
        sweep()
        for number in files.keys { files[number]!.linksCount = 0 }
        for directory in directories.values {
            for case .file(let file) in directory.live.values { files[file]!.linksCount += 1 }
        }
        countBytes()
    }

    private mutating func countBytes() { usedBytes = files.values.reduce(0) { $0 + ($1.isUsed ? $1.size : 0) } }

    /// Forgets files and folders that nothing can reach any more. Linear in their number.
    private mutating func sweep() {
        goneCount = 0
        var found: Set<DiskNode> = [.directory(Self.root)]
        var open = [Self.root]
        func note(_ node: DiskNode) {
            if found.insert(node).inserted, case .directory(let directory) = node { open.append(directory) }
        }
        for change in changes {
            note(change.node)
            note(.directory(change.directory))
        }
        while let directory = open.popLast() {
            for node in directories[directory]!.live.values { note(node) }
            for node in directories[directory]!.durable.values { note(node) }
        }
        directories = directories.filter { found.contains(.directory($0.key)) }
        files = files.filter { found.contains(.file($0.key)) || $0.value.opensCount > 0 }
    }
}

extension DiskTree.Change {
    /// The change that must be durable before this one: a rename takes the old name away only after it has given the new.
    var requires: Int? { isRename && !isAdded ? number - 1 : nil }

    var isDirectory: Bool {
        if case .directory = node { true } else { false }
    }

    /// A folder has one name at a time: both halves of its rename become durable together.
    fileprivate func movesDirectory(of directory: Int) -> Bool {
        isRename && isDirectory && otherDirectory == directory
    }
}
