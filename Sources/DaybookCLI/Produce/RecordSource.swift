// What every input format gives to `produce`: records, one after the other, and a sentence when the input is malformed.
// The formats themselves are `LineSource`, `JSONLineSource` and `CSVSource`.

/// A key and a value out of the input.
struct SourceRecord: Equatable {
    var key: [UInt8]?
    var value: [UInt8]
}

/// Takes records from one input. After an error there are no more.
protocol RecordSource {
    /// The next record; nil at the end. Throws `MalformedInput`, `InputInterrupted` or `CommandFailure`.
    mutating func next() throws -> SourceRecord?
}

/// The input is not what it should be. Everything before that place is sound.
struct MalformedInput: Error, Equatable, CustomStringConvertible {
    let file: String
    let line: Int
    /// What is wrong, without a full stop.
    let reason: String

    var description: String { "\(file), line \(line): \(reason)." }
}

/// What no record of ours may exceed: the engine would refuse it, and memory must stay bounded before it gets there.
let largestInputRecord = 64 << 20
