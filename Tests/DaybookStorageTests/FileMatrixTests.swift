// Files missing, empty, cut to a header, without a sidecar, or too many: every combination for the last three segments.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("File matrix")
struct FileMatrixTests {
    enum State: CaseIterable {
        case whole, withoutSidecar, emptySidecar, missing, missingWithSidecar, empty, emptyWithoutSidecar, headerOnly
    }

    let stage: LogStage
    let model: [Entry]
    let end: Offset
    let bases: [Int64]
    let files: [String: [UInt8]]

    init() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(250)
        let log = try stage.open().log
        model = try log.fill(8, size: 20, clock: stage.clock)
        try log.close()
        end = log.logEndOffset
        bases = log.segments.map(\.baseOffset.rawValue)
        files = try stage.snapshot()
        self.stage = stage
        #expect(bases.count == 4)
    }

    private func put(_ base: Int64, _ state: State) throws {
        let (log, sidecar) = (stage.log(base), stage.sidecar(base))
        switch state {
        case .whole: break
        case .withoutSidecar: try Disk.remove(sidecar)
        case .emptySidecar: try Disk.write([], to: sidecar)
        case .missing:
            try Disk.remove(log)
            try Disk.remove(sidecar)
        case .missingWithSidecar: try Disk.remove(log)
        case .empty: try Disk.write([], to: log)
        case .emptyWithoutSidecar:
            try Disk.write([], to: log)
            try Disk.remove(sidecar)
        case .headerOnly: try Disk.truncate(log, to: 61)
        }
    }

    private static func isReadable(_ state: State) -> Bool { [.whole, .withoutSidecar, .emptySidecar].contains(state) }

    @Test(
        "C11 C7 C8 all combinations: whole segments are read, the rest is one gap, nothing is deleted, no offset reused"
    )
    func matrix() throws {
        for first in State.allCases {
            for second in State.allCases {
                for third in State.allCases {
                    try stage.restore(files)
                    let states = [first, second, third]
                    for (base, state) in zip(bases[1...], states) { try put(base, state) }
                    let names = try Disk.names(stage.directory)
                    let place = Comment(rawValue: "\(states)")
                    let (log, report) = try stage.open(.durable(end), epoch: 1)
                    #expect(report.tornTail == nil, place)
                    let seen = try log.content(maximumBytes: [1, 10_000])
                    let expected = model.filter { entry in
                        let segment = bases.lastIndex { $0 <= entry.offsets.lowerBound.rawValue } ?? 0
                        return segment == 0 || Self.isReadable(states[segment - 1])
                    }
                    #expect(seen.records.contents == expected.contents, place)
                    #expect(
                        seen.reduce(Int64(0)) { $0 + $1.offsets.lowerBound.distance(to: $1.offsets.upperBound) } == 16)
                    #expect(seen.hasRisingTimes, place)
                    #expect(log.logEndOffset == end && log.recoveryPoint == end, place)
                    let lost = report.damage.map(\.damage.offsets) + report.missing
                    #expect(lost.isEmpty == (expected.count == model.count), place)
                    #expect(try Set(Disk.names(stage.directory)).isSuperset(of: names), place)
                    let more = try log.fill(1, clock: stage.clock)
                    #expect(more[0].offsets.lowerBound == end, place)
                    let again = try stage.open(.durable(log.recoveryPoint)).log.content()
                    #expect(again.records.contents == (expected + more).contents, place)
                }
            }
        }
    }

    @Test("C11 C12 C35 files that are no segments are left alone, byte for byte")
    func strangers() throws {
        let names = [
            "00000000000000000000.log.new", "00000000000000000004.index", "4.log", "notes.txt",
            "0000000000000000000x.log",
            "99999999999999999999.log", "09223372036854775807.log", "-0000000000000000001.log",
            "00000000000000000099.sidecar",
        ]
        for name in names { try Disk.write(pattern(100), to: stage.directory.appending(name)) }
        try PosixFileSystem().createDirectory(stage.log(77))
        let (log, report) = try stage.open(.durable(end), epoch: 1)
        #expect(report.segmentsCount == 4 && report.isUneventful)
        let more = try log.fill(3, clock: stage.clock)
        #expect(try log.content() == model + more)
        for name in names { #expect(try Disk.read(stage.directory.appending(name)) == pattern(100)) }
    }

    @Test("C11 an extra empty file where the next segment would begin is that segment")
    func extra() throws {
        try Disk.write([], to: stage.log(end.rawValue))
        let (log, report) = try stage.open(.durable(end), epoch: 1)
        #expect(report.damage.isEmpty && report.missing.isEmpty)
        #expect(log.segments.count == 5 && log.logEndOffset == end)
        let more = try log.fill(1, clock: stage.clock)
        #expect(try stage.open(.durable(log.recoveryPoint)).log.content().contents == (model + more).contents)
    }

    @Test("C11 an empty folder, a log that was never written to, and one whose start has moved")
    func empty() throws {
        let stage = try LogStage()
        for _ in 0..<2 {
            let (log, report) = try stage.open()
            #expect(log.logEndOffset == .zero && log.segments.count == 1 && report.isUneventful && !log.needsFlush)
            #expect(try log.content().isEmpty)
            #expect(throws: StorageError.self) { try log.read(from: Offset(1), limit: log.logEndOffset) }
        }
        #expect(try Disk.names(stage.directory).isEmpty, "nothing is written before the first append")
        var before = LogStage.Before.durable(Offset(70))
        before.logStartOffset = Offset(50)
        let (log, report) = try stage.open(before)
        #expect(log.logStartOffset == Offset(50) && log.logEndOffset == Offset(70))
        #expect(report.missing == [Offset(50)..<Offset(70)])
        let more = try log.fill(1, clock: stage.clock)
        #expect(try log.content() == [.gap(Offset(50)..<Offset(70))] + more)
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }
}
