// What the world does to the disk during a history: crashes to come, calls that fail, room that runs out, bytes that rot.
// How much of it was met is counted by the disk.

internal import Daybook
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

extension Simulation {
    /// A crash some calls from now, in the midst of whatever is being done then.
    func crashSoon(_ crash: Crash, _ random: inout SeededGenerator) {
        let calls = Int.random(in: 0..<60, using: &random)
        note("\(crash.rawValue) in \(calls) calls")
        pendingCrash = crash
        mayFail = true
        disk.crash(at: disk.callsCount + calls)
    }

    /// One call soon fails, or moves less than it should.
    func failCall(_ random: inout SeededGenerator) {
        let call = Int.random(in: 0..<12, using: &random)
        let effect: Fault.Effect =
            switch Int.random(in: 0..<8, using: &random) {
            case 0: .fail(.ioError)
            case 1: .fail(.noSpace)
            case 2: .fail(.ioError, after: Int.random(in: 0..<200, using: &random))
            case 3, 4: .short(Int.random(in: 1..<100, using: &random))
            default: .fail(.interrupted)
            }
        let kinds: [FileCallKind] =
            switch Int.random(in: 0..<5, using: &random) {
            case 0: [.flush]
            case 1: [.write]
            case 2: [.read]
            default: []
            }
        note("\(effect) at call \(call) of \(kinds.isEmpty ? "any kind" : kinds[0].rawValue)")
        // Interrupted and short calls are everyday: nobody may notice.
        switch effect {
        case .fail(.interrupted, _), .short: break
        case .fail: mayFail = true
        }
        disk.inject(Fault(effect, Set(kinds), calls: call..<call + 1))
    }

    /// For a while the system now and then fails to write back what programs believe written; their next flush is told so.
    func failWriteBack(_ random: inout SeededGenerator) {
        note("write-backs fail now and then")
        mayFail = true
        disk.rates = FaultRates(writeBack: Double.random(in: 0.01...0.2, using: &random))
    }

    /// Room for a little more and then none.
    func fillDisk(_ random: inout SeededGenerator) {
        let room = Int.random(in: 0..<20_000, using: &random)
        note("\(room) bytes are left on the disk")
        mayFail = true
        disk.capacity = disk.usedBytes + room
    }

    func freeDisk() {
        note("there is room again")
        disk.capacity = nil
    }

    /// Some bytes of a sealed segment, of a sidecar or of a small file change on the disk.
    ///
    /// The active segment is left alone: what tells damage from a torn tail there is not flushed with every append, so that
    /// after a power cut nobody can tell. The same holds of a closed segment until the first flush of the next one has written a
    /// checkpoint; damage there is noted down as undecided, and excuses a log that ends with it after a power cut, nothing else.
    func rot(_ random: inout SeededGenerator) throws {
        guard let place = choosePartition(&random) else { return }
        let topicPartition = self[place].topicPartition
        let folder = FilePath(Self.directory).appending(topicPartition.description)
        let names = disk.look(into: folder).map(\.name)
        let bases = names.compactMap { SegmentName.baseOffset(ofLog: $0) }.sorted()
        guard bases.count > 1 else { return }
        let index = Int.random(in: 0..<bases.count - 1, using: &random)
        let log = folder.appending(SegmentName.log(bases[index]))
        let isSidecar = Int.random(in: 0..<4, using: &random) == 0
        let path =
            isSidecar ? names.filter { !$0.hasSuffix(".log") }.randomElement(using: &random).map(folder.appending) : log
        guard let path else { return }
        let start = Int.random(in: 0..<8000, using: &random) % 6000
        let count = [1, 1, 16, 512].randomElement(using: &random)!
        let changed = try disk.corrupt(
            path, at: start..<start + count,
            Bool.random(using: &random) ? .zero : .flip(UInt8.random(in: 1...255, using: &random)))
        note("rot \(changed) bytes of \(path.lastComponent?.string ?? "") of \(topicPartition) at \(start)")
        guard changed > 0, !isSidecar else { return }
        damage(bases[index].rawValue..<bases[index + 1].rawValue, of: place, durableTo: checkpointedEnd(place))
    }

    /// How far a partition is durable as the checkpoint on the disk says; zero when there is none or it is of no use.
    func checkpointedEnd(_ place: PartitionPlace) -> Int64 {
        let folder = FilePath(Self.directory).appending(self[place].topicPartition.description)
        return disk.look(at: folder.appending(PartitionCheckpoint.fileName))
            .flatMap { PartitionCheckpoint(decoding: $0, topicID: topics[place.topic].id) }?.durableTo.rawValue ?? 0
    }

    /// Takes note of damage, also in the snapshots, which may share the file.
    private func damage(_ offsets: Range<Int64>, of place: PartitionPlace, durableTo: Int64 = .max) {
        self[place].damage(offsets, durableTo: durableTo)
        for snapshot in snapshots.indices {
            for topic in snapshots[snapshot].topics.indices
            where snapshots[snapshot].topics[topic].id == topics[place.topic].id {
                snapshots[snapshot].topics[topic].partitions[place.partition].damage(offsets)
            }
        }
    }

    /// Bytes of an active segment change that are durable and known to be, and the process is killed: what is damaged is in a
    /// gap, nothing is cut.
    func rotActiveAndKill(_ random: inout SeededGenerator) async throws {
        guard !mayFail, let place = choosePartition(&random) else { return }
        try await engine().flush()
        for topic in topics.indices where !topics[topic].isHidden {
            for partition in topics[topic].partitions.indices { topics[topic].partitions[partition].flushed() }
        }
        // By then the next process can know what was durable.
        await loop.pass(.milliseconds(50))
        await loop.settle()
        // What was only buffered has its place by now.
        try see(try await engine().offsets(self[place].topicPartition), place)
        let model = self[place]
        let folder = FilePath(Self.directory).appending(model.topicPartition.description)
        let logs = disk.look(into: folder).compactMap { file in
            SegmentName.baseOffset(ofLog: file.name).map { (base: $0, size: file.size) }
        }
        guard let active = logs.max(by: { $0.base < $1.base }), active.size > 0 else { return }
        let start = Int.random(in: 0..<active.size, using: &random)
        let count = [1, 16, 512].randomElement(using: &random)!
        let bits = UInt8.random(in: 1...255, using: &random)
        try disk.corrupt(folder.appending(SegmentName.log(active.base)), at: start..<start + count, .flip(bits))
        note("rot \(count) bytes at \(start) of \(active.size) of the active segment of \(model.topicPartition)")
        damage(active.base.rawValue..<max(active.base.rawValue + 1, model.writtenEnd), of: place)
        // Nobody could tell what was durable if power failed before somebody had seen the damage.
        try await recover(from: .kill, mayCrash: false, &random)
    }
}
