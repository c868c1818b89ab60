// What two processes send each other: frames, each of a kind and with one value. A frame is four bytes for the length of what
// follows, big-endian, one byte for the kind, and the bytes of the value. This, and the first frame of each side, stays as it is
// in all versions.

/// One frame.
package struct ControlFrame: Hashable, Sendable {
    /// What a frame is for.
    package enum Kind: UInt8, Sendable {
        /// The first one of whoever connects: which versions it speaks.
        case hello = 1
        /// The first one of the running process: which version is spoken, and who it is.
        case welcome = 2
        /// A verb and its arguments.
        case request = 3
        /// How far a request has come; may be missing.
        case progress = 4
        /// What a request came to; the next one may follow.
        case answer = 5
        /// Why a request, or the connection, came to nothing.
        case failure = 6
        /// The connection ends; a request that has not been answered by now has not been begun.
        case goodbye = 7
    }

    package var kind: Kind
    package var value: ControlValue

    package init(_ kind: Kind, _ value: ControlValue) {
        self.kind = kind
        self.value = value
    }

    /// The frame's bytes; nil where they would be more than `limit` without the length.
    package func encoded(limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = [0, 0, 0, 0, kind.rawValue]
        ControlEncoding.append(value, to: &bytes)
        let length = bytes.count - 4
        guard length <= limit else { return nil }
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
        return bytes
    }
}

/// Makes frames of bytes as they arrive, in pieces of any size.
package struct ControlFrameDecoder: Sendable {
    private let limit: Int
    private var bytes: [UInt8] = []
    /// Where the first byte stands that belongs to no frame yet.
    private var head = 0

    /// `limit`: the most bytes that a frame may have without its length.
    package init(limit: Int) { self.limit = limit }

    /// Whether a part of a frame is there.
    package var hasPart: Bool { head < bytes.count }

    /// Takes bytes in. Whoever calls `next` until it returns nil never has more here than a frame and what came with it.
    package mutating func append(_ more: UnsafeRawBufferPointer) {
        if head > 0 {
            bytes.removeFirst(head)
            head = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The next frame; nil when it is not there yet. After an error the bytes are of no more use.
    package mutating func next() throws(ControlMalformed) -> ControlFrame? {
        guard bytes.count - head >= 4 else { return nil }
        let length = bytes[head..<head + 4].reduce(0) { $0 << 8 | Int($1) }
        // Known as soon as the length is: nothing is collected for a frame that will not be taken.
        guard length > 0 else { throw .emptyFrame }
        guard length <= limit else { throw .tooLarge(length, limit: limit) }
        guard bytes.count - head >= 4 + length else { return nil }
        let body = bytes[head + 4..<head + 4 + length]
        guard let first = body.first, let kind = ControlFrame.Kind(rawValue: first) else {
            throw .unknownFrame(body.first ?? 0)
        }
        let frame = ControlFrame(kind, try ControlEncoding.decode(body.dropFirst()))
        head += 4 + length
        return frame
    }
}
