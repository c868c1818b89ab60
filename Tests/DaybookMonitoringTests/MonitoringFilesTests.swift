// The alert rules and the dashboard that Daybook brings: they name only metrics that exist, promtool accepts the rules, and
// each rings when it should and not before.

import DaybookServices
import DaybookTesting
import Foundation
import Testing

@Suite("Alert rules and dashboard")
struct MonitoringFilesTests {
    private static let dashboard = Prometheus.source("../../Sources/DaybookMonitoring/Grafana/daybook.json")

    @Test(arguments: [Prometheus.rules, dashboard])
    func `Every metric that is asked for is one of Daybook's`(file: String) throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let names = Set(text.matches(of: /daybook_[a-z_]+/).map { String($0.output) })
        #expect(names.count >= 7)
        let known = Set(PrometheusRegistry.describedMetrics)
        for name in names {
            // What a histogram comes out as.
            let base = name.replacing(/_(?:bucket|sum|count)$/, with: "")
            #expect(known.contains(base), "\(name)")
        }
    }

    @Test func `The dashboard is JSON with panels that do not lie over each other`() throws {
        struct Dashboard: Decodable {
            struct Place: Decodable, Hashable { var h, w, x, y: Int }
            struct Panel: Decodable {
                var id: Int
                var title: String
                var gridPos: Place
            }
            var panels: [Panel]
        }
        let data = try Data(contentsOf: URL(filePath: Self.dashboard))
        let panels = try JSONDecoder().decode(Dashboard.self, from: data).panels
        #expect(panels.count >= 8)
        #expect(Set(panels.map(\.id)).count == panels.count)
        for (index, panel) in panels.enumerated() {
            for other in panels[(index + 1)...] {
                let (a, b) = (panel.gridPos, other.gridPos)
                let isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
                #expect(isApart, "\(panel.title) and \(other.title)")
            }
        }
    }

    @Test(.enabled(if: Prometheus.folder != nil, Prometheus.absence))
    func `promtool accepts the rules, and each rings when it should`() async throws {
        let directory = try TemporaryDirectory()
        let checked = try await Prometheus.promtool("check", "rules", Prometheus.rules, in: directory.path)
        #expect(checked.status == 0, "\(checked.said)")
        let histories = try String(contentsOfFile: Prometheus.source("daybook.rules.test.yml"), encoding: .utf8)
            .replacing("RULES", with: Prometheus.rules)
        let file = directory.path + "/test.yml"
        try Data(histories.utf8).write(to: URL(filePath: file))
        let tested = try await Prometheus.promtool("test", "rules", file, in: directory.path)
        #expect(tested.status == 0, "\(tested.said)")
        try Data(histories.replacing("800+60x20", with: "100x20").utf8).write(to: URL(filePath: file))
        let milder = try await Prometheus.promtool("test", "rules", file, in: directory.path)
        #expect(milder.status != 0, "the judge can find fault")
    }
}
