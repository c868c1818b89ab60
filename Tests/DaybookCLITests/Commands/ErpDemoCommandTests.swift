// `daybook demo erp`: the figures as one JSON object and as tables, the contrast, and another number of orders.
// That the figures are right for a thousand orders is tested beside the processing.

import Foundation
import Testing

@Suite("daybook demo erp")
struct ErpDemoCommandTests {
    @Test("a hundred orders as JSON: the counts are those of the closed form")
    func json() throws {
        let object = try Command().run("demo", "--orders", "100", "--json").object()
        #expect(object["events"] as? Int == 121)
        #expect(object["made_twice"] as? Int == 0)
        #expect(object["out_of_order"] as? Int == 0)
        let after = try #require(object["after_redrive"] as? [String: [String: Int]])
        #expect(after.keys.sorted() == ["accounting", "erp-inventory", "logistics"])
        for counts in after.values {
            #expect(counts["succeeded"] == 114)
            #expect(counts["duplicates"] == 7)
            #expect(counts["dead"] == 0)
            #expect(counts["waited"] == 2)
        }
        #expect((object["accounting"] as? [String: Int])?["invoices"] == 100)
        let log = try #require(object["log"] as? [String: Any])
        #expect(log["records"] as? Int == 121)
        #expect(log["revisions"] as? Int == 114)
        #expect(
            log["types"] as? [String: Int] == [
                "crm.order.created.v1": 107, "crm.order.amended.v1": 10, "crm.order.cancelled.v1": 4,
            ])
        #expect((object["naive"] as? [String: Any])?["invoices"] as? Int == 110)
    }

    @Test("for people: tables; what direct calls would have done; and a number of orders that is none")
    func text() throws {
        let text = try Command().run("demo", "erp", "--orders", "130").output
        #expect(text.contains("Before the redrive"))
        #expect(text.contains("Documents made twice: 0."))
        let naive = try Command().run("demo", "erp", "--naive", "--json").object()
        #expect(naive["invoices"] as? Int == 1086)
        #expect(naive["amendments_lost"] as? Int == 20)
        #expect(try Command().run("demo", "erp", "--orders", "0").status != 0)
    }
}
