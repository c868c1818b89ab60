// Which kind of file system a folder stands on, by the number that the kernel gives it: some break promises that a log
// builds on, and a person should hear of that before the first record. Asked by the examination of a directory only.

internal import CDaybookShims
package import SystemPackage

#if canImport(Darwin)
    import Darwin
#endif

/// A kind of file system and what a log may expect of it.
package struct FileSystemKind: Hashable, Sendable {
    /// What it means to a log.
    package enum Nature: Hashable, Sendable {
        /// A disk of this machine: locks hold, flushes reach the device.
        case local
        /// Several machines share it: locks and flushes depend on a server.
        case network
        /// A folder of the host that a virtual machine was given: locks and flushes depend on the host.
        case shared
        /// Memory only.
        case volatile
        /// A layer over another file system, as containers have it.
        case layered
        /// A program answers instead of the kernel.
        case program
        /// Has no journal, or none of the properties of a Unix file system.
        case simple
        /// Takes no writes.
        case readOnly
        case unknown
    }

    /// As in `mount`: `ext4`, `nfs`; a hexadecimal number where it is not known here.
    package let name: String
    package let nature: Nature

    package init(name: String, nature: Nature) {
        self.name = name
        self.nature = nature
    }

    /// By the number in Linux' `statfs`.
    package init(magic: UInt32) {
        if let known = Self.byMagic[magic] {
            (name, nature) = known
        } else {
            (name, nature) = ("0x" + String(magic, radix: 16), .unknown)
        }
    }

    /// By the name that Apple systems give it.
    package init(typeName: String) {
        name = typeName
        nature =
            switch typeName {
            case "apfs", "hfs", "ufs", "zfs": .local
            case "nfs", "smbfs", "afpfs", "webdav", "ftp", "acfs": .network
            case "virtiofs": .shared
            case "tmpfs": .volatile
            case "macfuse", "osxfuse", "fuse", "fskit", "lifs": .program
            case "msdos", "exfat", "ntfs", "udf": .simple
            case "cd9660": .readOnly
            default: .unknown
            }
    }

    /// The kind of the file system that `path` stands on. One system call.
    package static func of(_ path: FilePath) throws(FileError) -> FileSystemKind {
        #if canImport(Darwin)
            var status = statfs()
            _ = try checked(.status, path) { path.withPlatformString { statfs($0, &status) } }
            let name = withUnsafeBytes(of: status.f_fstypename) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            return FileSystemKind(typeName: name)
        #else
            var magic: UInt32 = 0
            _ = try checked(.status, path) { path.withPlatformString { daybook_file_system_magic($0, &magic) } }
            return FileSystemKind(magic: magic)
        #endif
    }

    /// From the kernel's `magic.h` and the sources of those that are not in it.
    private static let byMagic: [UInt32: (String, Nature)] = [
        0x0000_EF53: ("ext4", .local), 0x5846_5342: ("xfs", .local), 0x9123_683E: ("btrfs", .local),
        0x2FC1_2FC1: ("zfs", .local), 0xF2F5_2010: ("f2fs", .local), 0xCA45_1A4E: ("bcachefs", .local),
        0x3153_464A: ("jfs", .local), 0x5265_4973: ("reiserfs", .local), 0x0000_3434: ("nilfs2", .local),
        0x0000_6969: ("nfs", .network), 0x0000_517B: ("smb", .network), 0xFF53_4D42: ("cifs", .network),
        0xFE53_4D42: ("smb3", .network), 0x00C3_6400: ("ceph", .network), 0x0116_1970: ("gfs2", .network),
        0x7461_636F: ("ocfs2", .network), 0x4750_4653: ("gpfs", .network), 0x0BD0_0BD0: ("lustre", .network),
        0x5346_414F: ("afs", .network), 0x6B41_4653: ("afs", .network), 0x7375_7245: ("coda", .network),
        0x0102_1997: ("9p", .shared), 0x6A65_6A63: ("virtiofs", .shared), 0x786F_4256: ("vboxsf", .shared),
        0xBACB_ACBC: ("vmhgfs", .shared),
        0x0102_1994: ("tmpfs", .volatile), 0x8584_58F6: ("ramfs", .volatile),
        0x794C_7630: ("overlayfs", .layered), 0x0000_F15F: ("ecryptfs", .layered),
        0x6573_5546: ("fuse", .program),
        0x0000_4D44: ("vfat", .simple), 0x2011_BAB0: ("exfat", .simple), 0x7366_746E: ("ntfs3", .simple),
        0x0000_482B: ("hfsplus", .simple),
        0x7371_7368: ("squashfs", .readOnly), 0xE0F5_E1E2: ("erofs", .readOnly), 0x0000_9660: ("iso9660", .readOnly),
    ]
}
