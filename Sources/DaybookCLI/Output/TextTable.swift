// A table of text for people: columns aligned, two blanks between them. Knows how wide characters are on a terminal,
// and shows control characters instead of sending them there. For programs every command has JSON instead.

/// Rows of cells under a line of titles.
struct TextTable {
    /// One column: its title and the side its cells are moved to.
    struct Column {
        let title: String
        let isRight: Bool

        static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    init(columns: [Column]) { self.columns = columns }

    var isEmpty: Bool { rows.isEmpty }

    /// Adds a row; cells that are missing are empty, cells too many are left out.
    mutating func addRow(_ cells: [String]) {
        rows.append(columns.indices.map { $0 < cells.count ? DisplayText.escaped(cells[$0]) : "" })
    }

    /// The lines of the table, each with its line feed; the titles come first. No line has blanks at its end.
    func render() -> String { render(widths: widths(atLeast: []), hasTitles: true) }

    /// The columns' widths: of the widest cell or the title, or as given where that is more.
    func widths(atLeast least: [Int]) -> [Int] {
        columns.indices.map { column in
            let cells = rows.map { DisplayText.width($0[column]) }.max() ?? 0
            return max(cells, DisplayText.width(columns[column].title), column < least.count ? least[column] : 0)
        }
    }

    /// The lines, with widths that an earlier part of the table may have set.
    func render(widths: [Int], hasTitles: Bool) -> String {
        var text = hasTitles ? line(columns.map(\.title), widths) : ""
        for row in rows { text += line(row, widths) }
        return text
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        var owed = 0
        for (index, cell) in cells.enumerated() {
            let width = DisplayText.width(cell)
            let space = String(repeating: " ", count: widths[index] - width)
            if columns[index].isRight { owed += space.count }
            if !cell.isEmpty {
                line += String(repeating: " ", count: owed) + cell
                owed = 0
            }
            owed += 2 + (columns[index].isRight ? 0 : space.count)
        }
        return line + "\n"
    }
}
