internal import NoemaTensor

/// Examples and queries with what an oracle says of them, in two parts: to learn from, and to prune by.
struct DistillationData: Sendable {
  /// Of queries whose number is not given, at most so many are generated.
  static let queryLimit = 1_000_000

  let training: RuleTable
  let trainingAnswers: OracleAnswers
  let heldOut: RuleTable
  let heldOutAnswers: OracleAnswers
  /// What the held-out rows are: queries or examples.
  let heldOutName: String
  /// The oracle's class of every row, if it is the same.
  let onlyLabel: Int?
  /// How the data came about.
  let remarks: [String]

  /// The number of examples and queries.
  var rowCount: Int { training.rowCount + heldOut.rowCount }

  init(_ settings: DistilledTree, _ oracle: any TableOracle, _ examples: RuleTable) throws {
    try examples.checkNotEmpty()
    try examples.check(matches: oracle.features)
    let count = settings.queryCount ?? min(10 * examples.rowCount, DistillationData.queryLimit)
    // Answers cost nothing, so queries are held out rather than examples, unless they are nearly examples themselves.
    let holdsOutQueries = count > 0 && !settings.distribution.repeatsExamples
    var examples = examples
    var queries = try settings.distribution.draw(
      holdsOutQueries ? count : 0, like: examples, seed: settings.seed)
    let pool = holdsOutQueries ? queries : examples
    var random = RandomNumbers(seed: settings.seed).split(-1)
    let order = random.sample(pool.rowCount, below: pool.rowCount)
    let heldOutCount = Int(settings.heldOutShare * Double(pool.rowCount))
    heldOut = pool.subset(rows: order.prefix(heldOutCount).sorted())
    let rest = pool.subset(rows: order.dropFirst(heldOutCount).sorted())
    if holdsOutQueries {
      queries = rest
    } else {
      examples = rest
      queries = try settings.distribution.draw(count, like: examples, seed: settings.seed)
    }
    training = try examples.appending(queries)
    trainingAnswers = try OracleAnswers(of: oracle, on: training)
    heldOutAnswers = try OracleAnswers(of: oracle, on: heldOut)
    heldOutName = holdsOutQueries ? "queries" : "examples"
    let labels = Set(trainingAnswers.labels + heldOutAnswers.labels)
    onlyLabel = labels.count == 1 ? labels.first : nil
    let total = training.rowCount + heldOut.rowCount
    let source = count > 0 ? " and \(count) queries drawn from \(settings.distribution.name)" : ""
    var remarks = ["The rules were learnt from what the oracle says of \(total - count) examples\(source)."]
    if let onlyLabel {
      remarks = [ExtractedRules.remark(only: onlyLabel, of: oracle, rows: total)]
    }
    self.remarks = remarks
  }

  /// What a tree is grown on.
  func examples(_ target: DistilledTree.Target, _ classes: [String]) throws(RuleError) -> TrainingTable {
    switch target {
    case .labels: try TrainingTable(training, .labels(trainingAnswers.labels), classes: classes)
    case .probabilities:
      try TrainingTable(training, .probabilities(trainingAnswers.probabilities), classes: classes)
    }
  }
}
