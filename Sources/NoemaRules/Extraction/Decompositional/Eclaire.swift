/// Rules over the inputs by way of every hidden layer: what the activations of a layer say about the network's class,
/// and what the inputs say about that.
///
/// 1. Of each hidden layer, rules `clause ⇒ class` are learnt from its activations and the network's class.
/// 2. For each of their clauses, rules over the inputs are learnt for where it holds; a clause is replaced by all that
///    say it does. Their confidence is multiplied by the clause's.
/// 3. The rules of all layers together, each once, vote.
///
/// The number of rules is at most `layers · (rows / cases)²`, and that of fits one a layer and one a distinct clause:
/// polynomial, where substituting layer by layer (``RemD``) multiplies.
///
/// ```swift
/// let extracted = try Eclaire(minimumCases: 15).extract(from: network, examples: table)
/// ```
///
/// Boosting of the rule learner is not offered. A network that names one class throughout gives that class as default.
///
/// - Source: Espinosa Zarlenga, Shams and Jamnik, "Efficient decompositional rule extraction for deep neural networks",
///   2021, algorithm 1.
public struct Eclaire: LayeredRuleExtractor, Hashable, Codable {
  /// What learns from activations.
  public var layerLearner = LayerLearner.rules(C45())
  /// What learns from inputs.
  public var inputLearner = LayerLearner.rules(C45())
  /// The fewest cases of a leaf; below 1 a share of the rows, rounded up.
  public var minimumCases: Double
  /// The same at the first hidden layer, from where it runs linearly to that at the last; ``minimumCases`` when nil.
  public var firstLayerCases: Double?
  /// The same at the last hidden layer; ``minimumCases`` when nil.
  public var lastLayerCases: Double?
  /// Every so many hidden layers are looked at, the first one included.
  public var blockSize = 1
  /// Clauses over activations of less confidence are left out.
  public var minimumConfidence = 0.0
  /// The share of clauses over activations, of each layer and class, that are left out as the worst.
  public var dropShare = 0.0
  /// What makes clauses worse, where some are left out.
  public var score = RuleScore.confidence
  /// The most clauses over the activations of a layer, the best ones; nil for no limit.
  public var maximumLayerRules: Int?
  /// Whether features that do not help on held-out rows are left out before rules are learnt from activations.
  ///
  /// Off by default, other than in the paper's experiments: a feature that matters only together with others does not
  /// help a greedy tree on half of the rows, and goes.
  public var winnowsLayers = false
  /// The same for rules learnt from inputs.
  public var winnowsInputs = false
  /// Whether rules learnt from inputs and the network's class alone are added.
  public var isEclectic = false
  /// Whether all classes count alike where rules for classes are learnt.
  public var balancesClasses = false
  /// The most examples that are used, below 1 a share, with as much of each class; all when nil.
  public var maximumExamples: Double?
  /// How rules come to one answer; the paper's is the share of a class's rules that fire.
  public var resolution = ConflictResolution.classNormalisedVote
  /// The most rules over the inputs; what comes later is left out, and the result truncated.
  public var ruleLimit = 100_000
  /// Seconds after which what was found is returned, truncated; nil for no limit. What is then returned depends on the
  /// machine.
  public var timeLimit: Double?
  /// The seed of samples.
  public var seed: UInt64 = 0

  /// Makes an extractor.
  public init(minimumCases: Double = 15) { self.minimumCases = minimumCases }

  /// Extracts rules.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range, `.unsupported` for a network without hidden layers,
  ///   others for examples that do not fit; and what asking throws.
  /// - Complexity: a tree a layer and a tree a distinct clause, each `O(m n log n)`.
  public func extract(from oracle: any LayeredOracle, examples: RuleTable) throws -> ExtractedRules {
    try check()
    let limit = TimeLimit(seconds: timeLimit)
    let data = try LayeredExamples(oracle, examples, maximum: maximumExamples, seed: seed)
    if let constant = try data.constant(resolution) { return constant }
    let weights = balancesClasses ? data.balancingWeights : nil
    var found = FoundRules(
      LayerClassifier(
        data: data.inputs, learner: inputLearner,
        minimumCases: CaseCount.count(minimumCases, of: data.rowCount), winnows: winnowsInputs, seed: seed),
      ruleLimit)
    let chosen = Array(stride(from: 0, to: data.layers.count, by: blockSize))
    for (place, layer) in chosen.enumerated() {
      // Only one layer's activations are held at a time.
      let classifier = LayerClassifier(
        data: try data.activations(data.layers[layer]), learner: layerLearner,
        minimumCases: cases(place, of: chosen.count, rows: data.rowCount), winnows: winnowsLayers, seed: seed)
      guard !limit.isOver else {
        found.isTruncated = true
        break
      }
      let rules = try classifier.rules(data.answers.labels, oracle.classes, weights: weights)
      try found.replace(kept(rules), over: classifier.data.table, until: limit)
    }
    if isEclectic, !found.isTruncated {
      found.add(try found.classifier.rules(data.answers.labels, oracle.classes, weights: weights))
    }
    let remark =
      "\(chosen.count) hidden layer\(chosen.count == 1 ? "" : "s") gave \(found.clauseCount) clauses over activations; "
      + "\(found.fitCount) of them cover different rows, and became \(found.rules.count) rules over the inputs."
    return ExtractedRules(
      try data.ruleSet(found.rules, resolution), isTruncated: found.isTruncated, remarks: [remark])
  }

  private func kept(_ rules: [Rule]) -> [Rule] {
    let confident = rules.filter { $0.confidence >= minimumConfidence }
    return score.keeping(maximumLayerRules, of: score.dropping(dropShare, of: confident))
  }

  /// The fewest cases of a leaf at a layer.
  private func cases(_ place: Int, of count: Int, rows: Int) -> Double {
    let first = CaseCount.count(firstLayerCases ?? minimumCases, of: rows)
    let last = CaseCount.count(lastLayerCases ?? minimumCases, of: rows)
    guard count > 1, first != last else { return count > 1 ? first : last }
    return first + (last - first) * Double(place) / Double(count - 1)
  }

  private func check() throws(RuleError) {
    for setting in [minimumCases, firstLayerCases, lastLayerCases].compactMap({ $0 }) {
      try CaseCount.check(setting)
    }
    try layerLearner.check()
    try inputLearner.check()
    try RuleError.require(blockSize >= 1, "the block size must be 1 or more, found \(blockSize)")
    try RuleError.require(
      (0...1).contains(minimumConfidence), "the confidence must be from 0 to 1, found \(minimumConfidence)")
    try RuleError.require(
      dropShare >= 0 && dropShare < 1, "the share to drop must be from 0 to below 1, found \(dropShare)")
    try RuleError.require(
      (maximumLayerRules ?? 1) >= 1, "the rules of a layer must be 1 or more, found \(maximumLayerRules ?? 0)"
    )
    try RuleError.require(ruleLimit >= 1, "the rules must be 1 or more, found \(ruleLimit)")
    try TimeLimit.check(timeLimit)
  }
}

/// Rules over the inputs that stand for clauses over activations.
private struct FoundRules {
  private(set) var rules: [Rule] = []
  var isTruncated = false
  /// The clauses over activations that were replaced.
  private(set) var clauseCount = 0
  let classifier: LayerClassifier
  /// The number of distinct sets of rows that clauses cover, for which rules were learnt.
  var fitCount: Int { learnt.count }

  private let limit: Int
  private var places: [RuleKey: Int] = [:]
  /// What was learnt for the rows of a clause, over any layer.
  private var learnt: [[UInt64]: [Rule]] = [:]

  /// So many clauses are learnt before the limits are looked at.
  private static let chunk = 64

  init(_ classifier: LayerClassifier, _ limit: Int) { (self.classifier, self.limit) = (classifier, limit) }

  /// Takes up rules for the clauses of others.
  mutating func replace(_ rules: [Rule], over table: RuleTable, until time: TimeLimit) throws(RuleError) {
    var truth = TermRows(table)
    let sets = rules.map { truth.rows($0.clause) }
    clauseCount += Set(rules.map(\.clause)).count
    for start in stride(from: 0, to: rules.count, by: FoundRules.chunk) where !isTruncated {
      let part = start..<min(rules.count, start + FoundRules.chunk)
      let open = part.map { sets[$0] }.filter { learnt[$0.words] == nil }
      for (set, found) in zip(open, try classifier.rules(where: open, until: time)) {
        guard let found else {
          isTruncated = true
          continue
        }
        learnt[set.words] = found.filter { $0.conclusion.label == 1 }
      }
      for index in part {
        for found in learnt[sets[index].words] ?? [] {
          add(found.clause, rules[index].conclusion, found.confidence * rules[index].confidence)
        }
      }
    }
  }

  /// Takes up rules as they are.
  mutating func add(_ rules: [Rule]) {
    for rule in rules { add(rule.clause, rule.conclusion, rule.confidence) }
  }

  /// Of equals the larger confidence stays.
  private mutating func add(_ clause: Clause, _ conclusion: Conclusion, _ confidence: Double) {
    let features = classifier.data.table.features
    let clause = clause.canonical(in: features)
    guard clause.isSatisfiable(in: features) else { return }
    let key = RuleKey(clause: clause, conclusion: conclusion)
    if let place = places[key] {
      rules[place].confidence = max(rules[place].confidence, confidence)
    } else if rules.count < limit {
      places[key] = rules.count
      rules.append(Rule(clause, conclusion, confidence: confidence))
    } else {
      isTruncated = true
    }
  }
}
