// The size of the terminal that standard output goes to.
// Everything else about streams is in `StandardStream`.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The terminal, where there is one.
enum Terminal {
    /// How many columns it has; nil where standard output is no terminal.
    static var columns: Int? {
        guard StandardStream.output.isTerminal else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
