// Moving, rewinding, stalled or stopped: what a group's last commits say, rule by rule, and how they are thinned out.

import DaybookModel
import DaybookTesting
import Testing

@testable import Daybook

@Suite("Progress of groups")
struct GroupProgressTests {
    /// Commits at seconds, and how far they had come.
    private func window(_ commits: [(second: Int64, offset: Int64)]) -> CommitWindow {
        CommitWindow(commits.map { CommitSample(time: second($0.second), offset: Offset($0.offset)) })
    }

    private func second(_ number: Int64) -> Timestamp { Timestamp(milliseconds: number * 1000) }

    private func evaluate(
        _ commits: [(second: Int64, offset: Int64)], waitingSince: Int64?, now: Int64
    ) -> GroupProgress {
        .evaluate(window(commits), waiting: waitingSince.map { second($0) }, now: second(now))
    }

    @Test func `Rule 1: silence is no fault while nothing has been waiting for long`() {
        #expect(evaluate([(0, 100)], waitingSince: nil, now: 1_000_000) == .moving)
        #expect(evaluate([(0, 100)], waitingSince: 1000, now: 1059) == .moving)
        #expect(evaluate([(0, 100), (20, 50)], waitingSince: nil, now: 30) == .moving)
        #expect(evaluate([], waitingSince: nil, now: 30) == .moving)
    }

    @Test func `Rule 2: something waits and nobody has committed for a minute`() {
        #expect(evaluate([(0, 100)], waitingSince: 0, now: 60) == .stopped)
        #expect(evaluate([(0, 100), (30, 120), (59, 130)], waitingSince: 0, now: 119) == .stopped)
        #expect(evaluate([(0, 100), (30, 120), (59, 130)], waitingSince: 0, now: 118) == .moving)
        #expect(evaluate([(0, 100), (5, 10)], waitingSince: 0, now: 100) == .stopped, "also after going back")
        #expect(evaluate([], waitingSince: 0, now: 60) == .stopped, "it has never committed")
    }

    @Test func `Rule 3: the group has gone back and is not where it was`() {
        #expect(evaluate([(0, 100), (40, 200), (80, 10)], waitingSince: 0, now: 90) == .rewinding)
        #expect(evaluate([(0, 100), (40, 200), (80, 10), (100, 150)], waitingSince: 0, now: 110) == .rewinding)
        #expect(evaluate([(0, 100), (40, 200), (80, 10), (100, 200)], waitingSince: 0, now: 110) == .moving)
    }

    @Test func `Rule 4: commits come and stay where they are`() {
        let commits = (0...12).map { (second: Int64($0) * 10, offset: Int64(7)) }
        #expect(evaluate(commits, waitingSince: 0, now: 120) == .stalled)
        #expect(evaluate([(0, 6)] + commits.dropFirst(), waitingSince: 0, now: 120) == .stalled)
        #expect(evaluate(commits + [(121, 8)], waitingSince: 0, now: 125) == .moving)
        #expect(evaluate([(0, 6), (70, 7), (115, 7)], waitingSince: 0, now: 120) == .moving, "not for a minute yet")
        #expect(evaluate(commits, waitingSince: 100, now: 120) == .moving, "there was nothing to do until just now")
    }

    @Test func `Rule 5: it gets on, however far it lags behind`() {
        #expect(evaluate((0...20).map { (Int64($0) * 10, Int64($0)) }, waitingSince: 0, now: 205) == .moving)
    }

    @Test func `A clock that is set back accuses nobody`() {
        #expect(evaluate([(1000, 5), (1010, 9)], waitingSince: 990, now: 100) == .moving)
        #expect(evaluate([(1000, 5), (1010, 9)], waitingSince: 0, now: 100) == .moving)
    }

    @Test func `States are ordered from best to worst`() {
        #expect(GroupProgress.allCases == GroupProgress.allCases.sorted())
    }

    @Test func `However often a group commits, the window spans a minute and a half, and says what a full list would`()
    {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            var (time, offset): (Int64, Int64) = (0, 0)
            var all: [CommitSample] = []
            var window = CommitWindow()
            let pace = Int64.random(in: 1...20_000, using: &generator)
            for _ in 0..<Int.random(in: 1...500, using: &generator) {
                time += Int64.random(in: 0...pace, using: &generator)
                offset += Bool.random(using: &generator) ? 0 : Int64.random(in: 0...100, using: &generator)
                if Int.random(in: 0..<100, using: &generator) == 0 {
                    offset = Int64.random(in: 0...offset, using: &generator)
                }
                let sample = CommitSample(time: Timestamp(milliseconds: time), offset: Offset(offset))
                all.append(sample)
                window.add(sample)
            }
            #expect(window.samples.count <= CommitWindow.capacity && window.samples.last == all.last)
            // Every sample is a commit, in their order.
            var rest = all[...]
            for sample in window.samples {
                rest = rest.drop { $0 != sample }
                #expect(rest.popFirst() == sample, "\(window)")
            }
            // As long as nothing fell, the window reaches back far enough.
            let hasFallen = zip(all, all.dropFirst()).contains { $1.offset < $0.offset }
            if !hasFallen, time >= 100_000, let first = window.samples.first {
                #expect(first.time.rawValue <= time - 80_000, "\(window)")
            }
            // A position reached a minute and ten seconds ago is known to be one.
            let unmoved = all.reversed().prefix { $0.offset == all.last?.offset }.last
            let now = Timestamp(milliseconds: time)
            if !hasFallen, let unmoved, unmoved.time.milliseconds(until: now) >= 70_000 {
                #expect(GroupProgress.evaluate(window, waiting: Timestamp(milliseconds: 0), now: now) == .stalled)
            }
            if !hasFallen, let unmoved, unmoved.time.milliseconds(until: now) < 60_000 {
                #expect(GroupProgress.evaluate(window, waiting: Timestamp(milliseconds: 0), now: now) == .moving)
            }
        }
    }
}
