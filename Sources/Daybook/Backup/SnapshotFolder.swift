// The folder that backups go to: which snapshots are there, what the next one is called, what a crash has left behind.
// What is in a snapshot is the business of `BackupManifest`.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// A folder of snapshots. A snapshot is called `<UTC time>.<number>`, such as `20260131T235900Z.7`; numbers rise from one
/// backup to the next whatever the clock does, so that the largest one is the newest. A dash in place of the dot would make
/// it the name of a partition's folder.
struct SnapshotFolder: Sendable {
    let root: FilePath
    let fileSystem: any FileSystem

    /// Held while a backup goes on; never removed.
    var lock: FilePath { root.appending("LOCK") }

    func layout(of name: String) -> DirectoryLayout { DirectoryLayout(root: root.appending(name)) }

    /// The ending of a folder's name while it is not complete, or not any more.
    static let unfinished = ".unfinished"

    static func name(at time: Timestamp, number: Int) -> String { "\(text(time)).\(number)" }

    /// A snapshot's number; nil when the name is not one that a backup gives.
    static func number(of name: String) -> Int? {
        guard let match = name.wholeMatch(of: /-?\d{4,}\d\d\d\dT\d\d\d\d\d\dZ\.(\d+)/) else { return nil }
        return Int(match.1)
    }

    /// The complete snapshots, oldest first.
    func snapshots() throws(FileError) -> [String] {
        var found: [(number: Int, name: String)] = []
        for name in try names() {
            guard let number = Self.number(of: name), try fileSystem.exists(layout(of: name).manifest) else { continue }
            found.append((number, name))
        }
        return found.sorted { $0.number < $1.number }.map(\.name)
    }

    /// What backups that were interrupted have left.
    func leftovers() throws(FileError) -> [String] {
        try names().filter {
            $0.hasSuffix(Self.unfinished) && Self.number(of: String($0.dropLast(Self.unfinished.count))) != nil
        }
    }

    /// A name that no snapshot has, and a number above all.
    func nextName(at time: Timestamp) throws(FileError) -> String {
        let last = try names().compactMap {
            Self.number(of: $0.hasSuffix(Self.unfinished) ? String($0.dropLast(Self.unfinished.count)) : $0)
        }.max()
        return Self.name(at: time, number: (last ?? 0) + 1)
    }

    /// Removes a snapshot. From the first step on it is a leftover: there is never half a snapshot under a real name.
    func remove(_ name: String) throws(FileError) {
        let doomed = root.appending(name + Self.unfinished)
        try uninterrupted { () throws(FileError) in try fileSystem.rename(root.appending(name), to: doomed) }
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(root) }
        try fileSystem.removeTree(doomed)
    }

    private func names() throws(FileError) -> [String] {
        try uninterrupted { () throws(FileError) in try fileSystem.entries(of: root) }
    }

    /// `20260131T235900Z`. The calendar begins its years in March: Howard Hinnant, "chrono-compatible low-level date
    /// algorithms".
    private static func text(_ time: Timestamp) -> String {
        let seconds = (time.rawValue - (time.rawValue < 0 ? 999 : 0)) / 1000
        let days = (seconds - (seconds < 0 ? 86_399 : 0)) / 86_400
        let second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted - (shifted < 0 ? 146_096 : 0)) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month < 10 ? 0 : 1)
        func padded(_ number: Int64, _ width: Int = 2) -> String {
            let digits = String(number.magnitude)
            return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(year, 4) + padded(month < 10 ? month + 3 : month - 9) + padded(day) + "T"
            + padded(second / 3600) + padded(second / 60 % 60) + padded(second % 60) + "Z"
    }
}
