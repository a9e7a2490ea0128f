internal import Foundation
internal import Noema

/// What one method found, example after example.
final class MethodOutcome {
  /// The method's name.
  let name: String
  /// What attributions sum to, and what they should where the method says.
  private(set) var sums: [Double] = []
  private(set) var expected: [Double]? = []
  /// The seconds that explaining took.
  private(set) var seconds = 0.0
  /// What the method has to say about examples, by their names.
  private(set) var remarks: [String: String] = [:]
  /// The attributions of the first examples, for pictures.
  private(set) var kept: [[Float]] = []
  /// The shape of one example's attributions.
  private(set) var shape: [Int] = []
  private var values: GrowingFeatures?
  private var standardErrors: GrowingFeatures?
  private let expectedRows: Int
  private let scratch: String?
  private let memory: Int
  private let pictures: Int

  /// Begins empty.
  ///
  /// - Parameters:
  ///   - memory: bytes that arrays may take before they go to the scratch folder.
  ///   - pictures: how many examples are kept for pictures.
  init(_ name: String, examples: Int, memory: Int, scratch: String, pictures: Int) {
    self.name = name
    expectedRows = examples
    self.memory = memory
    self.scratch = scratch
    self.pictures = pictures
  }

  /// Takes the attributions of a batch.
  func add(_ attribution: Attribution, names: [String], seconds: Double) throws {
    let tensor = attribution.values[0], width = tensor.count / max(1, names.count)
    if values == nil {
      shape = Array(tensor.shape.dropFirst())
      values = try store(width)
      if attribution.standardErrors != nil { standardErrors = try store(width) }
    }
    try values!.append(tensor.reshaped(to: [names.count, width]))
    if let errors = attribution.standardErrors?[0] {
      try standardErrors?.append(errors.reshaped(to: [names.count, width]))
    }
    sums += attribution.sums
    if let sums = attribution.expectedSums { expected? += sums } else { expected = nil }
    for (row, remark) in attribution.remarks { remarks[names[row]] = remark }
    self.seconds += seconds
    let all = tensor.elements(as: Float.self)
    for row in names.indices where kept.count < pictures {
      kept.append(Array(all[row * width..<(row + 1) * width]))
    }
  }

  private func store(_ width: Int) throws -> GrowingFeatures {
    try GrowingFeatures(
      columnCount: width, expectedRows: expectedRows, in: width * expectedRows * 4 > memory ? scratch : nil)
  }

  /// Writes the arrays; returns their files' names.
  func write(to folder: ResultFolder, isOnly: Bool) throws -> (values: String, standardErrors: String?) {
    let name = isOnly ? "attributions.npy" : "\(name).npy"
    try write(values!, to: folder.makePath(for: name))
    guard let standardErrors else { return (name, nil) }
    let second = isOnly ? "standard-errors.npy" : "\(self.name).standard-errors.npy"
    try write(standardErrors, to: folder.makePath(for: second))
    return (name, second)
  }

  private func write(_ rows: GrowingFeatures, to path: String) throws {
    let width = shape.reduce(1, *)
    var writer = try NPYWriter(path: path, shape: [sums.count] + shape, elementType: .float32)
    for first in stride(from: 0, to: sums.count, by: 64) {
      let range = first..<min(first + 64, sums.count)
      try writer.append(
        try Tensor(shape: [range.count] + shape, elementType: .float32) {
          try rows.copyBlock(rows: range, columns: 0..<width, to: $0.bindMemory(to: Float.self))
        })
    }
    try writer.finish()
  }

  /// The differences between sums and what they should be.
  var errors: [Double]? { expected.map { zip(sums, $0).map { $0 - $1 } } }

  /// The largest error as a share of the largest sum that was expected, and its example.
  var largestError: (share: Double, example: Int)? {
    guard let errors, let expected,
      let worst = errors.indices.max(by: { abs(errors[$0]) < abs(errors[$1]) })
    else { return nil }
    return (abs(errors[worst]) / max(1e-12, expected.map(abs).max() ?? 0), worst)
  }
}
