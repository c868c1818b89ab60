// A table whose rows come bit by bit and are too many to hold: the first rows decide how wide the columns are, later
// ones keep to that where they can. Used by `consume` and `dump`.

/// Rows that are printed in portions.
struct StreamedTable {
    private let columns: [TextTable.Column]
    private var portion: TextTable
    private var widths: [Int] = []
    private(set) var rowsCount = 0

    init(columns: [TextTable.Column]) {
        self.columns = columns
        portion = TextTable(columns: columns)
    }

    /// Adds a row to the portion.
    mutating func addRow(_ cells: [String]) {
        portion.addRow(cells)
        rowsCount += 1
    }

    /// The rows added since the last call as lines; before the very first ones the titles. Begins a new portion.
    mutating func take() -> String {
        guard rowsCount > 0 else { return "" }
        let isFirst = widths.isEmpty
        widths = portion.widths(atLeast: widths)
        defer {
            portion = TextTable(columns: columns)
            rowsCount = 0
        }
        return portion.render(widths: widths, hasTitles: isFirst)
    }
}
