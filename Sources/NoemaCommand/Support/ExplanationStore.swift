internal import Foundation
internal import Noema
// The store's lock is for this package alone.
internal import NoemaData

/// What a job has explained so far, in a folder beside its result: a run that was killed goes on behind it.
///
/// Each batch of each method is a part of its own. Arrays come first, and a part counts from when the file of what is
/// said about it appears under its name, which it does whole. Work under another key is removed.
final class ExplanationStore {
  /// A batch that a method has explained.
  struct Part: Codable {
    /// The examples.
    var rows: Range<Int>
    /// The shape of one example's attributions at each attributed value.
    var shapes: [[Int]]
    /// Whether there are standard errors.
    var hasErrors: Bool
    var outputs, sums: [Double]
    var expected: [Double]?
    /// What the method has to say, by the places in the batch.
    var remarks: [Int: String]
    var seconds: Double
  }

  /// What an array of a part holds.
  enum Content: String { case values, errors }

  /// The examples of a method's batches: those that the first run had, which may decide the last bits of results.
  let batchSizes: [String: Int]
  private let folder: String
  private let lock: StoreLock

  private struct Manifest: Codable {
    var version = 1
    var key: String
    var batchSizes: [String: Int]
  }

  /// Opens the folder of a job, and makes it if need be.
  ///
  /// - Parameters:
  ///   - key: changes whenever results would.
  ///   - largest: the largest batch of each method.
  /// - Throws: `DataError` when another run is at work here, or the folder cannot be written.
  init(folder: String, key: String, largest: [String: Int]) throws {
    try StoreFolder.create(folder)
    lock = try StoreLock(folder: folder)
    self.folder = folder
    let path = "\(folder)/\(Self.manifestName)"
    let found = FileManager.default.contents(atPath: path)
      .flatMap { try? JSONDecoder().decode(Manifest.self, from: $0) }
    if let found, found.version == 1, found.key == key, Set(found.batchSizes.keys) == Set(largest.keys),
      found.batchSizes.allSatisfy({ $1 > 0 && $1 <= largest[$0] ?? 0 })
    {
      batchSizes = found.batchSizes
      return
    }
    batchSizes = largest
    StoreFolder.remove(in: folder, where: Self.isOwn)
    try Self.write(Manifest(key: key, batchSizes: largest), to: path)
  }

  private static let manifestName = "explanations.json"
  private static let prefix = "part-"
  private static let classesName = "part-classes.json"

  private static func isOwn(_ name: String) -> Bool {
    let visible = name.hasPrefix(".") && name.hasSuffix(".partial") ? String(name.dropFirst()) : name
    return visible.hasPrefix(manifestName) || visible.hasPrefix(prefix)
  }

  /// Removes what was stored, and the folder if nothing else is in it.
  func remove() {
    StoreFolder.remove(in: folder) { Self.isOwn($0) || $0 == StoreLock.fileName }
    rmdir(folder)
  }

  /// Removes a store that holds no explanation yet.
  func removeIfEmpty() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let isBegun = names.contains {
      $0.hasPrefix(Self.prefix) && $0.hasSuffix(".json") && $0 != Self.classesName
    }
    if !isBegun { remove() }
  }

  // MARK: Parts

  /// The whole parts of a method from the first example on.
  ///
  /// - Parameter examples: the number of all examples.
  func parts(of method: String, examples: Int) -> [Part] {
    var parts: [Part] = []
    let size = batchSizes[method] ?? max(1, examples)
    for start in stride(from: 0, to: examples, by: size) {
      guard let part: Part = read(path(method, parts.count) + ".json"),
        part.rows == start..<min(start + size, examples), isWhole(part, method, parts.count)
      else { break }
      parts.append(part)
    }
    return parts
  }

  /// Whether the arrays of a part have the shapes that it says; after a power cut they need not.
  private func isWhole(_ part: Part, _ method: String, _ number: Int) -> Bool {
    let contents: [Content] = part.hasErrors ? [.values, .errors] : [.values]
    return part.shapes.enumerated().allSatisfy { value, shape in
      contents.allSatisfy { content in
        let file = try? MappedNPY(path: path(method, number, content, value))
        return file?.shape == [part.rows.count] + shape
      }
    }
  }

  /// Stores a batch.
  func save(
    _ attribution: Attribution, of method: String, number: Int, rows: Range<Int>, seconds: Double
  ) throws -> Part {
    for (value, tensor) in attribution.values.enumerated() {
      try NPYFile.write(tensor, to: path(method, number, .values, value))
    }
    for (value, tensor) in (attribution.standardErrors ?? []).enumerated() {
      try NPYFile.write(tensor, to: path(method, number, .errors, value))
    }
    let part = Part(
      rows: rows, shapes: attribution.values.map { Array($0.shape.dropFirst()) },
      hasErrors: attribution.standardErrors != nil, outputs: attribution.outputs, sums: attribution.sums,
      expected: attribution.expectedSums, remarks: attribution.remarks, seconds: seconds)
    try Self.write(part, to: path(method, number) + ".json")
    return part
  }

  /// An array of a part.
  func array(_ content: Content, of method: String, number: Int, value: Int) throws -> Tensor {
    try NPYFile.read(path(method, number, content, value))
  }

  // MARK: Classes

  /// The network's own answers, where they were found before.
  func classes(examples: Int) -> [Int]? {
    let found: [Int]? = read("\(folder)/\(Self.classesName)")
    return found?.count == examples ? found : nil
  }

  /// Stores the network's own answers.
  func save(classes: [Int]) throws { try Self.write(classes, to: "\(folder)/\(Self.classesName)") }

  // MARK: Files

  private func path(_ method: String, _ number: Int) -> String {
    "\(folder)/\(Self.prefix)\(method)-" + String(format: "%06d", number)
  }

  private func path(_ method: String, _ number: Int, _ content: Content, _ value: Int) -> String {
    path(method, number) + "-\(content.rawValue)-\(value).npy"
  }

  private func read<Value: Decodable>(_ path: String) -> Value? {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return FileManager.default.contents(atPath: path).flatMap { try? decoder.decode(Value.self, from: $0) }
  }

  private static func write(_ value: some Encodable, to path: String) throws {
    try WholeFile.write(Array(try jsonText(value).utf8), to: path)
  }
}
