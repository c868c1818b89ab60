// What bytes from outside can be thrown at, one target for each place where Daybook takes them: a name, seeds to begin
// with, and a run that breaks when a promise does. Called by `tools/fuzz` and, with the committed corpus, by a test.

/// One place where Daybook reads bytes that it did not write itself a moment ago.
///
/// A run is a function of its bytes alone, and independent of every other run.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Record batches of every codec: checked, decoded, encoded anew, compacted.
    case batches
    /// A `.log` file: opened, recovered, read to the end, verified, appended to, opened again.
    case segment
    /// A sidecar beside segments that are sound.
    case sidecar
    /// The small file of a partition.
    case checkpoint
    /// How the last writer left a directory.
    case state
    /// The registry of topics.
    case topics
    /// What is durable, partition by partition.
    case watermarks
    /// `daybook produce --format csv`.
    case csv
    /// `daybook produce --format jsonl`.
    case json
    /// `daybook produce --format lines`.
    case lines
    /// The fields of Kafka's messages, in any order.
    case fields
    /// What another process sends to the control socket.
    case control
    /// The records of groups, committed offsets and transactions.
    case records

    /// The name of the target, of its folder of seeds and of its folder of failures.
    public var name: String { rawValue }

    /// Inputs that reach far into the code; where a fuzzer begins.
    public var seeds: [[UInt8]] {
        get throws {
            switch self {
            case .batches: try BatchFuzzing.seeds()
            case .segment: try SegmentFuzzing.seeds()
            case .sidecar: try SidecarFuzzing.seeds()
            case .checkpoint: CheckpointFuzzing.seeds()
            case .state: SmallFileFuzzing.stateSeeds()
            case .topics: try SmallFileFuzzing.topicsSeeds()
            case .watermarks: try WatermarkFuzzing.seeds()
            case .csv: TextFuzzing.csvSeeds
            case .json: TextFuzzing.jsonSeeds
            case .lines: TextFuzzing.linesSeeds
            case .fields: FieldFuzzing.seeds()
            case .control: ControlFuzzing.seeds
            case .records: try InternalRecordFuzzing.seeds()
            }
        }
    }

    /// Throws at the target what `bytes` say. Throws `FuzzFinding` where a promise is broken, or whatever the code under
    /// test should not have thrown; traps where that traps. The first byte chooses between ways of using the others.
    public func run(_ bytes: [UInt8]) throws {
        let input = FuzzInput(bytes)
        switch self {
        case .batches: try BatchFuzzing.run(input)
        case .segment: try SegmentFuzzing.run(input)
        case .sidecar: try SidecarFuzzing.run(input)
        case .checkpoint: try CheckpointFuzzing.run(input)
        case .state: try SmallFileFuzzing.runState(input)
        case .topics: try SmallFileFuzzing.runTopics(input)
        case .watermarks: try WatermarkFuzzing.run(input)
        case .csv: try TextFuzzing.runCSV(input)
        case .json: try TextFuzzing.runJSON(input)
        case .lines: try TextFuzzing.runLines(input)
        case .fields: try FieldFuzzing.run(input)
        case .control: try ControlFuzzing.run(input)
        case .records: try InternalRecordFuzzing.run(input)
        }
    }
}

/// A promise that some bytes have broken.
public struct FuzzFinding: Error, CustomStringConvertible {
    public let description: String

    init(_ sentence: String) { description = sentence }
}

/// Bytes for one run: choices, and what they apply to.
struct FuzzInput {
    let choices: UInt8
    let bytes: [UInt8]

    init(_ input: [UInt8]) {
        choices = input.first ?? 0
        bytes = Array(input.dropFirst())
    }

    /// Whether the choice with that number, from 0, is taken.
    func chooses(_ bit: Int) -> Bool { choices >> UInt8(bit) & 1 == 1 }
}

/// Breaks the run unless the promise holds.
func promise(_ holds: Bool, _ broken: @autoclosure () -> String) throws(FuzzFinding) {
    if !holds { throw FuzzFinding(broken()) }
}
