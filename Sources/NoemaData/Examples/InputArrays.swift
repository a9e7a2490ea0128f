internal import Foundation
public import NoemaTensor

/// Ready inputs of a network of several inputs, or of whole numbers such as tokens: an array for each, read whole.
///
/// ```swift
/// let inputs = try InputArrays(path: "reviews.npz", inputs: ["input_ids", "attention_mask"])
/// let batch = inputs.rows(0..<32)   // a tensor for each input, in the type that the file has
/// ```
///
/// To whoever takes examples of one input they show their first array.
public struct InputArrays: ExampleSource {
  /// The inputs' names.
  public let names: [String]
  /// An array for each, examples first.
  public private(set) var arrays: [Tensor]
  /// The label of each example, where the archive has an array `label`, `labels`, `y` or `target` that is no input.
  public private(set) var labels: [String]?
  private let label: String

  /// Puts arrays together.
  ///
  /// - Parameter label: what the examples are called together, such as a file name.
  /// - Throws: ``DataError`` unless all arrays hold the same number of examples, one or more, and finite numbers.
  public init(
    _ arrays: [Tensor], names: [String], labels: [String]? = nil, name label: String
  ) throws(DataError) {
    guard let first = arrays.first, arrays.count == names.count else {
      throw DataError(
        .parameters("\(names.count) inputs need as many arrays, found \(arrays.count)"), at: label)
    }
    for (name, array) in zip(names, arrays) {
      let place = "\(label)[\(name)]"
      guard let count = array.shape.first, count > 0 else { throw DataError(.empty("the array"), at: place) }
      guard count == first.shape[0] else {
        throw DataError(
          .malformed("\(count) examples, but '\(names[0])' has \(first.shape[0])"), at: place)
      }
      if let offset = array.firstNonFinite() {
        let row = max(1, array.count / count)
        throw DataError(
          .notFinite("value \(offset % row) of example \(offset / row) is NaN or infinite; clean the data"),
          at: place)
      }
    }
    (self.arrays, self.names, self.labels, self.label) = (arrays, names, labels, label)
  }

  /// Reads a `.npz` file with an array for each input, or for a single input a `.npy` file.
  ///
  /// - Parameters:
  ///   - names: the inputs.
  ///   - array: the array of a single input; the one of its name, or the only one, when nil.
  /// - Throws: ``DataError`` for other files, and for arrays that are missing or do not fit each other.
  public init(path: String, inputs names: [String], array: String? = nil) throws(DataError) {
    let label = (path as NSString).lastPathComponent, file = path.lowercased()
    guard FileManager.default.fileExists(atPath: path) else { throw DataError(.missingFile, at: path) }
    var arrays: [Tensor] = [], labels: [String]?
    if file.hasSuffix(".npz") {
      let archive = try NPZFile(path: path)
      let isOnly = names.count == 1 && archive.names.count == 1
      let members = names.count == 1 && array != nil ? [array ?? ""] : isOnly ? archive.names : names
      for name in members { arrays.append(try archive.array(named: name)) }
      if let name = archive.names.first(where: { Self.labelNames.contains($0) && !members.contains($0) }) {
        let tensor = try archive.array(named: name)
        if tensor.shape == [arrays.first?.shape.first ?? 0] { labels = Dataset.words(tensor) }
      }
    } else if file.hasSuffix(".npy"), names.count == 1 {
      arrays = [try NPYFile.read(path)]
    } else {
      throw DataError(
        .unsupported(
          names.count == 1
            ? "whole numbers for '\(names.joined())' come from a .npy or .npz file"
            : "several inputs come from a .npz file with the arrays \(names.joined(separator: ", "))"),
        at: path)
    }
    try self.init(arrays, names: names, labels: labels, name: label)
  }

  private static let labelNames = ["label", "labels", "y", "target"]

  /// Some examples, a tensor for each input.
  ///
  /// - Precondition: The range lies within the examples.
  public func rows(_ range: Range<Int>) -> [Tensor] { arrays.map { $0.rows(range) } }

  /// The first examples, or all if there are fewer.
  ///
  /// - Precondition: The count is positive.
  public func prefix(_ count: Int) -> InputArrays {
    guard count < self.count else { return self }
    var part = self
    part.arrays = rows(0..<count)
    part.labels = labels.map { Array($0.prefix(count)) }
    return part
  }

  public var count: Int { arrays[0].shape[0] }
  public var areImages: Bool { false }
  public var exampleShape: [Int] { Array(arrays[0].shape.dropFirst()) }
  public func name(of index: Int) -> String { "\(label)[\(index)]" }
  public func image(at index: Int) throws(DataError) -> Image? { nil }

  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    arrays[0].rows(index..<index + 1).converted(to: .float32).withElements(as: Float.self) {
      _ = target.update(fromContentsOf: $0)
    }
  }

  public func contentHash(of index: Int) throws(DataError) -> String {
    let hashes = rows(index..<index + 1).map { "\($0) " + $0.withBytes(SHA256.hexadecimal) }
    return Array(hashes.joined(separator: "\n").utf8).withUnsafeBytes(SHA256.hexadecimal)
  }
}
