/// Whether rules learnt with other seeds or from resampled data are the same rules.
public struct RuleStability: Sendable, Hashable, Codable {
  /// How alike two rule sets are.
  public struct Pair: Sendable, Hashable, Codable {
    /// The indices of the two.
    public let first: Int
    /// The other one.
    public let second: Int
    /// The share of examples with the same class (*consistency*).
    public let agreement: Estimate
    /// Intersection over union of the examples that each gives a class, mean over the classes that either names.
    public let behaviour: Double
    /// Intersection over union of their terms; two terms match when they ask the same of one feature and at most
    /// `tolerance` of the data lies between their thresholds.
    public let terms: Double
    /// Intersection over union of the features they read.
    public let features: Double
  }

  /// Every pair of rule sets.
  public let pairs: [Pair]

  /// The mean over pairs of agreement, behaviour, terms and features; nil of fewer than two rule sets.
  public var means: (agreement: Double, behaviour: Double, terms: Double, features: Double)? {
    guard !pairs.isEmpty else { return nil }
    func mean(_ figure: (Pair) -> Double) -> Double {
      pairs.reduce(0) { $0 + figure($1) } / Double(pairs.count)
    }
    return (mean(\.agreement.value), mean(\.behaviour), mean(\.terms), mean(\.features))
  }

  /// Compares rules in pairs on the same data.
  ///
  /// - Parameters:
  ///   - models: rules over the same features and classes.
  ///   - table: the data.
  ///   - tolerance: the share of the data that may lie between matching thresholds.
  /// - Throws: `RuleError` when the features or classes are not the same.
  public init(
    _ models: [any RuleModel], on table: RuleTable, tolerance: Double = 0.05
  ) throws(RuleError) {
    guard let classes = models.first?.classes else {
      pairs = []
      return
    }
    var answers: [[Int]] = []
    for (index, model) in models.enumerated() {
      guard model.classes == classes else {
        throw RuleError(.malformed("rule set \(index) has the classes \(model.classes), not \(classes)"))
      }
      answers.append(try model.labels(on: table))
    }
    let ranks = ThresholdRanks(table)
    let terms = models.map { model in
      Set(Clause.plainTerms(model.terms)).map { RankedTerm($0, ranks) }.sorted { $0.rank < $1.rank }
    }
    var pairs: [Pair] = []
    for first in models.indices {
      for second in models.indices.dropFirst(first + 1) {
        let same = zip(answers[first], answers[second]).count { $0 == $1 }
        let (read, alsoRead) = (
          Set(models[first].terms.map(\.feature)), Set(models[second].terms.map(\.feature))
        )
        let union = read.union(alsoRead)
        pairs.append(
          Pair(
            first: first, second: second, agreement: .share(same, of: table.rowCount),
            behaviour: RuleStability.behaviour(answers[first], answers[second], classes.count),
            terms: RuleStability.match(terms[first], terms[second], tolerance),
            features: union.isEmpty ? 1 : Double(read.intersection(alsoRead).count) / Double(union.count)))
      }
    }
    self.pairs = pairs
  }

  private static func behaviour(_ a: [Int], _ b: [Int], _ classCount: Int) -> Double {
    var (both, either) = ([Int](repeating: 0, count: classCount), [Int](repeating: 0, count: classCount))
    for (x, y) in zip(a, b) {
      either[x] += 1
      if x == y { both[x] += 1 } else { either[y] += 1 }
    }
    let named = either.indices.filter { either[$0] > 0 }
    guard !named.isEmpty else { return 1 }
    return named.reduce(0) { $0 + Double(both[$1]) / Double(either[$1]) } / Double(named.count)
  }

  /// Matches terms from left to right, each at most once, and returns matches over all.
  private static func match(_ a: [RankedTerm], _ b: [RankedTerm], _ tolerance: Double) -> Double {
    var matched = 0
    let groups = Dictionary(grouping: b, by: \.question)
    for (question, mine) in Dictionary(grouping: a, by: \.question) {
      let theirs = groups[question] ?? []
      var (i, j) = (0, 0)
      while i < mine.count, j < theirs.count {
        let distance = mine[i].rank - theirs[j].rank
        if abs(distance) <= tolerance {
          matched += 1
          i += 1
          j += 1
        } else if distance < 0 {
          i += 1
        } else {
          j += 1
        }
      }
    }
    let all = a.count + b.count - matched
    return all == 0 ? 1 : Double(matched) / Double(all)
  }
}

/// A term with its threshold as a share of the data.
private struct RankedTerm {
  /// What the term asks, without its threshold.
  let question: Term
  /// The share of the data at most at the threshold; 0 without one.
  let rank: Double

  init(_ term: Term, _ ranks: ThresholdRanks) {
    rank = term.threshold.map { ranks.rank(of: $0, feature: term.feature) } ?? 0
    question =
      switch term {
      case .atMost(let feature, _, _): .atMost(feature, 0)
      case .above(let feature, _, _): .above(feature, 0)
      default: term
      }
  }
}

/// The sorted values of each feature.
private struct ThresholdRanks {
  private let sorted: [[Double]]

  init(_ table: RuleTable) {
    sorted = table.features.indices.map { table.column($0).filter { !$0.isNaN }.sorted() }
  }

  func rank(of threshold: Double, feature: Int) -> Double {
    let values = sorted[feature]
    guard !values.isEmpty else { return threshold }
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] <= threshold { low = middle + 1 } else { high = middle }
    }
    return Double(low) / Double(values.count)
  }
}

extension Clause {
  /// Terms without what they say of missing values.
  fileprivate static func plainTerms(_ terms: [Term]) -> [Term] {
    terms.map { term in
      switch term {
      case .atMost(let feature, let threshold, _): .atMost(feature, threshold)
      case .above(let feature, let threshold, _): .above(feature, threshold)
      case .isIn(let feature, let levels, _): .isIn(feature, levels)
      default: term
      }
    }
  }
}
