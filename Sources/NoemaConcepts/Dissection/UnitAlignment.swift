internal import Foundation
public import NoemaTensor

/// How well single units tell examples that have a label from those that have not: dissection where masks are
/// not known, for images, tables and texts.
///
/// - Source: Bau et al., "Network Dissection", CVPR 2017, with labels in the place of masks; Mann and Whitney,
///   Annals of Mathematical Statistics 1947.
public struct UnitAlignment: Sendable, Hashable, Codable {
  /// The share of examples above a unit's threshold; nil for as many as have the label.
  public var topShare: Double?
  /// The correction over units and labels.
  public var correction = MultipleTesting.benjaminiHochberg

  /// Makes an alignment with the defaults above.
  public init() {}

  /// One unit and one label.
  public struct Pair: Sendable, Hashable, Codable {
    /// The unit.
    public let unit: Int
    /// The label's index.
    public let label: Int
    /// The chance that an example with the label activates the unit more than one without; 0.5 when a side is
    /// missing.
    public let auc: Double
    /// Examples above the threshold that have the label, over those that are one or the other; NaN for a label
    /// without examples.
    public let iou: Double
    /// The two-sided p-value of the AUC, from the normal distribution of ranks with ties; NaN when a side is
    /// missing or the unit is constant.
    public let p: Double
    /// The same, corrected over all units and labels.
    public let pAdjusted: Double
  }

  /// Aligns units with labels.
  ///
  /// - Parameters:
  ///   - activations: examples × units, such as the greatest value of each map.
  ///   - labels: for each label whether each example has it.
  /// - Returns: a pair for each unit and label, labels within units.
  /// - Throws: `ConceptError.mismatch` when labels and examples differ in number, `.parameters` for a share outside
  ///   (0, 1).
  /// - Complexity: n log n for each unit, n for each unit and label.
  public func align(_ activations: PointSet, labels: [[Bool]]) throws(ConceptError) -> [Pair] {
    if let topShare, !(topShare > 0 && topShare < 1) {
      throw ConceptError(
        .parameters("the share of examples above a threshold lies inside (0, 1), found \(topShare)"))
    }
    for (label, marks) in labels.enumerated() where marks.count != activations.count {
      throw ConceptError(
        .mismatch(
          "label \(label) has \(marks.count) marks for \(activations.count) examples; give one for each"))
    }
    let share = topShare
    let columns = try parallelMap(activations.dimension) { unit in
      let ranks = UnitRanks(activations, unit)
      return labels.enumerated().map { label, marks in
        ranks.pair(unit: unit, label: label, marks, topShare: share)
      }
    }
    let pairs = Array(columns.joined())
    return zip(pairs, correction.adjusted(pairs.map(\.p))).map { pair, adjusted in
      Pair(unit: pair.unit, label: pair.label, auc: pair.auc, iou: pair.iou, p: pair.p, pAdjusted: adjusted)
    }
  }
}

/// The order of a unit's activations.
private struct UnitRanks {
  private let values: [Float]
  /// Mid-ranks from 1.
  private let ranks: [Double]
  private let descending: [Float]
  /// `Σ (t³ − t)` over groups of t equal values.
  private let ties: Double

  init(_ activations: PointSet, _ unit: Int) {
    let values = (0..<activations.count).map { activations.values[$0 * activations.dimension + unit] }
    let order = values.indices.sorted { values[$0] < values[$1] }
    var (ranks, ties, start) = ([Double](repeating: 0, count: values.count), 0.0, 0)
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
      let group = Double(end - start)
      ties += group * group * group - group
      start = end
    }
    (self.values, self.ranks, self.ties) = (values, ranks, ties)
    descending = order.reversed().map { values[$0] }
  }

  func pair(unit: Int, label: Int, _ marks: [Bool], topShare: Double?) -> UnitAlignment.Pair {
    let (n, positives) = (Double(marks.count), Double(marks.count { $0 }))
    let negatives = n - positives
    var (auc, p) = (0.5, Double.nan)
    if positives > 0, negatives > 0 {
      let sum = zip(ranks, marks).reduce(0) { $1.1 ? $0 + $1.0 : $0 }
      let wins = sum - positives * (positives + 1) / 2
      auc = wins / (positives * negatives)
      let variance = positives * negatives / 12 * ((n + 1) - ties / (n * max(1, n - 1)))
      if variance > 0 {
        p = erfc(abs(wins - positives * negatives / 2) / variance.squareRoot() / 2.0.squareRoot())
      }
    }
    return UnitAlignment.Pair(
      unit: unit, label: label, auc: auc, iou: iou(marks, positives, topShare), p: p, pAdjusted: .nan)
  }

  private func iou(_ marks: [Bool], _ positives: Double, _ topShare: Double?) -> Double {
    guard positives > 0 else { return .nan }
    let wanted = topShare.map { max(1, Int(($0 * Double(marks.count)).rounded())) } ?? Int(positives)
    let threshold = descending[min(wanted, marks.count) - 1]
    // A unit that is silent on more examples than may fire is held to be silent there.
    let isStrict = threshold == descending[descending.count - 1]
    var (both, either) = (0, 0)
    for (value, mark) in zip(values, marks) {
      let fires = isStrict ? value > threshold : value >= threshold
      if fires && mark { both += 1 }
      if fires || mark { either += 1 }
    }
    return Double(both) / Double(either)
  }
}
