// The records that a benchmark appends, all in memory before the clock starts: from a file of length-prefixed records,
// or generated.

import ArgumentParser
import Daybook
import SystemPackage

/// Records in one buffer: `[u32le key length][key][u32le value length][value]` repeated.
///
/// Safety: the buffer is filled before anybody else sees it and never changed again.
final class BenchData: @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer
    private let offsets: [Int]
    /// Bytes of keys and values.
    let payloadBytes: Int

    var count: Int { offsets.count }

    private init(_ bytes: UnsafeMutableRawBufferPointer, filled: Int, limit: Int) throws {
        self.bytes = bytes
        var offsets: [Int] = []
        var place = 0
        var payload = 0
        while place < filled && offsets.count < limit {
            offsets.append(place)
            for _ in 0..<2 {
                guard place + 4 <= filled else { throw Self.truncated(place) }
                let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
                guard place + 4 + length <= filled else { throw Self.truncated(place) }
                place += 4 + length
                payload += length
            }
        }
        self.offsets = offsets
        payloadBytes = payload
    }

    deinit { bytes.deallocate() }

    private static func truncated(_ place: Int) -> ValidationError {
        ValidationError(
            "The data file does not hold length-prefixed records: the one at byte \(place) is longer than the file.")
    }

    /// Reads at most `limit` records of a file.
    static func load(_ path: String, limit: Int) throws -> BenchData {
        let file: FileDescriptor
        do { file = try FileDescriptor.open(FilePath(path), .readOnly) } catch {
            throw ValidationError("The data file \(path) cannot be opened: \(error).")
        }
        // Nothing was written: a failure to close loses nothing.
        defer { do { try file.close() } catch {} }
        let size = Int(try file.seek(offset: 0, from: .end))
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, size), alignment: 16)
        var filled = 0
        while filled < size {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[filled..<size])
            let count = try file.read(fromAbsoluteOffset: Int64(filled), into: rest)
            if count == 0 { break }
            filled += count
        }
        return try BenchData(bytes, filled: filled, limit: limit)
    }

    /// Makes `count` records of ERP events; with `size` each value is cut or filled up to that many bytes, which keeps
    /// how well it compresses.
    static func generate(_ count: Int, size: Int?) throws -> BenchData {
        var events = ErpEvents()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * ((size ?? 600) + 24))
        var value: [UInt8] = []
        func add(_ field: [UInt8]) {
            withUnsafeBytes(of: UInt32(field.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes += field
        }
        for _ in 0..<count {
            events.next()
            value = events.value
            if let size {
                while value.count < size {
                    events.next()
                    value += events.value
                }
                value.removeLast(value.count - size)
            }
            add(events.key)
            add(value)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
        buffer.copyBytes(from: bytes)
        return try BenchData(buffer, filled: bytes.count, limit: count)
    }

    /// The key and the value of record `index`.
    @inline(__always)
    subscript(index: Int) -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let start = offsets[index]
        let keyCount = Int(bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        let valueStart = start + 4 + keyCount
        let valueCount = Int(bytes.loadUnaligned(fromByteOffset: valueStart, as: UInt32.self))
        return (
            UnsafeRawBufferPointer(start: bytes.baseAddress! + start + 4, count: keyCount),
            UnsafeRawBufferPointer(start: bytes.baseAddress! + valueStart + 4, count: valueCount)
        )
    }
}
