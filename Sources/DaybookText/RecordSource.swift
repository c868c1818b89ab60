// What goes into every input format, bytes in pieces, and what comes out: records, one after the other, and a sentence
// when the input is malformed. The formats themselves are `LineSource` and `CSVSource`; `daybook produce` reads with them.

/// A key and a value out of the input.
package struct SourceRecord: Equatable, Sendable {
    package var key: [UInt8]?
    package var value: [UInt8]

    package init(key: [UInt8]?, value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// Bytes in pieces, from a file or from memory.
package protocol ByteSource: AnyObject {
    /// The name for messages.
    var name: String { get }
    /// The next bytes, at least one, valid until the next call; nil at the end.
    func next() throws -> UnsafeRawBufferPointer?
}

/// Takes records from one input. After an error there are no more.
package protocol RecordSource {
    /// The next record; nil at the end. Throws `MalformedInput`, or what the source of bytes throws.
    mutating func next() throws -> SourceRecord?
}

/// The input is not what it should be. Everything before that place is sound.
package struct MalformedInput: Error, Equatable, CustomStringConvertible {
    package let file: String
    package let line: Int
    /// What is wrong, without a full stop.
    package let reason: String

    package var description: String { "\(file), line \(line): \(reason)." }
}

/// What no record of ours may exceed: the engine would refuse it, and memory must stay bounded before it gets there.
package let largestInputRecord = 64 << 20
