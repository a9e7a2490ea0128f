internal import Foundation
public import NoemaTensor

/// The examples that activate each unit most and least, and how it behaves over the whole data set; from one pass.
///
/// ```swift
/// var top = try TopExamples(units: 512)
/// try capture.stream(images) { activations, done in … try top.add(activations[0], first: done - …) }
/// let best = top.summaries[17].top[0]
/// let box = field.box(row: best.row, column: best.column, height: 224, width: 224)
/// ```
public struct TopExamples: Sendable {
  /// How the positions of a map become one number.
  public enum Reduction: String, Sendable, Codable, CaseIterable {
    /// The greatest.
    case max
    /// Their mean.
    case mean
  }

  /// How much an example activates a unit.
  public struct Example: Sendable, Hashable, Codable {
    /// The example's index.
    public let example: Int
    /// The reduced activation.
    public let value: Double
    /// The position of the greatest activation; the column alone for other than images.
    public let row, column: Int
  }

  /// One unit over the data set.
  public struct Summary: Sendable, Hashable, Codable {
    /// The unit.
    public let unit: Int
    /// The examples of the greatest numbers, the greatest first, the earlier of equals first; none where it is 0.
    public let top: [Example]
    /// The examples of the least numbers, the least first.
    public let bottom: [Example]
    /// The share of positions above 0.
    public let firingRate: Double
    /// The mean, the standard deviation and the greatest value over all positions.
    public let mean, standardDeviation, maximum: Double
    /// `(E a)² / E a²` over all positions: 1 for a constant, near 0 for a unit that rarely fires; NaN for one of zeros.
    public let sparsity: Double
    /// Whether it is 0 everywhere.
    public let isDead: Bool
    /// `(μ_max − μ_rest) / (|μ_max| + |μ_rest|)` of the numbers' means over classes, and the class of the greatest; nil
    /// without labels.
    public let selectivity: Double?
    public let selectedClass: Int?
  }

  /// The number of units.
  public let unitCount: Int
  /// How many examples are kept at either end.
  public let count: Int
  /// How positions become one number.
  public let reduction: Reduction
  private var states: [State]

  /// What is known of a unit so far.
  fileprivate struct State: Sendable {
    var top: [Example] = [], bottom: [Example] = []
    var positions = 0, fired = 0
    var sum = 0.0, squares = 0.0, maximum = -Double.infinity, isZero = true
    var classSums: [Int: Double] = [:], classCounts: [Int: Int] = [:]
  }

  /// Makes room.
  ///
  /// - Throws: `ConceptError.parameters` for fewer than one unit or example.
  public init(units: Int, count: Int = 9, reduction: Reduction = .max) throws(ConceptError) {
    guard units >= 1, count >= 1 else {
      throw ConceptError(.parameters("found \(units) units and \(count) examples of each; give 1 or more"))
    }
    (unitCount, self.count, self.reduction) = (units, count, reduction)
    states = [State](repeating: State(), count: units)
  }

  /// Adds some examples, which follow those before.
  ///
  /// - Parameters:
  ///   - activations: `[examples, units, …]`.
  ///   - first: the index of the first of them.
  ///   - labels: the class of each; none for no selectivity.
  /// - Throws: `ConceptError.mismatch` for another number of units or labels, `.notFinite` with unit and example.
  public mutating func add(_ activations: Tensor, first: Int, labels: [Int] = []) throws(ConceptError) {
    let map = try UnitMaps(activations, units: unitCount)
    guard labels.isEmpty || labels.count == map.examples else {
      throw ConceptError(
        .mismatch("found \(labels.count) labels of \(map.examples) examples; give one for each"))
    }
    try map.checkFinite(activations, first: first)
    let (old, count, reduction) = (states, count, reduction)
    states = try parallelMap(unitCount) { unit in
      var state = old[unit]
      activations.withElements(as: Float.self) { values in
        for row in 0..<map.examples {
          let start = (row * map.units + unit) * map.positions
          let part = UnsafeBufferPointer(rebasing: values[start..<(start + map.positions)])
          state.add(
            part, example: first + row, label: labels.isEmpty ? nil : labels[row], width: map.width, count,
            reduction)
        }
      }
      return state
    }
  }

  /// What is known of each unit.
  public var summaries: [Summary] { states.enumerated().map { $1.summary($0) } }
}

extension TopExamples.State {
  mutating func add(
    _ values: UnsafeBufferPointer<Float>, example: Int, label: Int?, width: Int, _ count: Int,
    _ reduction: TopExamples.Reduction
  ) {
    var (best, sum) = (0, 0.0)
    for (place, value) in values.enumerated() {
      let value = Double(value)
      if values[place] > values[best] { best = place }
      sum += value
      squares += value * value
      if value > 0 { fired += 1 }
      if value != 0 { isZero = false }
    }
    self.sum += sum
    positions += values.count
    maximum = Swift.max(maximum, Double(values[best]))
    let number = reduction == .max ? Double(values[best]) : sum / Double(values.count)
    let found = TopExamples.Example(example: example, value: number, row: best / width, column: best % width)
    if number != 0 { Self.insert(found, into: &top, count) { $0 > $1 } }
    Self.insert(found, into: &bottom, count) { $0 < $1 }
    if let label {
      classSums[label, default: 0] += number
      classCounts[label, default: 0] += 1
    }
  }

  /// Puts an example behind those that come before it, and lets the last one go.
  private static func insert(
    _ found: TopExamples.Example, into list: inout [TopExamples.Example], _ count: Int,
    before: (Double, Double) -> Bool
  ) {
    if list.count == count, let last = list.last, !before(found.value, last.value) { return }
    let place = list.firstIndex { before(found.value, $0.value) } ?? list.count
    list.insert(found, at: place)
    if list.count > count { list.removeLast() }
  }

  func summary(_ unit: Int) -> TopExamples.Summary {
    let n = Double(Swift.max(1, positions))
    let mean = sum / n
    let selected = selectivity()
    return TopExamples.Summary(
      unit: unit, top: top, bottom: bottom, firingRate: Double(fired) / n, mean: mean,
      standardDeviation: Swift.max(0, squares / n - mean * mean).squareRoot(), maximum: maximum,
      sparsity: squares > 0 ? mean * mean / (squares / n) : .nan, isDead: isZero,
      selectivity: selected?.value, selectedClass: selected?.label)
  }

  private func selectivity() -> (value: Double, label: Int)? {
    let labels = classCounts.keys.sorted()
    guard labels.count > 1 else { return nil }
    func mean(_ label: Int) -> Double {
      classSums[label, default: 0] / Double(classCounts[label, default: 1])
    }
    var best = labels[0]
    for label in labels where mean(label) > mean(best) { best = label }
    let rest = labels.filter { $0 != best }
    // In the order of labels, so that sums do not depend on a dictionary.
    let count = rest.reduce(0) { $0 + classCounts[$1, default: 0] }
    let other = rest.reduce(0.0) { $0 + classSums[$1, default: 0] } / Double(count)
    let size = abs(mean(best)) + abs(other)
    return (size > 0 ? (mean(best) - other) / size : 0, best)
  }
}
