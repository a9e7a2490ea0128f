internal import Foundation
internal import Noema

/// Which class is explained for each example.
struct TargetChooser {
  private enum Choice {
    case predicted
    case label
    case fixed(Int)
    case given([Int])
  }

  private let choice: Choice
  private let model: LoadedModel
  private let labels: [String]?

  /// Reads what the user asked for.
  ///
  /// - Parameters:
  ///   - target: `predicted`, `label`, or the name or index of a class; nil for `predicted`.
  ///   - file: a `.npy` file with an index for each example, in place of `target`.
  init(target: String?, file: String?, model: LoadedModel, dataset: Dataset) throws {
    self.model = model
    labels = dataset.labels
    if let file {
      choice = .given(try Self.indices(of: file, count: dataset.examples.count))
      return
    }
    switch target ?? "predicted" {
    case "predicted": choice = .predicted
    case "label":
      guard dataset.labels != nil else {
        throw DataError(
          .parameters("--target label needs labels: sub-folders, a label column, or --labels"))
      }
      choice = .label
    case let name: choice = .fixed(try model.classIndex(name))
    }
  }

  /// The classes of some examples, given the network's output for them.
  func classes(_ indices: [Int], output: Tensor) throws -> [Int] {
    switch choice {
    case .predicted: return output.largestIndices()
    case .label:
      return try indices.map { try model.classIndex(labels![$0], count: output.shape[1]) }
    case .fixed(let index): return indices.map { _ in index }
    case .given(let all): return indices.map { all[$0] }
    }
  }

  private static func indices(of path: String, count: Int) throws -> [Int] {
    let tensor = try NPYFile.read(path)
    guard tensor.shape == [count] else {
      throw DataError(.shape(found: tensor.shape, expected: [count]), at: path)
    }
    let values = tensor.converted(to: .float64).elements(as: Double.self)
    guard values.allSatisfy({ $0 == $0.rounded() && $0 >= 0 && $0 < 1e9 }) else {
      throw DataError(.malformed("class indices must be whole numbers from 0"), at: path)
    }
    return values.map { Int($0) }
  }
}
