// The contrast of the ERP scenario: what direct calls with plain retries make of the same events.
// The scenario itself is in `ErpScenarioTests`.

import DaybookScenario
import Testing

@Suite("Naive run")
struct NaiveRunTests {
    @Test func `direct calls issue 86 invoices too many and lose 20 amendments`() throws {
        let run = try NaiveRun(ErpOrders.arrivals(1...1000))
        #expect(run.invoices == 1086)
        #expect(run.doubledInvoices == 1086 - 996)
        #expect(run.rejected == 4)
        #expect(run.lostAmendments == 20)
    }
}
