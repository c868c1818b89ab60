// Events as an ERP landscape sends them: orders, amendments, invoices, shipments; keyed by order, most of them from few
// customers, 200 bytes to 2 KiB. The same seed gives the same events, so that a run can be compared with what it stored.

/// Generates events, one after the other. Each order's events carry `rev` 1, 2, 3, … in the order in which they happen,
/// and many orders are under way at once.
struct ErpEvents {
    /// The bytes of the event last generated: reused from event to event.
    private(set) var key: [UInt8] = []
    private(set) var value: [UInt8] = []
    /// When the event happened, in milliseconds since 1970.
    private(set) var time: Int64 = 1_767_225_600_000

    private var random: SplitMix
    private var active: [Order] = []
    private var nextOrder = 1
    private var sequence = 0

    private struct Order {
        let number: Int
        let customer: Int
        var linesCount: Int
        var net: Int
        var revision = 0
        var amendmentsLeft: Int
        var isInvoiced = false
    }

    private static let activeOrders = 512
    private static let customers = 5000

    init(seed: UInt64 = 42) { random = SplitMix(state: seed) }

    /// Makes the next event; it is in `key`, `value` and `time` afterwards.
    mutating func next() {
        time += Int64(random.below(60))
        sequence += 1
        while active.count < Self.activeOrders / 4 || (active.count < Self.activeOrders && random.below(3) == 0) {
            active.append(makeOrder())
        }
        let index = Int(random.below(UInt64(active.count)))
        active[index].revision += 1
        let order = active[index]
        key.removeAll(keepingCapacity: true)
        value.removeAll(keepingCapacity: true)
        write(orderNumber: order.number, to: &key)
        if order.revision == 1 {
            writeCreated(order)
        } else if order.amendmentsLeft > 0 {
            active[index].amendmentsLeft -= 1
            writeAmended(order)
        } else if !order.isInvoiced {
            active[index].isInvoiced = true
            writeInvoice(order)
        } else {
            writeShipment(order)
            active.swapAt(index, active.count - 1)
            active.removeLast()
        }
    }

    private mutating func makeOrder() -> Order {
        defer { nextOrder += 1 }
        // The product of two uniform numbers is small most of the time: a few customers order most.
        let skewed =
            random.below(UInt64(Self.customers)) * random.below(UInt64(Self.customers)) / UInt64(Self.customers)
        return Order(
            number: nextOrder, customer: Int(skewed), linesCount: 1 + Int(random.below(10)),
            net: 1000 + Int(random.below(900_000)), amendmentsLeft: Int(random.below(4)) / 2)
    }

    // MARK: JSON

    private static let goods = [
        "bolt M8x40 zinc plated", "bearing 6204-2RS", "gasket DN50 EPDM", "cable 3x1.5 shielded", "filter F7 592x592",
        "valve 1/2 brass",
    ]
    private static let cities = [
        "Berlin\",\"country\":\"DE", "Lyon\",\"country\":\"FR", "Brno\",\"country\":\"CZ", "Leeds\",\"country\":\"GB",
        "Linz\",\"country\":\"AT",
    ]
    private static let carriers = ["DHL", "DPD", "UPS", "GLS"]

    private mutating func head(_ type: String, _ order: Order) {
        add("{\"event_id\":\"")
        addHexadecimal(random.next())
        addHexadecimal(random.next())
        add("\",\"type\":\"")
        add(type)
        add("\",\"order_id\":\"")
        write(orderNumber: order.number, to: &value)
        add("\",\"rev\":")
        add(order.revision)
        add(",\"seq\":")
        add(sequence)
        add(",\"occurred_at_ms\":")
        add(Int(time))
        add(",\"customer_id\":\"C-")
        add(order.customer, digits: 6)
        add("\"")
    }

    private mutating func writeCreated(_ order: Order) {
        head("order.created", order)
        add(",\"currency\":\"EUR\",\"lines\":[")
        for line in 1...order.linesCount {
            if line > 1 { add(",") }
            add("{\"line\":")
            add(line)
            add(",\"sku\":\"SKU-")
            add(Int(random.below(12_000)), digits: 5)
            add("\",\"description\":\"")
            add(pick(Self.goods))
            add("\",\"qty\":")
            add(1 + Int(random.below(200)))
            add(",\"unit_price_minor\":")
            add(5 + Int(random.below(90_000)))
            add(",\"discount_pct\":")
            add(5 * Int(random.below(3)))
            add("}")
        }
        add("],\"net_minor\":")
        add(order.net)
        address("ship_to")
    }

    private mutating func writeAmended(_ order: Order) {
        head("order.amended", order)
        add(",\"line\":")
        add(1 + Int(random.below(UInt64(order.linesCount))))
        add(",\"qty_delta\":")
        add(Int(random.below(20)) - 8)
        add(",\"reason\":\"customer called\"}")
    }

    private mutating func writeInvoice(_ order: Order) {
        head("invoice.issued", order)
        add(",\"invoice_id\":\"INV-")
        add(Int(random.below(100_000_000)), digits: 8)
        add("\",\"currency\":\"EUR\",\"line_count\":")
        add(order.linesCount)
        add(",\"net_minor\":")
        add(order.net)
        add(",\"tax\":[{\"code\":\"V20\",\"rate\":20,\"amount_minor\":")
        add(order.net / 5)
        add("}],\"terms\":\"NET30\",\"pdf\":\"s3://erp-docs/inv/")
        addHexadecimal(random.next())
        add(".pdf\"")
        address("bill_to")
    }

    private mutating func writeShipment(_ order: Order) {
        head("shipment.dispatched", order)
        add(",\"carrier\":\"")
        add(pick(Self.carriers))
        add("\",\"parcels\":[")
        for parcel in 0...Int(random.below(3)) {
            if parcel > 0 { add(",") }
            add("{\"tracking\":\"")
            add(Int(random.below(9_999_999_999)), digits: 10)
            add("\",\"weight_g\":")
            add(200 + Int(random.below(30_000)))
            add("}")
        }
        add("]")
        address("deliver_to")
    }

    private mutating func address(_ field: String) {
        add(",\"")
        add(field)
        add("\":{\"street\":\"Industrieweg ")
        add(1 + Int(random.below(240)))
        add("\",\"postal_code\":\"")
        add(10_000 + Int(random.below(89_999)))
        add("\",\"city\":\"")
        add(pick(Self.cities))
        add("\"}}")
    }

    // MARK: bytes

    private mutating func pick(_ texts: [String]) -> String { texts[Int(random.below(UInt64(texts.count)))] }

    private mutating func add(_ text: String) { value.append(contentsOf: text.utf8) }

    private mutating func add(_ number: Int, digits: Int = 1) { Self.append(number, digits: digits, to: &value) }

    private mutating func addHexadecimal(_ number: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
            value.append(digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    private func write(orderNumber: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "SO-".utf8)
        Self.append(orderNumber, digits: 8, to: &bytes)
    }

    private static func append(_ number: Int, digits: Int, to bytes: inout [UInt8]) {
        if number < 0 { bytes.append(45) }
        var rest = number.magnitude
        var count = 0
        let start = bytes.count
        while rest > 0 || count < digits {
            bytes.append(48 + UInt8(rest % 10))
            rest /= 10
            count += 1
        }
        bytes[start...].reverse()
    }
}

/// A small seeded generator (SplitMix64): quick, and the same on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number in `0..<bound`.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
