// DaybookFiles is the only target that talks to the file system, so that a simulated disk can stand in for all of it; and to
// sockets, which are names in a folder too.

import Testing

@Suite("File access")
struct FileAccessTests {
    @Test("only DaybookFiles calls the C library's file functions")
    func holds() {
        expectNone(in: Repository.sources, Self.rule)
    }

    @Test("the rule finds a call past the seam")
    func finds() {
        #expect(count(Self.rule, in: "let n = pread(descriptor, bytes, 10, 0)") == 1)
        #expect(count(Self.rule, in: "guard fdatasync (descriptor) == 0 else { return }") == 1)
        #expect(count(Self.rule, in: "import Glibc\nlet n = Glibc.open(path, O_RDONLY)") == 1)
        #expect(count(Self.rule, in: "import Glibc\nlet n = read(0, bytes, 10)") == 1)
        #expect(count(Self.rule, in: "import Glibc\nlet n = send(socket, bytes, 10, 0)") == 1)
        #expect(count(Self.rule, in: "umask(0o077)") == 1)
        #expect(count(Self.rule, in: "let file = try FileDescriptor.open(path, .readOnly)") == 1)
    }

    @Test("the rule lets methods of the same name be")
    func leaves() {
        #expect(count(Self.rule, in: "try file.rename(to: path); func fsync() {}; read(from: 3); preadAll(x)") == 0)
        #expect(count(Self.rule, in: "// calls pread(…)\nlet text = \"pread(\"") == 0)
        #expect(count(Self.rule, in: "pread(a, b, c, d)", at: "Sources/DaybookFiles/PosixFile.swift") == 0)
        #expect(count(Self.rule, in: "FileDescriptor.standardInput", at: "Sources/DaybookCLI/Input.swift") == 0)
    }

    /// Names that mean the C function wherever they stand without a receiver.
    private static let plain: Set = [
        "accept4", "chmod", "closedir", "fchmod", "fchmodat", "getpeereid", "getsockopt", "recvfrom", "recvmsg",
        "sendmsg",
        "sendto", "setsockopt", "socketpair", "umask", "fallocate", "fcntl", "fdatasync", "flock", "fstat", "fstatat",
        "fsync", "ftruncate", "lseek",
        "lstat",
        "mkdirat", "mmap", "msync", "munmap", "openat", "opendir", "posix_fadvise", "posix_fallocate", "pread",
        "preadv",
        "pwrite", "pwritev", "readdir", "renameat", "renameat2", "sync_file_range", "syncfs", "unlink", "unlinkat",
    ]

    /// Names that our own functions may have too; they are the C function's only where a C library is imported.
    private static let common: Set = [
        "accept", "bind", "connect", "listen", "recv", "send", "shutdown", "socket",
        "close", "link", "mkdir", "open", "read", "readv", "remove", "rename", "rmdir", "stat", "symlink", "truncate",
        "write", "writev",
    ]

    private static func rule(_ file: SourceFile) -> [Finding] {
        guard let target = file.target, target != "DaybookFiles" else { return [] }
        let importsC = file.imports.contains { ["Glibc", "Musl", "Darwin"].contains($0.module) }
        // The command line reads what a user pipes or names: that is not the log's disk.
        let mayDescribe = target == "DaybookCLI"
        return file.findings(
            where: { line in
                if !mayDescribe, hasWord("FileDescriptor", in: line) { return true }
                return calls(in: line).contains { call in
                    ["", "Glibc.", "Musl.", "Darwin."].contains(call.before)
                        && (plain.contains(call.name) || (importsC && common.contains(call.name)))
                }
            }, "files are reached through DaybookFiles only")
    }
}
