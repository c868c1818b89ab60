// A child process that is killed, signal 9, by a timer of its own, at a moment that has nothing to do with what it does.
// The test and its child share a folder; what the child works with is passed by the environment, which an exit test inherits.

import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One suite's children. `name` keeps their environment apart from that of other suites, which run at the same time.
struct DoomedProcess {
    private let directoryVariable: String
    private let delayVariable: String

    init(_ name: String) {
        directoryVariable = "DAYBOOK_\(name)_DIRECTORY"
        delayVariable = "DAYBOOK_\(name)_MICROSECONDS"
    }

    /// In the test: the next child works in `directory` and lives for so many microseconds.
    func prepare(_ directory: String, microseconds: UInt32) {
        setenv(directoryVariable, directory, 1)
        setenv(delayVariable, "\(microseconds)", 1)
    }

    /// In the child: starts the timer and returns the directory; nil in a process that is none of these children.
    func begin() -> String? {
        let environment = ProcessInfo.processInfo.environment
        guard let directory = environment[directoryVariable],
            let delay = environment[delayVariable].flatMap({ UInt32($0) })
        else { return nil }
        signal(SIGALRM) { _ in kill(getpid(), SIGKILL) }
        var timer = itimerval()
        timer.it_value.tv_usec = __suseconds_t(delay)
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
        return directory
    }

    /// In the child: a line for the test, written before the child may be killed.
    func tell(_ line: String, in directory: String) {
        let file = open(directory + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o644)
        _ = (line + "\n").withCString { write(file, $0, strlen($0)) }
        close(file)
    }

    /// In the test: the lines of all children so far. The last one may be half written.
    func lines(in directory: String) -> [Substring] {
        let text = (try? String(contentsOfFile: directory + "/acknowledged", encoding: .utf8)) ?? ""
        return text.split(separator: "\n")
    }
}
