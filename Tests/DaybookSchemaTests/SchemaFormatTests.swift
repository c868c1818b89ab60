// The forms of strings that `format` asks for: examples of the standards and their borders.

import Foundation
import Testing

@testable import DaybookSchema

@Suite("Schema formats")
struct SchemaFormatTests {
    @Test(
        "what has a form and what has not",
        arguments: [
            (
                "date", ["2026-11-25", "2024-02-29", "2000-02-29", "0000-01-01"],
                [
                    "2025-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-05", "26-11-25",
                    "2026-11-25T", "",
                ]
            ),
            (
                "time", ["00:00:00Z", "23:59:59.123456789z", "12:00:00+14:00", "23:59:60Z", "22:59:60-01:00"],
                [
                    "12:00:00", "24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00:00.Z", "12:00:00+1:00", "12:00:00+24:00",
                    "1:00:00Z",
                ]
            ),
            (
                "date-time", ["2026-11-25T08:44:20Z", "1985-04-12t23:20:50.52+00:20"],
                ["2026-11-25", "2026-11-25 08:44:20Z", "2026-11-25T08:44:20", "2026-02-30T00:00:00Z", "2026-11-25T"]
            ),
            (
                "email", ["a@b", "mg.x+y@example.com", "o'neil@example.org"],
                ["", "a", "@b", "a@", "a@b@", ".a@b", "a.@b", "a..b@c", "a b@c", "a@-b", "a@b..c"]
            ),
            (
                "hostname", ["a", "example.com", "x-1.y"],
                ["", "-a", "a-", "a..b", "a_b", String(repeating: "a", count: 64)]
            ),
            (
                "ipv4", ["0.0.0.0", "255.255.255.255"],
                ["256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.", "a.b.c.d"]
            ),
            (
                "ipv6", ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "fe80::a:0", "::ffff:192.0.2.1", "1:2:3:4:5:6:7::"],
                [
                    "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::",
                    ":1:2:3:4:5:6:7",
                    "1:2:3:4:5:6:7:", "::ffff:256.0.2.1", "1:2:3:4:5:6:7:1.2.3.4",
                ]
            ),
            (
                "uri", ["https://a.example/b?c=d%20e#f", "urn:isbn:1", "mailto:a@b", "a:"],
                ["", "/a/b", "1a:b", "http://a b", "a:%zz", "a:%1", "a:<b>", "://a"]
            ),
            (
                "uuid", ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-00000000000A"],
                [
                    "", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400",
                    "g23e4567-e89b-12d3-a456-426614174000",
                ]
            ),
        ])
    func forms(name: String, valid: [String], invalid: [String]) throws {
        let schema = try JSONSchema("{\"format\": \"\(name)\"}".utf8)
        for text in valid { #expect(schema.accepts(.string(text)), "\(text)") }
        for text in invalid { #expect(!schema.accepts(.string(text)), "\(text)") }
        #expect(schema.accepts(.number(1)), "a format asks nothing of what is no string")
    }
}
