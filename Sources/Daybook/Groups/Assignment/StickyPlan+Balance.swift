// Evenness of a sticky plan: that of an optimal semi-matching, reached by moving partitions along shortest paths from members
// that have too much to members that have too little (Harvey, Ladner, Lovász, Tamir: "Semi-Matchings for Bipartite Graphs
// and Load Balancing", 2006).

extension StickyPlan {
    /// Moves partitions as long as somebody has two more than somebody else who could have one of them, directly or by
    /// passing on one of its own.
    ///
    /// The member with most is always relieved first, by the one with least that it leads to: that takes the fewest moves.
    mutating func balance() {
        // Once nothing can relieve a member, nothing ever will, nor anybody that it leads to: nobody there has less than one
        // fewer than the most, and nothing leads out. What is left is looked through again without them.
        var isSettled = [Bool](repeating: false, count: loads.count)
        while let (richest, least) = extremes(isSettled), least <= loads[richest] - 2 {
            var search = ReliefSearch(from: richest, membersCount: loads.count, classesCount: classes.count)
            if let target = search.run(self, least) {
                for step in search.path(to: target) {
                    give(take(step.topicClass, from: step.source, for: step.target), to: step.target)
                }
            } else {
                for member in search.reached { isSettled[member] = true }
            }
        }
    }

    /// The first of the members with most, and how much those with least have; nil where there is nobody.
    private func extremes(_ isSettled: [Bool]) -> (richest: Int, least: Int)? {
        var extremes: (richest: Int, least: Int)?
        for (member, load) in loads.enumerated() where !isSettled[member] {
            let (richest, least) = extremes ?? (member, load)
            extremes = (load > loads[richest] ? member : richest, min(least, load))
        }
        return extremes
    }
}

/// Looks for the way from a member to the one with least that it leads to, with the fewest partitions taken from whoever had
/// them before.
private struct ReliefSearch {
    /// A partition of a class goes from one member to another.
    struct Step {
        var source: Int
        var topicClass: Int
        var target: Int
    }

    private let source: Int
    /// Members that a way leads to, the source first.
    private(set) var reached: [Int]
    // A step that takes a partition from its former owner has length 1, any other one 0.
    private var memberDistances: [Int]
    private var classDistances: [Int]
    /// By member: the class of the last step to it.
    private var reachedThrough: [Int]
    /// By class: the member that gives up one of its partitions.
    private var takenFrom: [Int]

    init(from source: Int, membersCount: Int, classesCount: Int) {
        self.source = source
        reached = [source]
        memberDistances = [Int](repeating: .max, count: membersCount)
        classDistances = [Int](repeating: .max, count: classesCount)
        reachedThrough = [Int](repeating: -1, count: membersCount)
        takenFrom = [Int](repeating: -1, count: classesCount)
        memberDistances[source] = 0
    }

    /// The member to relieve the source; nil when nobody is reached who has two fewer. `least`: what nobody has less than, at
    /// which the search ends.
    mutating func run(_ plan: borrowing StickyPlan, _ least: Int) -> Int? {
        var (near, far, distance) = ([source], [Int](), 0)
        while !near.isEmpty {
            while let member = near.popLast() {
                guard memberDistances[member] == distance else { continue }
                // On its own distance nobody can be nearer any more.
                if plan.loads[member] == least { return member }
                for holding in plan.holdings[member] where !holding.isEmpty {
                    let length = distance + (holding.new.isEmpty ? 1 : 0)
                    guard length < classDistances[holding.topicClass] else { continue }
                    classDistances[holding.topicClass] = length
                    takenFrom[holding.topicClass] = member
                    for next in plan.classes[holding.topicClass].subscribers where length < memberDistances[next] {
                        if memberDistances[next] == .max { reached.append(next) }
                        memberDistances[next] = length
                        reachedThrough[next] = holding.topicClass
                        if length > distance { far.append(next) } else { near.append(next) }
                        if length == distance, plan.loads[next] == least { return next }
                    }
                }
            }
            // In the order in which they were found, from the end of the list.
            (near, far, distance) = (far.reversed(), [], distance + 1)
        }
        let fewer = reached.filter { plan.loads[$0] <= plan.loads[source] - 2 }
        return fewer.min {
            (plan.loads[$0], memberDistances[$0], $0) < (plan.loads[$1], memberDistances[$1], $1)
        }
    }

    /// The steps to a member that was reached, the last one first.
    func path(to target: Int) -> [Step] {
        var (path, member): ([Step], Int) = ([], target)
        while member != source {
            let topicClass = reachedThrough[member]
            path.append(Step(source: takenFrom[topicClass], topicClass: topicClass, target: member))
            member = takenFrom[topicClass]
        }
        return path
    }
}
