import Foundation
import NoemaConcepts
import NoemaData

/// A folder that is removed when the test ends.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("noema-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], to name: String) throws {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    let parent = file.deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  func write(_ image: Image, to name: String) throws { try write(PNGFile.encode(image), to: name) }

  /// Writes examples of a generated concept to a folder within.
  func fill(
    _ folder: String, with name: String, _ indices: Range<Int>, size: Int = 32, seed: UInt64 = 7
  ) throws {
    let generator = try ConceptCatalog.generator(named: name)
    for index in indices {
      try write(generator.image(at: index, seed: seed, size: size), to: "\(folder)/\(name)\(index).png")
    }
  }

  func entries(_ folder: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()
  }
}
