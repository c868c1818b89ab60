// The hashes that stand in journals must never change: the vectors are those of xxHash's own test suite.

import DaybookModel
import Testing

@testable import DaybookProcessing

@Suite("Effect keys")
struct EffectKeyTests {
    @Test(
        arguments: [
            ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
            ("Nobody inspects the spammish repetition", 0xfbce_a83c_8a37_8bf1),
        ] as [(String, UInt64)])
    func `hashes are xxHash's`(text: String, hash: UInt64) {
        #expect(XXH64.hash(Array(text.utf8)) == hash)
    }

    @Test func `effect keys and digests tell texts apart`() {
        let keys = (0..<10_000).map { "order:SO-\($0)#1#invoice" }
        #expect(Set(keys.map { EffectID($0) }).count == keys.count)
        #expect(Set(keys.map { PayloadDigest(Array($0.utf8)) }).count == keys.count)
        #expect(PayloadDigest(nil) != PayloadDigest([]))
    }

    @Test func `the index forgets the oldest effect, and keeps the first of two alike`() {
        var index = EffectIndex(capacity: 3)
        func entry(_ number: Int64) -> EffectIndex.Entry {
            EffectIndex.Entry(digest: PayloadDigest(rawValue: UInt64(number)), place: Place(0, Offset(number)))
        }
        for number in 0..<5 { index.insert(EffectID("\(number)"), entry(Int64(number))) }
        #expect(index.inOrder.map(\.1.place.offset) == [2, 3, 4])
        index.insert(EffectID("3"), entry(9))
        #expect(index[EffectID("3")] == entry(3))
        #expect(index[EffectID("1")] == nil)
    }
}
