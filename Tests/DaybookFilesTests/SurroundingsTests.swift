// What the machine says of a folder: the kinds of file systems, the list of locks, limits, owners.

import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite("Surroundings")
struct SurroundingsTests {
    @Test(arguments: [
        (0xEF53 as UInt32, "ext4", FileSystemKind.Nature.local), (0x5846_5342, "xfs", .local),
        (0x9123_683E, "btrfs", .local), (0x2FC1_2FC1, "zfs", .local), (0x0102_1994, "tmpfs", .volatile),
        (0x8584_58F6, "ramfs", .volatile), (0x6969, "nfs", .network), (0xFF53_4D42, "cifs", .network),
        (0x794C_7630, "overlayfs", .layered), (0x6573_5546, "fuse", .program), (0x0102_1997, "9p", .shared),
        (0x6A65_6A63, "virtiofs", .shared), (0x1234_5678, "0x12345678", .unknown),
    ])
    func `The kernel's number tells the kind`(magic: UInt32, name: String, nature: FileSystemKind.Nature) {
        #expect(FileSystemKind(magic: magic) == FileSystemKind(name: name, nature: nature))
    }

    @Test func `Apple's names tell the kind as well`() {
        #expect(FileSystemKind(typeName: "apfs").nature == .local)
        #expect(FileSystemKind(typeName: "smbfs").nature == .network)
        #expect(FileSystemKind(typeName: "brandnewfs") == FileSystemKind(name: "brandnewfs", nature: .unknown))
    }

    @Test func `The system is asked about the folder that is there`() throws {
        let folder = try TemporaryDirectory()
        let lock = folder.filePath.appending("LOCK")
        let before = try Surroundings.of(folder.filePath, lock: lock)
        #expect(before.lockHolder() == nil && before.holderLimits == nil && before.user == geteuid())
        #expect(before.kind.nature != .readOnly && (before.limits.openFiles ?? 1) > 0)
        if let files = before.files { #expect(files.available <= files.total && files.total > 0) }
        let gone = folder.filePath.appending("gone")
        #expect(
            failure { () throws(FileError) in _ = try Surroundings.of(gone, lock: lock) }?.errno
                == .noSuchFileOrDirectory)
    }

    @Test(.enabled(if: LockHolder.isListed(), "this system does not list locks"))
    func `The holder of a lock is found without touching the lock`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("LOCK")
        let lock = try PosixFileSystem().lock(path)
        let held = try Surroundings.of(folder.filePath, lock: path)
        #expect(
            held.lockHolder()?.process == SystemIdentity.processIdentifier && held.lockHolder()?.name?.isEmpty == false)
        #expect(held.holderLimits == .ofThisProcess)
        lock.release()
        #expect(held.lockHolder() == nil)
    }

    @Test(.enabled(if: LockHolder.isListed(), "this system does not list locks"))
    func `C39 a lock that a child has inherited from a process that has ended is nobody's who can be seen`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("LOCK")
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        let input = Pipe()
        let output = Pipe()
        (shell.standardInput, shell.standardOutput) = (input, output)
        // `flock` takes the lock for the descriptor and ends; the shell keeps it, and waits for its input.
        shell.arguments = ["-c", "exec 9<>'\(path)'; flock 9; echo held; read line"]
        try shell.run()
        _ = output.fileHandleForReading.availableData
        let file = try #require(try FileOwnership.of(path))
        #expect(LockHolder.of(file) == nil)
        #expect(failure { () throws(FileError) in _ = try PosixFileSystem().lock(path) }?.errno == .wouldBlock)
        try input.fileHandleForWriting.close()
        shell.waitUntilExit()
    }

    @Test func `The list of locks is read by device and inode, and by inode alone where only one line has it`() {
        let file = FileOwnership(kind: .file, owner: 0, device: 0xFE02, inode: 131)
        let lines = [
            "1: POSIX  ADVISORY  WRITE 10 fe:02:7 0 EOF", "2: FLOCK  ADVISORY  READ  11 fe:02:131 0 EOF",
            "2: -> FLOCK  ADVISORY  WRITE 12 fe:02:131 0 EOF", "3: FLOCK  ADVISORY  WRITE 13 08:01:131 0 EOF",
        ]
        func found(_ lines: [String]) -> Int32? {
            LockHolder.process(holding: file, in: lines.joined(separator: "\n"))
        }
        #expect(found(lines) == 13, "another device, but nobody else has this inode")
        #expect(found(lines + ["4: FLOCK  ADVISORY  WRITE 14 fe:02:131 0 EOF"]) == 14)
        #expect(found(lines + ["4: FLOCK  ADVISORY  WRITE 14 08:02:131 0 EOF"]) == nil, "two that it may be")
        #expect(
            found([]) == nil && found(["", "x", "1: FLOCK A WRITE -1 fe:02:131 0", "1: FLOCK A WRITE 9 ::"]) == nil)
        // Numbers beyond the old eight bits are spread over the device's number.
        let other = "1: FLOCK ADVISORY WRITE 14 567:489:5 0 EOF"
        let wide = FileOwnership(kind: .file, owner: 0, device: 0x0000_1001_2345_6789, inode: 5)
        #expect(LockHolder.process(holding: wide, in: other + "\n1: FLOCK ADVISORY WRITE 15 1567:123489:5 0 EOF") == 15)
    }

    @Test func `Limits are read from the kernel's table`() {
        let text = """
            Limit                     Soft Limit           Hard Limit           Units
            Max file size             102400               unlimited            bytes
            Max open files            1024                 524288               files
            """
        #expect(
            ProcessLimits(parsing: text) == ProcessLimits(openFiles: 1024, openFilesCeiling: 524_288, fileSize: 102_400)
        )
        let unlimited = "Max file size   unlimited   unlimited   bytes\nMax open files   unlimited   unlimited   files"
        #expect(ProcessLimits(parsing: unlimited) == ProcessLimits())
        #expect(ProcessLimits(parsing: "Max open files") == nil && ProcessLimits(parsing: "") == nil)
    }

    @Test(.enabled(if: ProcessLimits.of(SystemIdentity.processIdentifier) != nil, "this system does not tell limits"))
    func `The two ways to a process's limits agree`() {
        #expect(ProcessLimits.of(SystemIdentity.processIdentifier) == .ofThisProcess)
        #expect(ProcessLimits.of(-1) == nil)
    }

    @Test func `Files, folders and links are told apart, and links are not followed`() throws {
        let folder = try TemporaryDirectory()
        let file = folder.filePath.appending("file")
        try PosixFileSystem().open(file, .create).close()
        let link = folder.filePath.appending("link")
        try FileManager.default.createSymbolicLink(atPath: link.string, withDestinationPath: file.string)
        #expect(try FileOwnership.of(folder.filePath)?.kind == .folder)
        #expect(try FileOwnership.of(link)?.kind == .link)
        #expect(try FileOwnership.of(folder.filePath.appending("none")) == nil)
        let own = try #require(try FileOwnership.of(file))
        #expect(own.kind == .file && own.owner == geteuid() && own.isWritable)
    }
}
