// Links share bytes, so nothing may ever be written into a file that has a second name: a snapshot stays what it is, whatever
// becomes of the log it was made of.

import Daybook
import DaybookModel
import DaybookTesting
import Foundation
import Testing

@Suite struct SnapshotSharingTests {
    @Test func `A snapshot does not change while the source goes on, crashes, loses files and recovers`() async throws {
        let stage = try BackupStage()
        let daybook = try await stage.open()
        try await stage.fill(daybook, 60)
        // A killed writer: nothing is closed, and some of the sealed segments were never flushed by anybody.
        let snapshot = try await stage.backup().snapshot
        let before = try stage.bytes(snapshot)
        try await stage.fill(daybook, 60, from: 60)
        try await daybook.close()
        #expect(try stage.bytes(snapshot) == before)
        for way in 0..<6 {
            switch way {
            case 0: try stage.loseState()
            case 1: try FileManager.default.removeItem(atPath: stage.data + "/watermarks")
            case 2:
                try stage.loseState()
                for path in try stage.segments(stage.data) {
                    try FileManager.default.removeItem(atPath: path.replacing(".log", with: ".sidecar"))
                }
            case 3: try stage.change(try #require(try stage.segments(stage.data).last)) { $0 += Data("torn".utf8) }
            case 4:
                try stage.loseState()
                try FileManager.default.removeItem(atPath: try stage.segments(stage.data)[1])
            default: break
            }
            let daybook = try await stage.open()
            try await stage.fill(daybook, 20, from: 200)
            if way == 5 { try await daybook.deleteTopic("orders") }
            try await daybook.close()
            #expect(try stage.bytes(snapshot) == before, "way \(way)")
        }
        #expect(try await Daybook.verify(snapshot).isClean)
    }

    @Test func `C19 a segment that was closed once never grows again, even when all behind it is lost`() async throws {
        let stage = try BackupStage()
        try await stage.prepare(60)
        let snapshot = try await stage.backup().snapshot
        let before = try stage.bytes(snapshot)
        let paths = try stage.segments(stage.data)
        #expect(try stage.links(paths[1]) == 2)
        // The names of the later ones never reached the disk, nor did the note that they had; the topic has larger segments.
        for path in paths[2...] {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.removeItem(atPath: path.replacing(".log", with: ".sidecar"))
        }
        try FileManager.default.removeItem(atPath: stage.data + "/watermarks")
        try FileManager.default.removeItem(atPath: stage.data + "/orders-0/checkpoint")
        try stage.loseState()
        let daybook = try await stage.open()
        try await daybook.alterTopic("orders", settings: [("segment.bytes", "1MiB")])
        try await stage.fill(daybook, 20, from: 100)
        try await daybook.close()
        #expect(try stage.segments(stage.data).count == 3)
        #expect(try stage.bytes(snapshot) == before)
        #expect(try await Daybook.verify(snapshot).isClean)
        #expect(try await Daybook.verify(stage.data).isClean)
    }
}
