internal import Foundation
internal import Noema

/// What one method found, over all examples; the arrays stay in the store.
struct MethodOutcome {
  /// The method's name.
  let name: String
  /// Names of the attributed values, where there are several.
  let values: [String]
  /// The shapes of one example's attributions at each value.
  let shapes: [[Int]]
  /// The explained output of each example, what its attributions sum to, and what they should where the method says.
  let outputs, sums: [Double]
  let expected: [Double]?
  /// What the method has to say about examples, by their places.
  let remarks: [Int: String]
  /// The seconds that explaining took.
  let seconds: Double
  private let store: ExplanationStore
  private let parts: [ExplanationStore.Part]

  /// Brings the parts of a method together.
  ///
  /// - Parameters:
  ///   - names: what attributed values are called.
  ///   - parts: all batches in order, one or more.
  init(_ name: String, values names: [String], parts: [ExplanationStore.Part], in store: ExplanationStore) {
    (self.name, self.parts, self.store) = (name, parts, store)
    shapes = parts[0].shapes
    values = names.count == shapes.count ? names : shapes.indices.map { String($0 + 1) }
    outputs = parts.flatMap(\.outputs)
    sums = parts.flatMap(\.sums)
    let known = parts.compactMap(\.expected)
    expected = known.count == parts.count ? known.flatMap { $0 } : nil
    var remarks: [Int: String] = [:]
    for part in parts {
      for (row, remark) in part.remarks { remarks[part.rows.lowerBound + row] = remark }
    }
    self.remarks = remarks
    seconds = parts.reduce(0) { $0 + $1.seconds }
  }

  /// The attributions of the first examples at a value.
  func first(_ count: Int, value: Int) throws -> [[Float]] {
    let width = shapes[value].reduce(1, *)
    var found: [[Float]] = []
    for number in parts.indices where found.count < count {
      let all = try array(.values, number, value).elements(as: Float.self)
      for row in 0..<min(parts[number].rows.count, count - found.count) {
        found.append(Array(all[row * width..<(row + 1) * width]))
      }
    }
    return found
  }

  /// Calls `body` with the attributions at a value, batch after batch, and the places of their examples.
  func forEachBatch(value: Int, _ body: (_ rows: Range<Int>, _ attributions: Tensor) throws -> Void) throws {
    for number in parts.indices { try body(parts[number].rows, try array(.values, number, value)) }
  }

  /// The files of an attributed value.
  struct Files {
    var values: String
    var standardErrors: String?
  }

  /// Writes the arrays, those of a value after each other.
  func write(to folder: ResultFolder, isOnly: Bool) throws -> [Files] {
    var taken: Set<String> = []
    return try values.indices.map { value in
      let part = values.count == 1 ? "" : "." + fileName(values[value], &taken)
      let end = part + ".npy"
      let file = (isOnly ? "attributions" : name) + end
      try write(.values, value, to: folder.makePath(for: file))
      guard parts[0].hasErrors else { return Files(values: file) }
      let errors = (isOnly ? "standard-errors" : name + ".standard-errors") + end
      try write(.errors, value, to: folder.makePath(for: errors))
      return Files(values: file, standardErrors: errors)
    }
  }

  /// A harmless name for a value that no other has.
  private func fileName(_ value: String, _ taken: inout Set<String>) -> String {
    let base = Escape.fileName(value)
    var name = base, number = 2
    while !taken.insert(name).inserted {
      name = "\(base)-\(number)"
      number += 1
    }
    return name
  }

  private func write(_ content: ExplanationStore.Content, _ value: Int, to path: String) throws {
    var writer = try NPYWriter(path: path, shape: [sums.count] + shapes[value], elementType: .float32)
    for number in parts.indices { try writer.append(try array(content, number, value)) }
    try writer.finish()
  }

  private func array(_ content: ExplanationStore.Content, _ number: Int, _ value: Int) throws -> Tensor {
    try store.array(content, of: name, number: number, value: value)
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
