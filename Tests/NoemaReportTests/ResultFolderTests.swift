import Foundation
@testable import NoemaReport
import NoemaTensor
import Testing

/// A fresh folder that is removed afterwards.
private func withFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.path + "/noema-report-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

private func content(_ path: String) -> [String] {
  // Every result has the list of its own files beside what is looked at here.
  ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted().filter {
    $0 != ".noema-files"
  }
}

private struct Interruption: Error {}

@Test func folderAppearsWhole() throws {
  try withFolder { root in
    let place = root + "/deep/out/"
    try ResultFolder.make(at: place) { folder in
      try folder.write("{}", to: "result.json")
      try folder.write([1, 2], to: "figures/a/b.png")
      #expect(content(root + "/deep").allSatisfy { $0.hasSuffix(".partial") })
    }
    #expect(content(root + "/deep") == ["out"])
    #expect(content(place) == ["figures", "result.json"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: place + "figures/a/b.png")) == Data([1, 2]))
  }
}

@Test func failureLeavesNothing() throws {
  try withFolder { root in
    #expect(throws: Interruption.self) {
      try ResultFolder.make(at: root + "/out") { folder in
        try folder.write("{}", to: "result.json")
        throw Interruption()
      }
    }
    #expect(content(root).isEmpty)
  }
}

@Test func earlierResultIsReplacedOnlyByAWholeOne() throws {
  try withFolder { root in
    let place = root + "/out"
    try ResultFolder.make(at: place) { try $0.write("1", to: "result.json") }
    #expect(throws: Interruption.self) {
      try ResultFolder.make(at: place) { folder in
        try folder.write("2", to: "result.json")
        throw Interruption()
      }
    }
    #expect(try String(contentsOfFile: place + "/result.json", encoding: .utf8) == "1")
    try ResultFolder.make(at: place) { folder in
      try folder.write("3", to: "result.json")
      try folder.write("", to: "empty.npy")
    }
    #expect(content(place) == ["empty.npy", "result.json"])
    #expect(content(root) == ["out"])
  }
}

/// A file that somebody put into an earlier result is not lost when the result would be replaced, and a file
/// called result.json alone makes no result.
@Test func foreignFilesInAResultAreKept() throws {
  try withFolder { root in
    for (name, isResult) in [("ours", true), ("theirs", false)] {
      let place = root + "/" + name
      if isResult {
        try ResultFolder.make(at: place) { try $0.write("1", to: "result.json") }
      } else {
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: place + "/result.json"))
      }
      try Data([2]).write(to: URL(fileURLWithPath: place + "/mine.txt"))
      #expect(throws: ReportError(.occupied, at: place)) {
        try ResultFolder.make(at: place) { _ in Issue.record("the body must not run") }
      }
      #expect(content(place) == ["mine.txt", "result.json"])
    }
  }
}

@Test func foreignFilesInSubfoldersOfAResultAreKept() throws {
  try withFolder { root in
    let place = root + "/out"
    try ResultFolder.make(at: place) { try $0.write("1", to: "figures/one.svg") }
    try ResultFolder.make(at: place) { try $0.write("2", to: "figures/one.svg") }
    try Data([2]).write(to: URL(fileURLWithPath: place + "/figures/mine.png"))
    #expect(throws: ReportError(.occupied, at: place)) {
      try ResultFolder.make(at: place) { _ in Issue.record("the body must not run") }
    }
    #expect(FileManager.default.fileExists(atPath: place + "/figures/mine.png"))
  }
}

@Test func unfinishedFoldersAreRemovedOnRequest() throws {
  try withFolder { root in
    let folder = try ResultFolder(at: root + "/out")
    try folder.write("1", to: "result.json")
    // Not all of them: other tests are writing theirs.
    ResultFolder.discardUnfinished(under: root)
    #expect(content(root) == [])
  }
}

@Test func otherFoldersAndFilesAreLeftAlone() throws {
  try withFolder { root in
    let photos = root + "/photos"
    try FileManager.default.createDirectory(atPath: photos, withIntermediateDirectories: true)
    try Data([1]).write(to: URL(fileURLWithPath: photos + "/cat.jpg"))
    for place in [photos, photos + "/cat.jpg"] {
      let error = #expect(throws: ReportError.self) {
        try ResultFolder.make(at: place) { _ in Issue.record("the body must not run") }
      }
      #expect(error?.kind == .occupied && error?.category == .usage)
    }
    // Something that comes to stand there in the meantime is not replaced either.
    let late = root + "/late"
    #expect(throws: ReportError(.occupied, at: late)) {
      try ResultFolder.make(at: late) { folder in
        try folder.write("{}", to: "result.json")
        try FileManager.default.createDirectory(atPath: late + "/mine", withIntermediateDirectories: true)
      }
    }
    #expect(content(root) == ["late", "photos"])
    try FileManager.default.createDirectory(atPath: root + "/empty", withIntermediateDirectories: true)
    try ResultFolder.make(at: root + "/empty") { try $0.write("{}", to: "result.json") }
    #expect(content(root + "/empty") == ["result.json"])
  }
}

@Test(arguments: ["../x", "/etc/x", "", "a/../../x", "a//b", ".", "a/.", "x\u{0}y"])
func namesStayInside(name: String) throws {
  try withFolder { root in
    #expect(throws: ReportError.self) {
      try ResultFolder.make(at: root + "/out") { try $0.write("x", to: name) }
    }
    #expect(content(root).isEmpty)
  }
}

@Test(arguments: ["/", ".", "..", "", "a/.."])
func placesMustHaveAName(path: String) {
  let error = #expect(throws: ReportError.self) { try ResultFolder.make(at: path) { _ in } }
  #expect(error?.category == .usage)
}

@Test func fullDiskIsATypedError() throws {
  try withFolder { root in
    let error = #expect(throws: ReportError.self) {
      try ResultFolder.make(at: root + "/out") { folder in
        // A device that is always full stands in for the disk.
        try FileManager.default.createSymbolicLink(
          atPath: folder.stagingPath + "/result.json", withDestinationPath: "/dev/full")
        try folder.write("{}", to: "result.json")
      }
    }
    #expect(error?.category == .inputOutput)
    #expect(error?.description == "result.json: write failed: No space left on device")
    #expect(content(root).isEmpty)
  }
}
