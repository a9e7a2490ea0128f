/// Examples with what a tree is to say of each: a class, class probabilities or a number; and how much each counts.
public struct TrainingTable: Sendable {
  /// What is to be predicted, one entry a row.
  public enum Target: Sendable, Hashable {
    /// The index of a class.
    case labels([Int])
    /// Class probabilities, row after row, each row adding to 1: an example counts as a part of one of each class.
    case probabilities([Double])
    /// A number.
    case values([Double])
  }

  /// The examples.
  public let table: RuleTable
  /// What is to be predicted.
  public let target: Target
  /// The names of the classes; empty when numbers are predicted.
  public let classes: [String]
  /// How much each example counts; nil when all count 1.
  public let weights: [Double]?

  /// Puts targets beside a table.
  ///
  /// Probabilities are divided by their sum, which may miss 1 by a thousandth.
  ///
  /// - Throws: `RuleError` when the counts differ, a label names no class, a number is not finite, probabilities are
  ///   negative or do not add to 1, weights are negative or all 0, or there are no rows.
  public init(
    _ table: RuleTable, _ target: Target, classes: [String] = [], weights: [Double]? = nil
  ) throws(RuleError) {
    try RuleSet.check(classes)
    guard table.rowCount > 0 else { throw RuleError(.tooFew(set: "the training table", found: 0, needed: 1)) }
    self.table = table
    self.target = try TrainingTable.checked(target, table.rowCount, classes)
    self.classes = classes
    self.weights = weights
    try TrainingTable.check(weights, table.rowCount)
  }

  /// Takes the labels of a table.
  ///
  /// - Throws: `RuleError` as ``init(_:_:classes:weights:)``.
  public init(_ labeled: LabeledTable, weights: [Double]? = nil) throws(RuleError) {
    try self.init(labeled.table, .labels(labeled.labels), classes: labeled.classes, weights: weights)
  }

  private init(unchecked table: RuleTable, _ target: Target, _ classes: [String], _ weights: [Double]?) {
    self.table = table
    self.target = target
    self.classes = classes
    self.weights = weights
  }

  /// The examples of the given indices, in that order.
  ///
  /// - Precondition: some of them have a weight above 0.
  public func subset(rows: [Int]) -> TrainingTable {
    let count = max(1, classes.count)
    let part: Target =
      switch target {
      case .labels(let labels): .labels(rows.map { labels[$0] })
      case .values(let values): .values(rows.map { values[$0] })
      case .probabilities(let all):
        .probabilities(rows.flatMap { all[($0 * count)..<(($0 + 1) * count)] })
      }
    return TrainingTable(
      unchecked: table.subset(rows: rows), part, classes, weights.map { all in rows.map { all[$0] } })
  }

  /// The weight of a row.
  func weight(_ row: Int) -> Double { weights?[row] ?? 1 }

  /// The most probable class of a row, the first of equals; 0 of numbers.
  func label(_ row: Int) -> Int {
    switch target {
    case .labels(let labels): return labels[row]
    case .values: return 0
    case .probabilities(let all):
      return DecisionTree.largest(Array(all[(row * classes.count)..<((row + 1) * classes.count)]))
    }
  }
}

// MARK: Checks
extension TrainingTable {
  private static func checked(
    _ target: Target, _ rows: Int, _ classes: [String]
  ) throws(RuleError) -> Target {
    switch target {
    case .labels(let labels):
      try check(labels.count, rows, "labels")
      try check(classes)
      if let row = labels.firstIndex(where: { !classes.indices.contains($0) }) {
        throw RuleError(.unknownClass("\(labels[row])", row: row + 1, known: classes))
      }
      return target
    case .values(let values):
      try check(values.count, rows, "values to predict")
      guard classes.isEmpty else {
        throw RuleError(.parameters("numbers have no classes; leave classes out"))
      }
      // Squares must stay finite.
      if let row = values.firstIndex(where: { !(abs($0) < 1e140) }) {
        throw RuleError(
          .notFinite("row \(row + 1): the value to predict is \(values[row]), expected less than 1e140"))
      }
      return target
    case .probabilities(let all):
      try check(classes)
      try check(all.count, rows * classes.count, "probabilities")
      return .probabilities(try normalised(all, classes.count))
    }
  }

  private static func check(_ classes: [String]) throws(RuleError) {
    guard (1...Int(UInt16.max)).contains(classes.count) else {
      throw RuleError(.count(what: "classes", found: classes.count, expected: 2))
    }
  }

  private static func check(_ found: Int, _ expected: Int, _ what: String) throws(RuleError) {
    guard found == expected else { throw RuleError(.count(what: what, found: found, expected: expected)) }
  }

  private static func normalised(_ all: [Double], _ count: Int) throws(RuleError) -> [Double] {
    var result = all
    for row in 0..<(all.count / count) {
      let range = (row * count)..<((row + 1) * count)
      let sum = all[range].reduce(0, +)
      guard all[range].allSatisfy({ $0 >= 0 }), abs(sum - 1) <= 1e-3 else {
        throw RuleError(
          .malformed(
            "row \(row + 1): probabilities must not be negative and add to 1, found \(Array(all[range]))"))
      }
      for index in range { result[index] /= sum }
    }
    return result
  }

  private static func check(_ weights: [Double]?, _ rows: Int) throws(RuleError) {
    guard let weights else { return }
    try check(weights.count, rows, "weights")
    if let row = weights.firstIndex(where: { !$0.isFinite || $0 < 0 }) {
      throw RuleError(.malformed("row \(row + 1): the weight is \(weights[row]), expected 0 or more"))
    }
    guard weights.contains(where: { $0 > 0 }), weights.reduce(0, +).isFinite else {
      throw RuleError(.malformed("weights need a finite sum above 0"))
    }
  }
}
