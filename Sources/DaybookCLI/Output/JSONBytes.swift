// Bytes of records as JSON: a string where they are UTF-8, `{"base64":"…"}` where they are not, null where there are
// none. So whatever was stored can be told from what it looks like.

import Daybook
import DaybookText

extension JSONText {
    /// Adds borrowed bytes as JSON. O(count).
    static func append(_ span: RawSpan?, to bytes: inout [UInt8]) {
        guard let span else { return bytes.append(contentsOf: "null".utf8) }
        span.withUnsafeBytes { raw in
            if isUTF8(raw) {
                append(raw.bindMemory(to: UInt8.self), to: &bytes)
            } else {
                bytes.append(contentsOf: "{\"base64\":\"".utf8)
                appendBase64(raw, to: &bytes)
                bytes.append(contentsOf: "\"}".utf8)
            }
        }
    }

    /// The same for small things.
    static func value(_ span: RawSpan?) -> JSONValue {
        guard let span else { return .null }
        return span.withUnsafeBytes { raw in
            if isUTF8(raw) { return .string(String(decoding: raw, as: UTF8.self)) }
            var text: [UInt8] = []
            appendBase64(raw, to: &text)
            return ["base64": .string(String(decoding: text, as: UTF8.self))]
        }
    }

    /// Whether bytes are valid UTF-8.
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        do {
            _ = try UTF8Span(validating: Span(_unsafeBytes: bytes))
            return true
        } catch {
            return false
        }
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Adds bytes in base64 with padding (RFC 4648).
    static func appendBase64(_ raw: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        for start in stride(from: 0, to: raw.count, by: 3) {
            let count = min(3, raw.count - start)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < count ? UInt32(raw[start + index]) : 0) }
            for index in 0..<4 {
                let digit = digits[Int(group >> UInt32(18 - 6 * index) & 63)]
                bytes.append(index <= count ? digit : UInt8(ascii: "="))
            }
        }
    }
}
