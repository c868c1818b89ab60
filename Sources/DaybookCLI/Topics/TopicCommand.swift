// `daybook topic`: the commands that make, show, change and remove topics. Those that only look attach read-only and
// work beside a live writer; the others are carried out by it, or here where there is none.

import ArgumentParser
import Daybook

/// The group of topic commands.
struct TopicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topic", abstract: "Create, list, describe, alter and delete topics.",
        subcommands: [
            TopicCreate.self, TopicList.self, TopicDescribe.self, TopicAlter.self, TopicDelete.self,
        ])
}

/// The settings given with `--config`.
struct SettingOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A setting of the topic, repeatable. \(SettingOptions.explanation)", valueName: "name=value"),
        transform: OptionValues.pair)
    var config: [(name: String, value: String)] = []

    /// What can be set, for the help.
    private static let explanation =
        "The settings, with their defaults: "
        + TopicConfigurationTable.settings.map { "\($0.name)=\($0.defaultText) (\($0.documentation))" }
        .joined(separator: "; ") + "."

    /// The settings by name; of several for one name the last one counts. Throws where a name or a value is not allowed.
    func texts() throws -> [String: String] {
        var configuration = TopicConfiguration()
        for (name, value) in config { try configuration.set(name, to: value) }
        return Dictionary(config.map { ($0.name, $0.value) }) { $1 }
    }
}

/// `topic create`.
struct TopicCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a topic, and the data directory where there is none yet.")

    @Argument(help: "The topic's name: 1 to 249 of A-Z a-z 0-9 . _ -")
    var name: String
    @Option(help: "How many partitions; this cannot be changed later.")
    var partitions = 1
    @OptionGroup var settings: SettingOptions
    @OptionGroup var data: DataOptions

    func run() async throws {
        let create = CreateTopic(name, partitions: partitions, settings: try settings.texts())
        let topic = try await withAdministration(try data.directory(), Configuration()) { try await $0.perform(create) }
        try StandardStream.output.writeLine(
            "Created topic \(topic.name) with \(counted(Int(topic.partitionsCount), "partition")).")
    }
}

/// `topic alter`.
struct TopicAlter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter", abstract: "Change settings of a topic, for the records to come.")

    @Argument(help: "The topic's name.")
    var name: String
    @OptionGroup var settings: SettingOptions
    @OptionGroup var data: DataOptions

    func validate() throws {
        if settings.config.isEmpty { throw ValidationError("Say what to change: --config name=value.") }
    }

    func run() async throws {
        let alter = AlterTopic(name, settings: try settings.texts())
        let topic = try await withAdministration(try data.directory()) { try await $0.perform(alter) }
        let changes = settings.config.map(\.name).map { name in
            let setting = TopicConfigurationTable.settings.first { $0.name == name }
            return "\(name)=\(setting?.text(topic.configuration) ?? "")"
        }
        try StandardStream.output.writeLine("Topic \(topic.name) has now \(changes.joined(separator: ", ")).")
    }
}

/// `topic delete`.
struct TopicDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a topic and all its records, at once and for good.")

    @Argument(help: "The topic's name.")
    var name: String
    @OptionGroup var data: DataOptions

    func run() async throws {
        _ = try await withAdministration(try data.directory()) { try await $0.perform(DeleteTopic(name)) }
        try StandardStream.output.writeLine("Deleted topic \(name).")
    }
}
