// Which texts are topic names by Kafka's rules,
// and what the refusal of the others says.

import DaybookModel
import Testing

@Suite("Topic names")
struct TopicNameTests {
    @Test(
        "what Kafka allows is allowed",
        arguments: [
            "a", "Z", "0", "orders", "erp.orders_v2-eu", "...", ".a", "-", "_", "a..b",
            String(repeating: "x", count: 249),
        ])
    func valid(name: String) throws {
        #expect(try TopicName(name).description == name)
    }

    @Test("every ASCII character is judged as Kafka judges it")
    func characters() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        for code in UInt8(0)..<128 {
            let character = Character(UnicodeScalar(code))
            let name = "a\(character)b"
            if allowed.contains(character) {
                #expect(throws: Never.self, "code \(code)") { try TopicName(name) }
            } else {
                #expect(throws: TopicName.Invalid.character(character, in: name), "code \(code)") {
                    try TopicName(name)
                }
            }
        }
    }

    @Test(
        "characters that only look allowed are refused",
        arguments: ["é", "a\u{301}", "\u{430}", "\u{ff11}", "\r\n", "٣", "🧾"])
    func lookalikes(text: String) {
        #expect(throws: TopicName.Invalid.self) { try TopicName("x" + text) }
    }

    @Test("the length is bounded on both sides")
    func length() {
        #expect(throws: TopicName.Invalid.empty) { try TopicName("") }
        #expect(throws: TopicName.Invalid.tooLong(250)) { try TopicName(String(repeating: "x", count: 250)) }
    }

    @Test("names of folders are reserved", arguments: [".", ".."])
    func reserved(name: String) {
        #expect(throws: TopicName.Invalid.reserved(name)) { try TopicName(name) }
    }

    @Test("every refusal says what is allowed or why")
    func messages() {
        #expect(TopicName.Invalid.empty.description.contains("1 to 249"))
        #expect(TopicName.Invalid.tooLong(300).description.contains("300"))
        #expect(TopicName.Invalid.reserved("..").description.contains("\"..\""))
        let character = TopicName.Invalid.character("/", in: "a/b").description
        #expect(character.contains("\"/\"") && character.contains("\"a/b\"") && character.contains("A-Z"))
    }

    @Test("names that differ in . and _ only collide")
    func collision() throws {
        #expect(try TopicName("a.b_c").collisionKey == TopicName("a_b.c").collisionKey)
        #expect(try TopicName("a.b").collisionKey != TopicName("a-b").collisionKey)
        #expect(try TopicName("a.b") != TopicName("a_b"))
    }

    @Test("names are ordered by their characters")
    func order() throws {
        let names = try ["b", "a", "B", "a.b", "10", "9"].map { try TopicName($0) }
        #expect(names.sorted().map(\.description) == ["10", "9", "B", "a", "a.b", "b"])
    }
}
