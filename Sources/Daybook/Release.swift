// Which release of Daybook this is. Processes tell each other.
// Formats on disk have versions of their own.

extension Daybook {
    /// The release, as `major.minor.patch`.
    public static let release = "0.1.0"
}
