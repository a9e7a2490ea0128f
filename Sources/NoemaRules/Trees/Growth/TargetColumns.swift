/// What a tree is to predict, laid out for split searches: by row, in plain memory.
final class TargetColumns: @unchecked Sendable {
  // Safe because nothing is written after `init`.

  /// A weight, and a number times it.
  struct WeightedValue {
    var weight: Double
    var product: Double
  }

  /// How the two sides of a split are summed up and compared.
  enum Scoring {
    /// By the mean of a number: of two classes, the share of the second. The factor makes a score of weight ×
    /// impurity.
    case mean(factor: Double)
    /// The same, counting examples of two classes.
    case twoCounts
    /// By the counts of classes.
    case counts(isEntropy: Bool)
    /// By the weights of classes.
    case sums(isEntropy: Bool)
  }

  let criterion: CART.Criterion
  /// 0 when numbers are predicted.
  let classCount: Int
  let scoring: Scoring
  /// The rows of a weight above 0, ascending.
  let rows: [UInt32]
  /// The weight of all rows.
  let totalWeight: Double
  /// The class of each row; nil of numbers and probabilities.
  let labels: UnsafeMutablePointer<UInt16>?
  /// The weight of each row.
  let weights: UnsafeMutablePointer<Double>
  /// Of each row the weight of each class, of probabilities; nil otherwise.
  let vectors: UnsafeMutablePointer<Double>?
  /// Of each row the number for ``Scoring/mean(factor:)``; nil of other scorings.
  let pairs: UnsafeMutablePointer<WeightedValue>?
  /// `n log2 n` for the counts that occur, for the entropy of counts.
  let logarithms: [Double]

  init(_ examples: TrainingTable, _ criterion: CART.Criterion) {
    let count = examples.table.rowCount
    self.criterion = criterion
    classCount = examples.classes.count
    let weights = UnsafeMutablePointer<Double>.allocate(capacity: count)
    for row in 0..<count { weights[row] = examples.weight(row) }
    self.weights = weights
    rows = (0..<count).filter { weights[$0] > 0 }.map { UInt32($0) }
    totalWeight = (0..<count).reduce(0) { $0 + weights[$1] }
    labels = TargetColumns.labels(examples)
    vectors = TargetColumns.vectors(examples)
    let isUnit = rows.allSatisfy { weights[Int($0)] == 1 }
    scoring = TargetColumns.scoring(examples, criterion, isUnit: isUnit)
    pairs = TargetColumns.pairs(examples, scoring)
    guard case .counts(isEntropy: true) = scoring else {
      logarithms = []
      return
    }
    logarithms = (0...rows.count).map { ClassImpurity.timesLog(Double($0)) }
  }

  deinit {
    labels?.deallocate()
    weights.deallocate()
    vectors?.deallocate()
    pairs?.deallocate()
  }

  /// How many numbers a group of examples is summed up in.
  var sumCount: Int {
    switch scoring {
    case .mean, .twoCounts: 1
    case .counts, .sums: classCount
    }
  }

  private static func scoring(
    _ examples: TrainingTable, _ criterion: CART.Criterion, isUnit: Bool
  ) -> Scoring {
    guard !examples.classes.isEmpty else { return .mean(factor: 1) }
    var counts = false
    if case .labels = examples.target { counts = isUnit }
    let isEntropy = criterion == .entropy
    guard examples.classes.count == 2, !isEntropy else {
      return counts ? .counts(isEntropy: isEntropy) : .sums(isEntropy: isEntropy)
    }
    // Of two classes, the Gini impurity is twice the variance of belonging to one.
    return counts ? .twoCounts : .mean(factor: 2)
  }

  private static func labels(_ examples: TrainingTable) -> UnsafeMutablePointer<UInt16>? {
    guard case .labels(let labels) = examples.target else { return nil }
    let result = UnsafeMutablePointer<UInt16>.allocate(capacity: labels.count)
    for (row, label) in labels.enumerated() { result[row] = UInt16(label) }
    return result
  }

  private static func vectors(_ examples: TrainingTable) -> UnsafeMutablePointer<Double>? {
    guard case .probabilities(let all) = examples.target else { return nil }
    let result = UnsafeMutablePointer<Double>.allocate(capacity: all.count)
    let classes = examples.classes.count
    for index in all.indices { result[index] = all[index] * examples.weight(index / classes) }
    return result
  }

  private static func pairs(
    _ examples: TrainingTable, _ scoring: Scoring
  ) -> UnsafeMutablePointer<WeightedValue>? {
    guard case .mean = scoring else { return nil }
    let count = examples.table.rowCount
    let result = UnsafeMutablePointer<WeightedValue>.allocate(capacity: count)
    for row in 0..<count {
      let weight = examples.weight(row)
      let value: Double =
        switch examples.target {
        case .labels(let labels): Double(labels[row])
        case .probabilities(let all): all[2 * row + 1]
        case .values(let values): values[row]
        }
      (result + row).initialize(to: WeightedValue(weight: weight, product: weight * value))
    }
    return result
  }
}
