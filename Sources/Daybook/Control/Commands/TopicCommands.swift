// Creating, altering and deleting a topic, as commands, and a topic as their answer.
// What they do is `Daybook+Topics`.

internal import DaybookModel

/// Creates a topic.
public struct CreateTopic: ControlCommand {
    public static let verb = "create-topic"
    public var name: String
    public var partitions: Int
    /// By Kafka's names; the others are at their defaults.
    public var settings: [String: String]

    public init(_ name: String, partitions: Int = 1, settings: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.settings = settings
    }

    public func run(on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void) async throws -> Topic {
        var configuration = TopicConfiguration()
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { try configuration.set(name, to: value) }
        return try await daybook.createTopic(name, partitions: partitions, configuration: configuration)
    }

    public var controlValue: ControlValue {
        ["name": .string(name), "partitions": partitions.controlValue, "settings": SettingTexts(settings).controlValue]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            try value.field("name"), partitions: try value.field("partitions"),
            settings: try value.field("settings", as: SettingTexts.self).texts)
    }
}

/// Changes settings of a topic, for the records to come.
public struct AlterTopic: ControlCommand {
    public static let verb = "alter-topic"
    public var name: String
    /// By Kafka's names.
    public var settings: [String: String]

    public init(_ name: String, settings: [String: String]) {
        self.name = name
        self.settings = settings
    }

    public func run(on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void) async throws -> Topic {
        let settings = settings.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        return try await daybook.alterTopic(name, settings: settings)
    }

    public var controlValue: ControlValue {
        ["name": .string(name), "settings": SettingTexts(settings).controlValue]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            try value.field("name"), settings: try value.field("settings", as: SettingTexts.self).texts)
    }
}

/// Deletes a topic and all its records.
public struct DeleteTopic: ControlCommand {
    public static let verb = "delete-topic"
    public var name: String

    public init(_ name: String) { self.name = name }

    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> ControlValue {
        try await daybook.deleteTopic(name)
        return .null
    }

    public var controlValue: ControlValue { ["name": .string(name)] }

    public init(controlValue value: ControlValue) throws(DaybookError) { self.init(try value.field("name")) }
}

/// Settings as texts, by name.
private struct SettingTexts: ControlRepresentable {
    let texts: [String: String]

    init(_ texts: [String: String]) { self.texts = texts }

    var controlValue: ControlValue { .fields(texts.mapValues { .string($0) }) }

    init(controlValue value: ControlValue) throws(DaybookError) {
        guard case .fields(let fields) = value else { throw .expected("named values", value) }
        var texts: [String: String] = [:]
        for (name, value) in fields { texts[name] = try String(controlValue: value) }
        self.texts = texts
    }
}

extension Topic: ControlRepresentable {
    public var controlValue: ControlValue {
        let defaults = TopicConfiguration()
        let changed = TopicConfigurationTable.settings.filter { $0.text(configuration) != $0.text(defaults) }
        let settings = Dictionary(uniqueKeysWithValues: changed.map { ($0.name, $0.text(configuration)) })
        return [
            "name": name.controlValue, "partitions": partitionsCount.controlValue,
            "id": .integer(Int64(bitPattern: id)), "created": created.controlValue,
            "settings": SettingTexts(settings).controlValue, "slot": firstSlot.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        var configuration = TopicConfiguration()
        for (name, text) in try value.field("settings", as: SettingTexts.self).texts {
            try configuration.set(name, to: text)
        }
        let count: Int32 = try value.field("partitions")
        guard Self.partitionsCounts.contains(Int(count)) else {
            throw .notRepresentable("\(count) is no partition count")
        }
        self.init(
            name: try value.field("name"), partitionsCount: count,
            id: UInt64(bitPattern: try value.field("id", as: Int64.self)), created: try value.field("created"),
            configuration: configuration, firstSlot: try value.field("slot"))
    }
}
