// How a test opens a daybook on a disk and at a time of its own.
// A user injects a clock or a simulated disk; other file systems are for tests of this package.

public import Daybook
package import DaybookFiles

extension Configuration {
    /// This configuration with `clock` as the time of day.
    public func with(clock: ManualClock) -> Configuration {
        var configuration = self
        configuration.clock = clock
        return configuration
    }

    /// This configuration on `disk` and with its clock, for the process that runs there now: after the disk's next restart a
    /// daybook opened with it can do nothing any more, and the next one needs a configuration of its own.
    public func with(disk: SimulatedDisk) -> Configuration {
        with(fileSystem: disk.processFileSystem, clock: disk.clock)
    }

    /// This configuration on `fileSystem`, and with `clock` as the time of day where one is given.
    package func with(fileSystem: any FileSystem, clock: ManualClock? = nil) -> Configuration {
        var configuration = self
        configuration.fileSystem = fileSystem
        if let clock { configuration.clock = clock }
        return configuration
    }
}
