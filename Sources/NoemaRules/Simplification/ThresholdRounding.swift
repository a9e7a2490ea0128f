internal import Foundation

/// Thresholds as the shortest decimals that leave every value of a table on its side.
///
/// `x ≤ t` may become `x ≤ d` without any change for the table if no value lies between: `d` from `[v, w)`, `v` being
/// the greatest value at most `t`, `w` the least one above. Of the decimals with the fewest digits in that range the
/// nearest to `t` is taken. Where the table has no value on one side, the range ends a hundredth of `t` away.
public struct ThresholdRounding: Sendable {
  /// The distinct values of each feature, ascending.
  private let values: [[Double]]
  private let features: [Feature]

  /// Makes the rounding that is safe for a table.
  public init(_ table: RuleTable) {
    features = table.features
    values = table.features.indices.map { feature in
      guard table.features[feature].levels == nil else { return [] }
      var distinct: [Double] = []
      for value in table.column(feature).filter({ !$0.isNaN }).sorted() where value != distinct.last {
        distinct.append(value)
      }
      return distinct
    }
  }

  /// The shortest threshold that is safe in place of one; levels keep theirs.
  public func rounded(_ threshold: Double, of feature: Int) -> Double {
    guard features.indices.contains(feature), features[feature].levels == nil, abs(threshold) < 1e300 else {
      return threshold
    }
    let values = values[feature]
    // The first value above the threshold.
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] <= threshold { low = middle + 1 } else { high = middle }
    }
    let margin = abs(threshold) / 100
    let left = low > 0 ? values[low - 1] : threshold - margin
    let right = low < values.count ? values[low] : (threshold + margin).nextUp
    return ThresholdRounding.shortest(from: left, below: right, near: threshold)
  }

  /// The decimal of fewest significant digits in `[left, right)`, the nearest to a number in it; of two the lower.
  static func shortest(from left: Double, below right: Double, near target: Double) -> Double {
    let first = Int(log10(max(abs(left), abs(right))).rounded(.down)) + 1
    // Coarser multiples have fewer digits; below the 17th digit, decimals are finer than doubles.
    for exponent in stride(from: first, to: first - 19, by: -1) {
      let coarsest = multiples(exponent, left, right, target, below: Int.max)
      guard let least = coarsest.map({ abs($0.factor) }).min() else { continue }
      var bound = 10
      while bound <= least { bound *= 10 }
      // Finer ones have as few digits where they are small.
      let all = (1...20).reduce(coarsest) { $0 + multiples(exponent - $1, left, right, target, below: bound) }
      return all.filter { abs($0.factor) < bound }.map(\.value)
        .min { (abs($0 - target), $0) < (abs($1 - target), $1) } ?? target
    }
    return target
  }

  /// Multiples of a power of ten in `[left, right)`, without 0 and with a factor of few digits: those at the ends and
  /// those nearest to a number.
  private static func multiples(
    _ exponent: Int, _ left: Double, _ right: Double, _ target: Double, below bound: Int
  ) -> [(factor: Int, value: Double)] {
    // Scaled only roughly; what counts is checked with the number as it will be read.
    let scale = pow(10, Double(-exponent))
    let anchors = [(left * scale).rounded(.up), (target * scale).rounded(), (right * scale).rounded(.down)]
    guard anchors.allSatisfy({ abs($0) < 1e17 }) else { return [] }
    return anchors.flatMap { [Int($0) - 1, Int($0), Int($0) + 1] }.filter { $0 != 0 && abs($0) < bound }
      .compactMap { factor in
        guard let value = Double("\(factor)e\(exponent)"), value >= left, value < right else { return nil }
        return (factor, value)
      }
  }
}

extension Condition {
  func rounded(_ rounding: ThresholdRounding) -> Condition {
    guard case .interval(let lower, let upper) = values else { return self }
    return Condition(
      feature,
      .interval(above: rounding.rounded(lower, of: feature), atMost: rounding.rounded(upper, of: feature)),
      admitsMissing: admitsMissing)
  }
}

extension Term {
  func rounded(_ rounding: ThresholdRounding) -> Term {
    switch self {
    case .atMost(let feature, let threshold, let orMissing):
      .atMost(feature, rounding.rounded(threshold, of: feature), orMissing: orMissing)
    case .above(let feature, let threshold, let orMissing):
      .above(feature, rounding.rounded(threshold, of: feature), orMissing: orMissing)
    default: self
    }
  }
}

extension Clause {
  func rounded(_ rounding: ThresholdRounding) -> Clause {
    Clause(conditions: conditions.map { $0.rounded(rounding) })
  }
}

extension Rule {
  fileprivate func rounded(_ rounding: ThresholdRounding) -> Rule {
    var rule = self
    rule.clause = clause.rounded(rounding)
    return rule
  }
}

extension RuleSet {
  /// The rules with rounded thresholds: every term answers as before for every row of the rounding's table.
  public func roundingThresholds(_ rounding: ThresholdRounding) -> RuleSet {
    with(rules.map { $0.rounded(rounding) })
  }
}

extension RuleList {
  /// The rules with rounded thresholds: every term answers as before for every row of the rounding's table.
  public func roundingThresholds(_ rounding: ThresholdRounding) -> RuleList {
    RuleList(
      unchecked: features, classes: classes, rules: rules.map { $0.rounded(rounding) }, otherwise: otherwise,
      counting: counting)
  }
}

extension DecisionTree {
  /// The tree with rounded thresholds: every question answers as before for every row of the rounding's table.
  public func roundingThresholds(_ rounding: ThresholdRounding) -> DecisionTree {
    DecisionTree(
      unchecked: features, classes: classes,
      nodes: nodes.map { node in
        var node = node
        switch node.split {
        case .term(let term): node.split = .term(term.rounded(rounding))
        case .mOfN(let test): node.split = .mOfN(MOfN(test.m, of: test.literals.map { $0.rounded(rounding) }))
        case .groups, nil: break
        }
        return node
      }, missingPolicy: missingPolicy)
  }
}
