// What the tests of this target share: a folder, whole reads and writes of arrays, threads.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Dispatch
import Synchronization
import SystemPackage

extension PooledFile {
    func write(_ bytes: [UInt8], at position: Int = 0) throws(FileError) {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(FileError) in try write(buffer, at: Position(position)) }
        }.get()
    }

    func read(_ count: Int, at position: Int = 0) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try read(into: buffer, at: Position(position)) }
        }.get()
        return Array(bytes[..<done])
    }
}

extension File {
    func writeAll(_ bytes: [UInt8], at position: Int = 0) throws(FileError) {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(FileError) in try writeFully(buffer, at: Position(position)) }
        }.get()
    }

    func readAll(_ count: Int, at position: Int = 0) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try readFully(into: buffer, at: Position(position)) }
        }.get()
        return Array(bytes[..<done])
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws(FileError) -> Void) -> FileError? {
    do throws(FileError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// The index modulo 251, so that no two neighbourhoods look alike.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] { (0..<count).map { UInt8((start + $0) % 251) } }
