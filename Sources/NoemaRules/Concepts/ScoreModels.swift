internal import NoemaConcepts
internal import NoemaTensor

/// Readers of concept scores that need not be readable: what any model could get out of them.
struct ScoreModels {
  /// Trees of the forest.
  static let treeCount = 50
  /// More rows are searched by bins.
  private static let exactRows = 4000

  /// A way to read scores.
  enum Kind: String, CaseIterable {
    /// Multinomial logistic regression: every concept counts, each in one direction.
    case logistic = "logistic regression"
    /// The mean of full trees of resampled examples: any shape, and concepts that need each other.
    case forest = "a forest of trees"
  }

  /// The class of each test row, by a model of the training rows.
  ///
  /// - Throws: `RuleError` and `ConceptError` as fitting does.
  static func labels(
    _ kind: Kind, from training: RuleTable, _ labels: [Int], classCount: Int, on test: RuleTable, seed: UInt64
  ) throws -> [Int] {
    switch kind {
    case .logistic: try logistic(training, labels, classCount, test, seed)
    case .forest: try forest(training, labels, classCount, test, seed)
    }
  }

  private static func logistic(
    _ training: RuleTable, _ labels: [Int], _ classCount: Int, _ test: RuleTable, _ seed: UInt64
  ) throws -> [Int] {
    // One scale for all, or the penalty would fall on concepts of small scores.
    let scales = training.features.indices.map { column -> (mean: Double, deviation: Double) in
      let values = training.column(column)
      let mean = values.reduce(0, +) / Double(values.count)
      let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return (mean, square > 0 ? square.squareRoot() : 1)
    }
    func rows(_ table: RuleTable) -> [Double] {
      (0..<table.rowCount).flatMap { row in
        scales.enumerated().map { (table[row, $0] - $1.mean) / $1.deviation }
      }
    }
    let features = Tensor(
      shape: [training.rowCount, training.features.count], rows(training).map { Float($0) })
    let probe = try FittedProbe(
      features: TensorFeatures(features),
      labels: ProbeLabels(classes: (0..<classCount).map(String.init), indices: labels), seed: seed)
    let scores = probe.scores(
      Matrix(rowCount: test.rowCount, columnCount: test.features.count, elements: rows(test)))
    return (0..<test.rowCount).map { row in
      (1..<max(1, classCount)).reduce(0) { scores[row, $1] > scores[row, $0] ? $1 : $0 }
    }
  }

  private static func forest(
    _ training: RuleTable, _ labels: [Int], _ classCount: Int, _ test: RuleTable, _ seed: UInt64
  ) throws -> [Int] {
    let classes = (0..<classCount).map(String.init), random = RandomNumbers(seed: seed)
    var learner = CART()
    if training.rowCount > exactRows { learner.search = .histogram() }
    var votes = [Double](repeating: 0, count: test.rowCount * classCount)
    for index in 0..<treeCount {
      var random = random.split(index)
      let rows = (0..<training.rowCount).map { _ in random.index(below: training.rowCount) }
      let tree = try learner.fit(
        TrainingTable(training.subset(rows: rows), .labels(rows.map { labels[$0] }), classes: classes))
      for row in 0..<test.rowCount {
        let shares = tree.distribution(row: row, of: test), sum = shares.reduce(0, +)
        for label in 0..<classCount where sum > 0 { votes[row * classCount + label] += shares[label] / sum }
      }
    }
    return ConceptOracle.largest(votes, classCount)
  }
}
