internal import Foundation
internal import Noema

/// Which class is explained for each example.
enum TargetChooser {
  /// The classes that the user asked for.
  ///
  /// - Parameters:
  ///   - target: `predicted`, `label`, or the name or index of a class; nil for `predicted`.
  ///   - file: a `.npy` file with an index for each example, in place of `target`.
  ///   - count: the number of classes; nil when it is not known.
  /// - Returns: a class for each example; nil for the network's own answers, which only it knows.
  static func classes(
    target: String?, file: String?, model: LoadedModel, dataset: Dataset, count: Int?
  ) throws -> [Int]? {
    let examples = dataset.examples.count
    if let file { return try indices(of: file, examples: examples, classes: count) }
    switch target ?? "predicted" {
    case "predicted": return nil
    case "label":
      guard let labels = dataset.labels else {
        throw DataError(
          .parameters("--target label needs labels: sub-folders, a label column, or --labels"))
      }
      return try labels.map { try model.classIndex($0, count: count) }
    case let name: return Array(repeating: try model.classIndex(name, count: count), count: examples)
    }
  }

  private static func indices(of path: String, examples: Int, classes: Int?) throws -> [Int] {
    let tensor = try NPYFile.read(path)
    guard tensor.shape == [examples] else {
      throw DataError(.shape(found: tensor.shape, expected: [examples]), at: path)
    }
    let values = tensor.converted(to: .float64).elements(as: Double.self)
    guard values.allSatisfy({ $0 == $0.rounded() && $0 >= 0 && $0 < 1e9 }) else {
      throw DataError(.malformed("class indices must be whole numbers from 0"), at: path)
    }
    let indices = values.map { Int($0) }
    if let classes, let row = indices.firstIndex(where: { $0 >= classes }) {
      throw DataError(
        .malformed(
          "class \(indices[row]) of example \(row) does not exist; the network has classes 0 to \(classes - 1)"
        ),
        at: path)
    }
    return indices
  }
}
