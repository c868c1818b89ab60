// How a test opens a daybook on a disk and at a time of its own.
// A user injects a clock; file systems are for tests of this package.

public import Daybook
package import DaybookFiles

extension Configuration {
    /// This configuration with `clock` as the time of day.
    public func with(clock: ManualClock) -> Configuration {
        var configuration = self
        configuration.clock = clock
        return configuration
    }

    /// This configuration on `fileSystem`, and with `clock` as the time of day where one is given.
    package func with(fileSystem: any FileSystem, clock: ManualClock? = nil) -> Configuration {
        var configuration = self
        configuration.fileSystem = fileSystem
        if let clock { configuration.clock = clock }
        return configuration
    }
}
