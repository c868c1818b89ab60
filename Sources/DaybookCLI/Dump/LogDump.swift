// One segment file, batch by batch. Goes on behind damage; batches that are whole but out of place, as in compacted logs
// of Kafka's, are shown with a word about it.

import Daybook
import DaybookFiles
import DaybookStorage
import DaybookText
import SystemPackage

/// Shows one `.log` file.
struct LogDump {
    private let file: FilePath
    private let pool: DescriptorPool
    private let showsRecords: Bool
    private let isJSON: Bool
    private let decoder = RecordDecoder()
    private var output: [UInt8] = []
    private var table = StreamedTable(columns: [
        .right("position"), .left("offsets"), .right("records"), .right("size"), .left("codec"), .right("epoch"),
        .left("producer"), .left("first timestamp"), .left("largest timestamp"), .left("kind"), .left("crc"),
    ])

    init(file: FilePath, fileSystem: PosixFileSystem, showsRecords: Bool, isJSON: Bool) {
        self.file = file
        pool = DescriptorPool(fileSystem: fileSystem)
        self.showsRecords = showsRecords
        self.isJSON = isJSON
    }

    mutating func run() throws {
        let log = pool.file(at: file, .read)
        let end = Position(try log.status().size)
        // The name says where the offsets begin; where it is another name, the first batch does.
        let named = file.lastComponent.flatMap { SegmentName.baseOffset(ofLog: $0.string) }
        let first = try named ?? header(log, at: .zero)?.baseOffset ?? .zero
        var walker = BatchWalker(log, to: end, expecting: first)
        while true {
            switch try walker.next() {
            case .end:
                if end == .zero, !isJSON { try StandardStream.output.writeLine("The file is empty.") }
                return try send()
            case .batch(let header, let bytes, let position):
                show(header, at: position, problem: nil, isWhole: true)
                if showsRecords { showRecords(header, bytes, at: position) }
            case .invalid(.bytes(let reason), let position):
                let search = Resynchronisation(
                    file: log, end: end, offsets: walker.expectedOffset..<Offset(.max - 1), index: SegmentIndex())
                let found = try search.next(behind: position)
                try showDamage(log, position..<(found?.position ?? end), end, "\(reason)")
                guard let found else { return try send() }
                walker.seek(to: found.position, expecting: found.header.baseOffset)
            case .invalid(let misplaced, let position):
                guard let header = try header(log, at: position) else { return try send() }
                show(header, at: position, problem: misplaced.description, isWhole: true)
                if showsRecords { try showRecords(header, log, at: position) }
                walker.seek(to: position.advanced(by: header.batchSize), expecting: header.nextOffset)
            }
            if output.count > 64 << 10 || table.rowsCount >= 500 { try send() }
        }
    }

    private func header(_ log: PooledFile, at position: Position) throws(FileError) -> BatchHeader? {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchHeader.size, alignment: 16)
        defer { bytes.deallocate() }
        let count = try log.read(into: bytes, at: position)
        return try? BatchHeader(decoding: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }

    private mutating func send() throws {
        flushTable()
        try StandardStream.output.writeAll(output)
        output.removeAll(keepingCapacity: true)
    }

    private mutating func flushTable() { output.append(contentsOf: table.take().utf8) }

    private mutating func add(_ value: JSONValue) {
        value.append(to: &output)
        output.append(UInt8(ascii: "\n"))
    }

    // MARK: batches

    private mutating func show(_ header: BatchHeader, at position: Position, problem: String?, isWhole: Bool) {
        if isJSON { return add(Self.json(header, file, position, problem, isWhole: isWhole)) }
        let producer = header.producer
        table.addRow([
            position.description, "\(header.baseOffset)..<\(header.nextOffset)", String(header.recordsCount),
            Numbers.grouped(header.batchSize), header.codec.description, header.leaderEpoch.description,
            producer.id == .none
                ? "none" : "\(producer.id.rawValue) epoch \(producer.epoch) sequence \(producer.baseSequence)",
            Self.moment(header.baseTimestamp), Self.moment(header.maxTimestamp), Self.kind(header),
            isWhole ? "ok" : "wrong",
        ])
        if let problem { line("  out of place: \(problem)") }
    }

    private mutating func line(_ text: String) {
        flushTable()
        output.append(contentsOf: (text + "\n").utf8)
    }

    private static func moment(_ timestamp: Timestamp) -> String {
        timestamp == .none ? "none" : MomentText.format(timestamp)
    }

    /// Who stamped the records, and whether the batch belongs to a transaction.
    private static func kind(_ header: BatchHeader) -> String {
        var words = [header.timestampType == .create ? "create" : "append"]
        if header.isTransactional { words.append("transactional") }
        if header.isControl { words.append("control") }
        return words.joined(separator: " ")
    }

    private static func json(
        _ header: BatchHeader, _ file: FilePath, _ position: Position, _ problem: String?, isWhole: Bool
    ) -> JSONValue {
        func moment(_ timestamp: Timestamp) -> JSONValue {
            timestamp == .none ? .null : .string(MomentText.format(timestamp))
        }
        return [
            "file": .string(file.string), "position": .integer(position.rawValue),
            "baseOffset": .integer(header.baseOffset.rawValue), "lastOffset": .integer(header.lastOffset.rawValue),
            "recordsCount": .integer(header.recordsCount), "size": .integer(header.batchSize),
            "codec": .string(header.codec.description), "leaderEpoch": .integer(header.leaderEpoch.rawValue),
            "producerId": .integer(header.producer.id.rawValue), "producerEpoch": .integer(header.producer.epoch),
            "baseSequence": .integer(header.producer.baseSequence), "isTransactional": .bool(header.isTransactional),
            "isControl": .bool(header.isControl),
            "timestampType": .string(header.timestampType == .create ? "CreateTime" : "LogAppendTime"),
            "baseTimestamp": moment(header.baseTimestamp), "maxTimestamp": moment(header.maxTimestamp),
            "crc": .integer(header.crc), "crcOk": .bool(isWhole), "problem": .optional(problem),
        ]
    }

    /// Damaged bytes; where they begin with a header that can be read, that is shown too.
    private mutating func showDamage(
        _ log: PooledFile, _ positions: Range<Position>, _ end: Position, _ reason: String
    ) throws(FileError) {
        if let header = try header(log, at: positions.lowerBound),
            header.batchSize <= positions.lowerBound.distance(to: end)
        {
            show(header, at: positions.lowerBound, problem: nil, isWhole: false)
        }
        if isJSON {
            return add([
                "file": .string(file.string), "position": .integer(positions.lowerBound.rawValue),
                "end": .integer(positions.upperBound.rawValue), "damage": .string(reason),
            ])
        }
        line("  damaged: positions \(positions.lowerBound)..<\(positions.upperBound): \(reason)")
    }

    // MARK: records

    private mutating func showRecords(_ header: BatchHeader, _ log: PooledFile, at position: Position) throws(FileError)
    {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: header.batchSize, alignment: 16)
        defer { bytes.deallocate() }
        guard try log.read(into: bytes, at: position) == bytes.count else { return }
        showRecords(header, UnsafeRawBufferPointer(bytes), at: position)
    }

    private mutating func showRecords(_ header: BatchHeader, _ bytes: UnsafeRawBufferPointer, at position: Position) {
        flushTable()
        var text = output
        output = []
        let (isJSON, file) = (isJSON, file)
        do {
            try decoder.forEachRecord(in: bytes, header) { record in
                if isJSON {
                    Self.json(record, file, position).append(to: &text)
                } else {
                    text.append(contentsOf: Self.text(record, isControl: header.isControl).utf8)
                }
                text.append(UInt8(ascii: "\n"))
            }
        } catch {
            if isJSON {
                let value: JSONValue = [
                    "file": .string(file.string), "position": .integer(position.rawValue),
                    "end": .integer(position.rawValue + header.batchSize), "damage": .string("\(error)"),
                ]
                value.append(to: &text)
                text.append(UInt8(ascii: "\n"))
            } else {
                text.append(contentsOf: "  the records cannot be read: \(error)\n".utf8)
            }
        }
        output = text
    }

    private static func text(_ record: borrowing RecordView, isControl: Bool) -> String {
        var text = "  offset \(record.offset)  \(moment(record.timestamp))"
        if isControl {
            if let loss = LossMarker(key: record.key, value: record.value) {
                return text + "  records lost, bytes in \(loss.copy.isEmpty ? "no file" : loss.copy)"
            }
            let marker = ControlRecord(key: record.key, value: record.value)
            return text + "  " + (marker.map { "\($0.kind), coordinator epoch \($0.coordinatorEpoch)" } ?? "control")
        }
        text +=
            "  key \(RecordPrinter.cell(record.key, width: 40))  value \(RecordPrinter.cell(record.value, width: 120))"
        var headers: [String] = []
        record.forEachHeader { name, value in
            headers.append("\(RecordPrinter.cell(name, width: 40))=\(RecordPrinter.cell(value, width: 40))")
        }
        return headers.isEmpty ? text : text + "  headers \(headers.joined(separator: ", "))"
    }

    private static func json(_ record: borrowing RecordView, _ file: FilePath, _ position: Position) -> JSONValue {
        var headers: [JSONValue] = []
        record.forEachHeader { name, value in
            headers.append(["name": JSONText.value(name), "value": JSONText.value(value)])
        }
        let timestamp: JSONValue =
            record.timestamp == .none ? .null : .string(MomentText.format(record.timestamp))
        return [
            "file": .string(file.string), "batch": .integer(position.rawValue),
            "offset": .integer(record.offset.rawValue), "timestamp": timestamp, "key": JSONText.value(record.key),
            "value": JSONText.value(record.value), "headers": .array(headers),
        ]
    }
}
