internal import NoemaTensor

/// Examples with what a network says of them, and its layers' activations when they are asked for.
struct LayeredExamples {
  let oracle: any LayeredOracle
  let answers: OracleAnswers
  let inputs: LayerData
  /// The hidden layers, from input to output.
  let layers: [String]

  /// Asks a network.
  ///
  /// - Parameters:
  ///   - maximum: the most rows, below 1 a share of them; all when nil. Of each class as many as its share.
  ///   - layers: the hidden layers to look at.
  /// - Throws: `RuleError` for examples that do not fit, and no layers; what asking throws.
  init(
    _ oracle: any LayeredOracle, _ examples: RuleTable, maximum: Double? = nil, layers: [String]? = nil,
    seed: UInt64 = 0
  ) throws {
    try examples.checkNotEmpty()
    try examples.check(matches: oracle.features)
    try RuleError.require(
      maximum.map { $0 > 0 } ?? true, "the most examples must be above 0, found \(maximum ?? 0)")
    let layers = layers ?? oracle.layers
    if let unknown = layers.first(where: { !oracle.layers.contains($0) }) {
      throw RuleError(.parameters("no hidden layer named '\(unknown)'; the layers are \(oracle.layers)"))
    }
    guard !layers.isEmpty else {
      throw RuleError(
        .unsupported(
          "the network has no hidden layers to look at; name some, or use an extractor that asks for answers alone"
        ))
    }
    self.oracle = oracle
    self.layers = layers
    let all = try OracleAnswers(of: oracle, on: examples)
    let count = maximum.map { $0 < 1 ? $0 * Double(examples.rowCount) : $0 } ?? .infinity
    guard count < Double(examples.rowCount) else {
      answers = all
      inputs = try LayerData(examples)
      return
    }
    let share = count / Double(examples.rowCount)
    let rows = oracle.classes.indices.flatMap { label -> [Int] in
      let own = all.labels.indices.filter { all.labels[$0] == label }
      var random = RandomNumbers(seed: seed).split(label)
      let kept = min(own.count, max(1, Int((share * Double(own.count)).rounded())))
      return random.sample(own.isEmpty ? 0 : kept, below: own.count).map { own[$0] }
    }
    let part = examples.subset(rows: rows.sorted())
    answers = try OracleAnswers(of: oracle, on: part)
    inputs = try LayerData(part)
  }

  var rowCount: Int { inputs.table.rowCount }

  /// The network's class of every row, if it is the same.
  var onlyLabel: Int? { Set(answers.labels).count == 1 ? answers.labels.first : nil }

  /// The most frequent class, the first of equals.
  var commonLabel: Int {
    var counts = oracle.classes.map { _ in 0.0 }
    for label in answers.labels { counts[label] += 1 }
    return DecisionTree.largest(counts)
  }

  /// Weights by which every class that occurs counts alike.
  var balancingWeights: [Double] {
    var counts = oracle.classes.map { _ in 0.0 }
    for label in answers.labels { counts[label] += 1 }
    let present = Double(counts.count { $0 > 0 })
    return answers.labels.map { Double(rowCount) / (present * counts[$0]) }
  }

  /// The activations of a layer.
  func activations(_ layer: String) throws -> LayerData {
    let table = try oracle.activations(of: inputs.table, at: layer)
    guard table.rowCount == rowCount else {
      throw RuleError(
        .count(what: "rows of activations", found: table.rowCount, expected: rowCount), at: "layer '\(layer)'"
      )
    }
    return try LayerData(table)
  }

  /// Rules that vote, counted on the examples.
  ///
  /// - Parameter rules: their supports are not used.
  func ruleSet(_ rules: [Rule], _ resolution: ConflictResolution) throws(RuleError) -> RuleSet {
    var rows = TermRows(inputs.table)
    let members = oracle.classes.indices.map { inputs.rows(answers.labels, are: $0) }
    let counted = rules.map { rule in
      let covered = rows.rows(rule.clause)
      let correct = rule.conclusion.label.map { members[$0].commonCount(covered) } ?? 0
      return Rule(
        rule.clause, rule.conclusion,
        support: Support(cover: Double(covered.count), correct: Double(correct)),
        confidence: min(1, max(0, rule.confidence)))
    }
    return try RuleSet(
      features: oracle.features, classes: oracle.classes, rules: counted, resolution: resolution,
      defaultConclusion: .label(commonLabel))
  }

  /// What is extracted from a network that says one thing; nil of others.
  func constant(_ resolution: ConflictResolution) throws(RuleError) -> ExtractedRules? {
    guard let label = onlyLabel else { return nil }
    return ExtractedRules(
      try ruleSet([], resolution), remarks: [ExtractedRules.remark(only: label, of: oracle, rows: rowCount)])
  }
}
