// The log's own nouns on the way between two processes.
// Answers of commands are beside the commands.

public import DaybookModel

extension Offset: ControlRepresentable {
    public var controlValue: ControlValue { .integer(rawValue) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        let number = try Int64(controlValue: value)
        guard number >= 0 else { throw .notRepresentable("an offset is never negative") }
        self.init(number)
    }
}

extension Timestamp: ControlRepresentable {
    /// Milliseconds since 1970.
    public var controlValue: ControlValue { .integer(rawValue) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(milliseconds: try Int64(controlValue: value))
    }
}

extension ByteCount: ControlRepresentable {
    public var controlValue: ControlValue { .integer(Int64(rawValue)) }
    public init(controlValue value: ControlValue) throws(DaybookError) { self = .bytes(try Int(controlValue: value)) }
}

extension LeaderEpoch: ControlRepresentable {
    public var controlValue: ControlValue { .integer(Int64(rawValue)) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(rawValue: try Int32(controlValue: value))
    }
}

extension TopicName: ControlRepresentable {
    public var controlValue: ControlValue { .string(description) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        let text = try String(controlValue: value)
        do { try self.init(text) } catch { throw .notRepresentable(error.description) }
    }
}

extension TopicPartition: ControlRepresentable {
    /// `orders-0`.
    public var controlValue: ControlValue { .string(description) }
    public init(controlValue value: ControlValue) throws(DaybookError) {
        let text = try String(controlValue: value)
        guard let topicPartition = TopicPartition(folderName: text) else {
            throw .notRepresentable("\"\(text)\" is no partition of a topic")
        }
        self = topicPartition
    }
}

/// What commands answer for each partition.
extension Dictionary: ControlRepresentable where Key == TopicPartition, Value: ControlRepresentable {
    public var controlValue: ControlValue {
        .fields(.init(uniqueKeysWithValues: map { ($0.key.description, $0.value.controlValue) }))
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .fields(let fields) = value else { throw .expected("named values", value) }
        self = [:]
        for (name, value) in fields {
            self[try TopicPartition(controlValue: .string(name))] = try Value(controlValue: value)
        }
    }
}

extension DaybookError: ControlRepresentable {
    /// Code, message and place; the cause stays where it is, its text is in the message.
    public var controlValue: ControlValue {
        [
            "code": .string(code.description), "message": .string(message),
            "partition": topicPartition.controlValue, "offset": offset.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            Code(named: try value.field("code")), try value.field("message"),
            topicPartition: try value.field("partition"), offset: try value.field("offset"))
    }

    /// An error as it is told to whoever asked: those of other layers by their description.
    init(telling error: any Error) {
        switch error {
        case let error as DaybookError: self = error
        case is CancellationError: self.init(.other, "Cancelled; what had been done until then stays done")
        default: self.init(.other, "\(error)")
        }
    }
}
