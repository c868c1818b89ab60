// Records as bytes for standard output: bare values, JSON lines, or a table. Works on borrowed views and one buffer, so
// that printing a record allocates next to nothing; the consume loop sends the buffer off now and then.

import Daybook
import DaybookText

/// How `consume` shows records.
enum RecordFormat: String, CaseIterable, Sendable { case value, json, table }

/// Collects what is to be printed.
struct RecordPrinter {
    private let format: RecordFormat
    private(set) var bytes: [UInt8] = []
    private var table: StreamedTable
    private var head: [UInt8] = []
    private var appendTime: (moment: Timestamp, text: [UInt8]) = (.none, Array("null".utf8))
    private var timestamp: (moment: Timestamp, text: [UInt8]) = (.none, Array("null".utf8))
    private let valueWidth: Int

    /// `width`: columns for one line of a table.
    init(_ format: RecordFormat, width: Int) {
        self.format = format
        valueWidth = max(24, width - 62)
        table = StreamedTable(columns: [
            .right("partition"), .right("offset"), .left("timestamp"), .left("key"), .left("value"),
        ])
    }

    /// To be called before the records of another partition.
    mutating func begin(_ partition: TopicPartition) {
        let topic = JSONValue.string(partition.topic.description).text
        head = Array("{\"topic\":\(topic),\"partition\":\(partition.partition),\"offset\":".utf8)
    }

    /// Adds one record.
    mutating func add(_ record: borrowing RecordView, _ partition: TopicPartition, appendTime: Timestamp) {
        switch format {
        case .value:
            if let value = record.value {
                value.withUnsafeBytes { bytes.append(contentsOf: $0) }
            } else {
                bytes.append(contentsOf: "null".utf8)
            }
            bytes.append(UInt8(ascii: "\n"))
        case .json: addJSON(record, appendTime)
        case .table:
            table.addRow([
                String(partition.partition), record.offset.description,
                record.timestamp == .none ? "none" : MomentText.format(record.timestamp),
                Self.cell(record.key, width: 24), Self.cell(record.value, width: valueWidth),
            ])
        }
    }

    /// Whether it is time to send the bytes off.
    var isFull: Bool { bytes.count >= 64 << 10 || table.rowsCount >= 500 }

    /// What has been collected; begins anew.
    mutating func take() -> [UInt8] {
        if format == .table { bytes.append(contentsOf: table.take().utf8) }
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }

    // MARK: JSON

    private mutating func addJSON(_ record: borrowing RecordView, _ appended: Timestamp) {
        bytes.append(contentsOf: head)
        bytes.append(contentsOf: record.offset.description.utf8)
        if timestamp.moment != record.timestamp { timestamp = (record.timestamp, Self.text(record.timestamp)) }
        if appendTime.moment != appended { appendTime = (appended, Self.text(appended)) }
        bytes.append(contentsOf: ",\"timestamp\":".utf8)
        bytes.append(contentsOf: timestamp.text)
        bytes.append(contentsOf: ",\"appendTime\":".utf8)
        bytes.append(contentsOf: appendTime.text)
        bytes.append(contentsOf: ",\"key\":".utf8)
        JSONText.append(record.key, to: &bytes)
        bytes.append(contentsOf: ",\"value\":".utf8)
        JSONText.append(record.value, to: &bytes)
        bytes.append(contentsOf: ",\"headers\":[".utf8)
        if record.headerCount > 0 {
            var isFirst = true
            var text: [UInt8] = []
            record.forEachHeader { name, value in
                text.append(contentsOf: (isFirst ? "{\"name\":" : ",{\"name\":").utf8)
                isFirst = false
                JSONText.append(name, to: &text)
                text.append(contentsOf: ",\"value\":".utf8)
                JSONText.append(value, to: &text)
                text.append(UInt8(ascii: "}"))
            }
            bytes.append(contentsOf: text)
        }
        bytes.append(contentsOf: "]}\n".utf8)
    }

    /// A moment as a JSON string; null where there is none.
    private static func text(_ timestamp: Timestamp) -> [UInt8] {
        Array((timestamp == .none ? "null" : "\"\(MomentText.format(timestamp))\"").utf8)
    }

    /// Bytes as a table shows them: text where they are text, their number where they are not.
    static func cell(_ span: RawSpan?, width: Int) -> String {
        guard let span else { return "null" }
        return span.withUnsafeBytes { bytes in
            // What does not fit is not looked at; a character takes at most a few bytes more than columns.
            let beginning = UnsafeRawBufferPointer(rebasing: bytes.prefix(width * 8))
            guard JSONText.isUTF8(bytes.count == beginning.count ? bytes : beginning.droppingPartialCharacter()) else {
                return "(\(bytes.count) bytes)"
            }
            return DisplayText.shortened(DisplayText.escaped(String(decoding: beginning, as: UTF8.self)), to: width)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Without the bytes of a character that was cut off at the end.
    fileprivate func droppingPartialCharacter() -> UnsafeRawBufferPointer {
        var end = count
        while end > 0, count - end < 3, self[end - 1] & 0xC0 == 0x80 { end -= 1 }
        if end > 0, self[end - 1] >= 0xC0 { end -= 1 } else { end = count }
        return UnsafeRawBufferPointer(rebasing: self[..<end])
    }
}
