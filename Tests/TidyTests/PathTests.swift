// The repository works wherever it is cloned: no file knows the machine it was written on.

import Foundation
import Testing

@Suite("Paths")
struct PathTests {
    @Test("no file names a place on this machine")
    func holds() {
        expectNone(in: Repository.texts) { Self.rule($0, places: Self.places) }
    }

    @Test("the rule finds a place")
    func finds() {
        let rule = { Self.rule($0, places: ["/somewhere/deep/"]) }
        #expect(count(rule, in: "cd /somewhere/deep/daybook", at: "tools/x") == 1)
        #expect(count(rule, in: "cat ../shared/data/file.csv; cat /usr/share/x", at: "tools/x") == 0)
        #expect(count(rule, in: "see /ho" + "me/anna/log", at: "README.md") == 1)
    }

    /// Where this clone stands and who runs the test. A place as short as `/` would be found everywhere.
    private static let places = [
        Repository.root.path(), Repository.root.deletingLastPathComponent().path(),
        FileManager.default.homeDirectoryForCurrentUser.path(),
    ]
    .map { $0.hasSuffix("/") ? $0 : $0 + "/" }
    .filter { $0.count > 3 && !["/tmp/", "/usr/", "/var/", "/opt/", "/etc/", "/dev/"].contains($0) }

    private static func rule(_ file: SourceFile, places: [String]) -> [Finding] {
        file.findings(
            where: { line in
                line.contains("/")
                    && (places.contains(where: line.contains) || line.contains(/(^|[^\w.~])\/(home|Users)\/\w/))
            }, in: \.lines, "a path of one machine")
    }
}
