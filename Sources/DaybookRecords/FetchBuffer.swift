// Memory for what is read and unpacked, which all who look at it share.
// Where it comes from is `IdleMemory`.

/// Bytes that one read brought from a file, or that one batch unpacks to, shared by all who look at them.
///
/// Safety: written once, before the object is handed to anybody, and never again; freed with the last who holds it.
package final class FetchBuffer: @unchecked Sendable {
    private let block: UnsafeMutableRawBufferPointer
    package let bytes: UnsafeMutableRawBufferPointer

    /// Holds `capacity` bytes, which are whatever was there before.
    package init(capacity: Int) {
        block = IdleMemory.take(capacity)
        bytes = UnsafeMutableRawBufferPointer(rebasing: block[..<capacity])
    }

    deinit { IdleMemory.give(back: block) }
}
