// What only a simulation asks of its disk: to take back a crash that has not come, and to be looked at without a call that
// would be counted, could fail, or could be the one at which the machine stops.

internal import DaybookFiles
internal import Synchronization
internal import SystemPackage

extension SimulatedDisk {
    /// Forgets the crash that was set for a later call.
    func cancelCrash() { state.withLock { $0.crashCall = nil } }

    /// Names and sizes of what programs see in a folder, by name; empty when there is no such folder.
    func look(into folder: FilePath) -> [(name: String, size: Int)] {
        state.withLock { state in
            guard let directory = try? state.tree.directory(folder) else { return [] }
            return state.tree.entries(directory).map { name in
                let node = try? state.tree.node(folder.appending(name))
                return (name, node.map { state.tree.status($0).size } ?? 0)
            }
        }
    }

    /// The bytes of a file as programs see them; nil when there is none.
    func look(at file: FilePath) -> [UInt8]? {
        state.withLock { state in
            guard case .file(let number)? = try? state.tree.node(file) else { return nil }
            return state.tree.files[number]?.live
        }
    }

    /// Names and bytes as programs see them; not the times, which decide nothing that is promised.
    func hashContent(into hasher: inout Hasher) {
        state.withLock { state in
            var open: [(path: String, directory: Int)] = [("/", DiskTree.root)]
            while let (path, directory) = open.popLast() {
                hasher.combine(path)
                for name in state.tree.entries(directory) {
                    hasher.combine(name)
                    switch state.tree.directories[directory]?.live[name] {
                    case .directory(let child)?: open.append((path + name + "/", child))
                    case .file(let file)?:
                        state.tree.files[file]?.live.withUnsafeBytes { hasher.combine(bytes: $0) }
                        hasher.combine(state.tree.files[file]?.isAtRisk)
                    case nil: break
                    }
                }
            }
        }
    }
}
