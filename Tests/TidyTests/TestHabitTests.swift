// Tests wait for what they wait for, never for a while: a sleep is slow on a fast machine and wrong on a slow one.

import Testing

@Suite("Habits of tests")
struct TestHabitTests {
    @Test("no test sleeps")
    func holds() {
        expectNone(in: Repository.tests, Self.rule)
    }

    @Test("the rule finds sleeps")
    func finds() {
        let path = "Tests/DaybookTests/Some.swift"
        for bad in [
            "try await Task.sleep(for: .seconds(1))", "usleep(10)", "Thread.sleep(forTimeInterval: 1)", "sleep(1)",
        ] {
            #expect(count(Self.rule, in: bad, at: path) == 1, "\(bad)")
        }
        #expect(count(Self.rule, in: "// usleep(10)\nclock.advance(); let sleeper = 1; isAsleep()", at: path) == 0)
    }

    private static func rule(_ file: SourceFile) -> [Finding] {
        file.findings(
            where: { calls(in: $0).contains { ["sleep", "usleep", "nanosleep"].contains($0.name) } },
            "wait for the event itself, not for a while")
    }
}
