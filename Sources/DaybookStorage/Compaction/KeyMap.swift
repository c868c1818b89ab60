// The newest offset of each key, in a fixed amount of memory however many keys there are: when it is full, compaction
// works with what it has and comes back for the rest.

package import DaybookModel

/// Keys and their newest offsets. Compares whole keys: two keys of one hash are two keys. Not thread-safe.
package struct KeyMap: ~Copyable {
    private let capacity: Int
    private let hash: (UnsafeRawBufferPointer) -> Int
    private var keys: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing; −1 is free. A power of two, at most half full.
    private var table: [Int32]

    private struct Entry {
        var hash: Int
        var start: Int
        var count: Int
        var offset: Offset
    }

    /// A map that takes about `capacity` bytes. `hash` is a test's: everybody else gets one with a random seed, so that
    /// nobody can choose keys that collide.
    package init(capacity: Int, hash: ((UnsafeRawBufferPointer) -> Int)? = nil) {
        self.capacity = capacity
        self.hash =
            hash ?? { bytes in
                var hasher = Hasher()
                hasher.combine(bytes: bytes)
                return hasher.finalize()
            }
        table = [Int32](repeating: -1, count: 64)
    }

    package var count: Int { entries.count }

    /// Bytes in use.
    package var size: Int { keys.count + entries.count * MemoryLayout<Entry>.stride + table.count * 4 }

    /// Whether no more keys should be added. The first ones are taken whatever they need.
    package var isFull: Bool { size >= capacity && !entries.isEmpty }

    /// Notes that `key` was written at `offset`, which is higher than all before. Amortised O(bytes of the key).
    package mutating func note(_ key: UnsafeRawBufferPointer, at offset: Offset) {
        let code = hash(key)
        let slot = slot(of: key, code)
        if table[slot] >= 0 {
            entries[Int(table[slot])].offset = offset
            return
        }
        table[slot] = Int32(entries.count)
        entries.append(Entry(hash: code, start: keys.count, count: key.count, offset: offset))
        keys.append(contentsOf: key)
        if entries.count * 2 > table.count { grow() }
    }

    /// The newest offset of `key`; nil for one that has not been noted. O(bytes of the key).
    package func newest(of key: UnsafeRawBufferPointer) -> Offset? {
        let entry = table[slot(of: key, hash(key))]
        return entry >= 0 ? entries[Int(entry)].offset : nil
    }

    /// Forgets everything; keeps the memory.
    package mutating func removeAll() {
        keys.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        for index in table.indices { table[index] = -1 }
    }

    /// Where `key` is, or where it belongs.
    private func slot(of key: UnsafeRawBufferPointer, _ code: Int) -> Int {
        let mask = table.count - 1
        // The low bits of a bad hash are spread over all of them.
        var slot = (code ^ (code >> 32)) & mask
        while table[slot] >= 0 {
            let entry = entries[Int(table[slot])]
            if entry.hash == code, entry.count == key.count, isEqual(entry, key) { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isEqual(_ entry: Entry, _ key: UnsafeRawBufferPointer) -> Bool {
        keys.withUnsafeBytes { bytes in
            UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.start + entry.count]).elementsEqual(key)
        }
    }

    private mutating func grow() {
        table = [Int32](repeating: -1, count: table.count * 2)
        let mask = table.count - 1
        for (index, entry) in entries.enumerated() {
            var slot = (entry.hash ^ (entry.hash >> 32)) & mask
            while table[slot] >= 0 { slot = (slot + 1) & mask }
            table[slot] = Int32(index)
        }
    }
}
