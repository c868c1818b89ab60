// How the files of a segment are called: the base offset in twenty digits, as Kafka names them, and what they hold.
// No other file of this layer puts a name together.

package import DaybookModel

/// The file names of a segment.
package enum SegmentName {
    package static let logSuffix = ".log"
    package static let sidecarSuffix = ".sidecar"
    /// Behind the name of a compacted segment, and of its sidecar, until they replace others.
    package static let cleanedSuffix = ".cleaned"

    /// The file of record batches.
    package static func log(_ baseOffset: Offset) -> String { digits(baseOffset) + logSuffix }
    /// The file of what can be derived from them.
    package static func sidecar(_ baseOffset: Offset) -> String { digits(baseOffset) + sidecarSuffix }

    /// The base offset in a `.log` name; nil for every other name.
    package static func baseOffset(ofLog name: String) -> Offset? {
        guard name.hasSuffix(logSuffix) else { return nil }
        let stem = name.dropLast(logSuffix.count)
        guard stem.utf8.count == 20, stem.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(stem) else {
            return nil
        }
        return Offset(value)
    }

    private static func digits(_ offset: Offset) -> String {
        let text = String(offset.rawValue)
        return String(repeating: "0", count: 20 - text.count) + text
    }
}
