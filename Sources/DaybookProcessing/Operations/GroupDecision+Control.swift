// Decisions and what they came to, on the way between two processes. What is refused comes back as an answer, so that its code and
// its place arrive too.

public import Daybook
internal import DaybookModel
internal import DaybookRecords

extension GroupDecision {
    /// The verb at which a group's processor takes decisions.
    static func verb(_ group: String) -> String { "operate-group:\(group)" }

    var controlValue: ControlValue {
        var fields: [String: ControlValue] = ["by": .string(by), "note": .string(note)]
        func add(_ verb: String, _ more: [String: ControlValue] = [:]) {
            fields["operation"] = .string(verb)
            fields.merge(more) { $1 }
        }
        switch operation {
        case .redrive(let id, let filter): add("redrive", ["id": .string(id), "filter": filter.controlValue])
        case .skip(let places): add("skip", ["places": places.controlValue])
        case .replace(let place, let event):
            add("replace", ["place": place.controlValue, "event": event.controlValue])
        case .hold(let key, let partition): add("hold", Self.lane(key, partition))
        case .release(let key, let partition): add("release", Self.lane(key, partition))
        case .retry(let key, let partition): add("retry", Self.lane(key, partition))
        case .resume: add("resume")
        }
        return .fields(fields)
    }

    private static func lane(_ key: [UInt8], _ partition: TopicPartition) -> [String: ControlValue] {
        ["key": HexText.value(key), "partition": partition.controlValue]
    }

    init(controlValue value: ControlValue) throws(DaybookError) {
        func lane() throws(DaybookError) -> ([UInt8], TopicPartition) {
            (try HexText.bytes(value, "key"), try value.field("partition"))
        }
        let operation: Operation
        switch try value.field("operation", as: String.self) {
        case "redrive": operation = .redrive(id: try value.field("id"), try value.field("filter"))
        case "skip": operation = .skip(try value.field("places"))
        case "replace": operation = .replace(try value.field("place"), with: try value.field("event"))
        case "hold":
            let (key, partition) = try lane()
            operation = .hold(key: key, of: partition)
        case "release":
            let (key, partition) = try lane()
            operation = .release(key: key, of: partition)
        case "retry":
            let (key, partition) = try lane()
            operation = .retry(key: key, of: partition)
        case "resume": operation = .resume
        case let other: throw DaybookError(.unknownCommand, "The process knows no operation \"\(other)\" on a group")
        }
        self.init(operation, by: try value.field("by"), note: try value.field("note"))
    }

    /// Carries out a decision that has come as a value, and answers what it came to, or why not.
    static func answer(
        _ value: ControlValue, _ decide: (GroupDecision) async throws -> Outcome
    ) async throws -> ControlValue {
        let decision = try GroupDecision(controlValue: value)
        do { return try await decide(decision).controlValue } catch let error as ProcessingError {
            return [
                "failure": [
                    "code": .string(error.code.description), "message": .string(error.description),
                    "place": error.place.controlValue,
                ]
            ]
        }
    }
}

extension GroupDecision.Outcome {
    var controlValue: ControlValue {
        [
            "places": places.controlValue, "parked": parkedCount.controlValue, "changed": hasChanged.controlValue,
            "replacement": replacement.controlValue,
        ]
    }

    /// Throws what the decision was refused with.
    init(answer value: ControlValue) throws {
        if let failure = try value.field("failure", as: ControlValue?.self) {
            throw ProcessingError(
                ProcessingError.Code(description: try failure.field("code")), try failure.field("message"),
                place: try failure.field("place"))
        }
        places = try value.field("places")
        parkedCount = try value.field("parked")
        hasChanged = try value.field("changed")
        replacement = try value.field("replacement")
    }
}

extension EventPlace: ControlRepresentable {
    public var controlValue: ControlValue {
        ["partition": topicPartition.controlValue, "offset": offset.controlValue]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(try value.field("partition"), try value.field("offset"))
    }
}

extension DeadLetterFilter: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "topic": topic.controlValue, "reason": reason.map { .integer(Int64($0.rawValue)) } ?? .null,
            "types": types.controlValue, "key": key.map { HexText.value($0) } ?? .null, "places": places.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            topic: try value.field("topic"), types: try value.field("types"), places: try value.field("places"))
        if let number = try value.field("reason", as: Int64?.self) {
            reason = UInt8(exactly: number).flatMap { DeadLetterReason(rawValue: $0) }
            guard reason != nil else { throw DaybookError(.invalidRequest, "\(number) is no reason of a dead letter") }
        }
        if try value.field("key", as: String?.self) != nil { key = try HexText.bytes(value, "key") }
    }
}

extension Event: ControlRepresentable {
    /// The headers and the body of its record. An event that cannot be written down as one is sent empty, and refused.
    public var controlValue: ControlValue {
        var headers: [ControlValue] = []
        var body: [UInt8]?
        do throws(EventError) {
            let record = try record()
            headers = record.headers.map { ["name": .string($0.name), "value": HexText.value($0.value ?? [])] }
            if let partitionKey {
                headers.append(["name": "ce_partitionkey", "value": HexText.value(Array(partitionKey.utf8))])
            }
            body = record.value
        } catch {}
        return ["headers": .list(headers), "body": body.map { HexText.value($0) } ?? .null]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        var headers: [RecordHeader] = []
        for header in try value.field("headers", as: [ControlValue].self) {
            headers.append(RecordHeader(try header.field("name"), try HexText.bytes(header, "value")))
        }
        let body = try value.field("body", as: String?.self) == nil ? nil : try HexText.bytes(value, "body")
        do throws(EventError) { try self.init(Record(key: nil, value: body, headers: headers)) } catch {
            throw DaybookError(.invalidRequest, "What was sent is no event: \(error)")
        }
    }
}

/// Bytes as texts of hexadecimal digits.
enum HexText {
    static func value(_ bytes: [UInt8]) -> ControlValue {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return .string(String(decoding: text, as: UTF8.self))
    }

    static func bytes(_ value: ControlValue, _ name: String) throws(DaybookError) -> [UInt8] {
        let text = Array(try value.field(name, as: String.self).utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard index + 1 < text.count, let high = digit(text[index]), let low = digit(text[index + 1]) else {
                throw DaybookError(.invalidRequest, "\"\(name)\": expected pairs of hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
