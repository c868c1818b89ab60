// When an append is refused for want of room, when it is allowed again, and how often the file system is asked.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook

@Suite struct SpaceGuardTests {
    private let clock = ManualClock()
    private let fileSystem = GatedFileSystem()
    private var disk: GatedFileSystem.Gate { fileSystem.gate }

    private func makeGuard(reserve: ByteCount = .bytes(1000)) -> SpaceGuard {
        SpaceGuard(fileSystem, "/", reserve: reserve, clock: clock)
    }

    private func isAllowed(_ count: Int, by space: SpaceGuard) -> Bool {
        do throws(DaybookError) {
            try space.admit(count, at: clock.now())
            return true
        } catch {
            #expect(error.code == .diskFull)
            return false
        }
    }

    @Test func `The reserve is kept to the byte`() {
        for missing in [1, 2, 500, 1400] {
            disk.setAvailable(1000 + 400 - missing)
            #expect(!isAllowed(400, by: makeGuard()), "\(missing) bytes are missing")
        }
        disk.setAvailable(1000 + 400)
        #expect(isAllowed(400, by: makeGuard()))
    }

    @Test func `With much room the file system is asked once for many batches, and once a second`() {
        disk.setAvailable(1 << 40)
        let space = makeGuard()
        for _ in 0..<1000 { #expect(isAllowed(1 << 10, by: space)) }
        #expect(disk.looks == 1)
        for _ in 0..<(64 << 10) { #expect(isAllowed(1 << 10, by: space)) }
        #expect((4...5).contains(disk.looks), "a look each 16 MiB: \(disk.looks)")
        let before = disk.looks
        clock.advance(by: .milliseconds(999))
        #expect(isAllowed(1, by: space) && disk.looks == before)
        clock.advance(by: .milliseconds(1001))
        #expect(isAllowed(1, by: space) && disk.looks == before + 1)
    }

    @Test func `C49 a time of day that jumps back costs a look and nothing else`() {
        disk.setAvailable(1 << 40)
        let space = makeGuard()
        #expect(isAllowed(1, by: space))
        clock.set(to: Timestamp(milliseconds: 0))
        for _ in 0..<100 { #expect(isAllowed(1, by: space)) }
        #expect(disk.looks == 2)
        clock.set(to: Timestamp(milliseconds: .max))
        for _ in 0..<100 { #expect(isAllowed(1, by: space)) }
        #expect(disk.looks <= 103)
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `Whatever sizes are appended, the reserve is never touched and hardly anything above it stays unused`(
        seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        let capacity = 200 << 20
        var used = 0
        disk.setAvailable(capacity)
        let space = makeGuard(reserve: .mebibytes(8))
        var refused = 0
        while refused < 20 {
            let count = Int.random(in: 1...(1 << 20), using: &generator)
            if isAllowed(count, by: space) {
                used += count
                disk.setAvailable(capacity - used)
                #expect(capacity - used >= 8 << 20)
            } else {
                refused += 1
                #expect(capacity - used - count < 8 << 20)
            }
        }
        #expect(disk.looks < 200, "\(disk.looks)")
    }

    @Test func `While appends are refused the file system is asked ten times a second, and they resume by themselves`()
    {
        disk.setAvailable(1000)
        let space = makeGuard()
        for _ in 0..<5000 { #expect(!isAllowed(10, by: space)) }
        #expect(disk.looks == 1)
        disk.setAvailable(1 << 30)
        clock.advance(by: .milliseconds(99))
        #expect(!isAllowed(10, by: space) && disk.looks == 1)
        clock.advance(by: .milliseconds(1))
        for _ in 0..<5000 { #expect(isAllowed(10, by: space)) }
        #expect(disk.looks == 2)
    }

    @Test func `What a large batch cannot have a smaller one may, within the same look`() {
        disk.setAvailable(1500)
        let space = makeGuard()
        #expect(!isAllowed(501, by: space))
        #expect(isAllowed(300, by: space))
        #expect(!isAllowed(201, by: space))
        #expect(isAllowed(200, by: space))
        #expect(!isAllowed(1, by: space))
        #expect(disk.looks == 1)
    }

    @Test func `Others that fill the disk are noticed within a second, and at once after a failed write`() {
        disk.setAvailable(1 << 40)
        let space = makeGuard()
        #expect(isAllowed(10, by: space))
        disk.setAvailable(0)
        #expect(isAllowed(10, by: space))
        clock.advance(by: .seconds(1))
        #expect(!isAllowed(10, by: space))
        disk.setAvailable(1 << 40)
        clock.advance(by: .seconds(1))
        #expect(isAllowed(10, by: space))
        disk.setAvailable(0)
        space.forget()
        #expect(!isAllowed(10, by: space))
    }

    @Test func `A file system that does not answer stops nobody`() {
        let mute = FaultyFileSystem(faults: [Fault(.fail(.ioError), [.space], calls: 0..<Int.max)])
        let space = SpaceGuard(mute, "/", reserve: .bytes(.max / 2), clock: clock)
        for _ in 0..<100 { #expect(isAllowed(1 << 10, by: space)) }
        #expect(mute.trace.count == 1)
    }
}
