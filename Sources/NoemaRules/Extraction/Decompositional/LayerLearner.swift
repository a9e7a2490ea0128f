internal import NoemaTensor

/// What makes rules over one layer: of hidden activations, or of inputs.
///
/// An extractor's own minimum of cases stands in place of the learner's.
public enum LayerLearner: Sendable, Hashable, Codable {
  /// The rules of C5.0: ways down an unpruned tree, shortened and chosen by their bits (``TreeRules``).
  case rules(C45)
  /// The ways down a tree of C4.5.
  case c45(C45)
  /// The ways down a tree of CART.
  case cart(CART)
  /// The ways down trees of CART on bootstrap samples.
  case bagged(CART, trees: Int)
}

extension LayerLearner {
  func check() throws(RuleError) {
    if case .bagged(_, let count) = self {
      try RuleError.require(count >= 1, "the trees must be 1 or more, found \(count)")
    }
  }

  /// Rules for the classes of examples; one without conditions when nothing tells them apart.
  ///
  /// - Parameters:
  ///   - columns: those of the examples' table, sorted.
  ///   - minimumCases: what a leaf holds at least.
  ///   - dominance: a node in which a class has this share is a leaf; of trees' ways alone.
  ///   - seed: of bootstrap samples.
  func rules(
    _ examples: TrainingTable, _ columns: SortedColumns, minimumCases: Double, dominance: Double,
    seed: UInt64,
    workers: Workers
  ) throws(RuleError) -> [Rule] {
    switch self {
    case .rules(var learner):
      learner.minimumCases = minimumCases
      let found = try learner.fitRules(examples, columns: columns, workers: workers.count)
      guard found.rules.isEmpty else { return found.rules }
      return [examples.rule(always: found.defaultConclusion.label ?? 0)]
    case .c45, .cart:
      let tree = try tree(examples, columns, minimumCases: minimumCases, workers: workers)
      return try LayerLearner.ways(tree, dominance, examples.table)
    case .bagged(let learner, let count):
      return try bagged(
        .cart(learner), count, examples, columns, minimumCases: minimumCases, dominance: dominance,
        seed: seed,
        workers: workers)
    }
  }

  /// One tree, of CART for bagged trees and pruned or not as the learner says.
  func tree(
    _ examples: TrainingTable, _ columns: SortedColumns, minimumCases: Double, workers: Workers
  ) throws(RuleError) -> DecisionTree {
    switch self {
    case .rules(var learner), .c45(var learner):
      learner.minimumCases = minimumCases
      return try learner.fit(examples, columns: columns, workers: workers.count)
    case .cart(var learner), .bagged(var learner, _):
      learner.minimumLeaf = Int(minimumCases.rounded(.up))
      // All learners share the same columns.
      learner.precision = .double
      return try learner.fit(examples, columns: columns, workers: workers.count)
    }
  }

  private static func ways(
    _ tree: DecisionTree, _ dominance: Double, _ table: RuleTable
  ) throws(RuleError) -> [Rule] {
    try tree.stopping(atShare: dominance).with(.defaultChild).ruleSet().assumingPresent(in: table).rules
  }

  private func bagged(
    _ learner: LayerLearner, _ count: Int, _ examples: TrainingTable, _ columns: SortedColumns,
    minimumCases: Double, dominance: Double, seed: UInt64, workers: Workers
  ) throws(RuleError) -> [Rule] {
    var rules: [Rule] = []
    var places: [RuleKey: Int] = [:]
    let rows = examples.table.rowCount
    for index in 0..<count {
      var random = RandomNumbers(seed: seed).split(index)
      var weights = [Double](repeating: 0, count: rows)
      for _ in 0..<rows {
        let row = random.index(below: rows)
        weights[row] += examples.weight(row)
      }
      guard weights.contains(where: { $0 > 0 }) else { continue }
      let sample = try TrainingTable(
        examples.table, examples.target, classes: examples.classes, weights: weights)
      let tree = try learner.tree(sample, columns, minimumCases: minimumCases, workers: workers)
      for rule in try LayerLearner.ways(tree, dominance, examples.table) {
        let key = RuleKey(clause: rule.clause, conclusion: rule.conclusion)
        guard let place = places[key] else {
          places[key] = rules.count
          rules.append(rule)
          continue
        }
        if rule.confidence > rules[place].confidence { rules[place] = rule }
      }
    }
    return rules
  }
}

extension TrainingTable {
  /// A rule without conditions.
  func rule(always label: Int) -> Rule {
    let rows = 0..<table.rowCount
    let cover = rows.reduce(0) { $0 + weight($1) }
    let correct = rows.reduce(0) { $0 + (self.label($1) == label ? weight($1) : 0) }
    return Rule(.always, .label(label), support: Support(cover: cover, correct: correct))
  }
}

extension DecisionTree {
  /// The tree as if growth had stopped where a class has a share of a node's weight.
  func stopping(atShare share: Double) -> DecisionTree {
    guard share < 1, !classes.isEmpty else { return self }
    var nodes = nodes
    for index in nodes.indices where (nodes[index].distribution.max() ?? 0) >= share * nodes[index].weight {
      nodes[index].split = nil
      nodes[index].children = []
    }
    return DecisionTree(
      unchecked: features, classes: classes, nodes: DecisionTree.preorder(nodes), missingPolicy: missingPolicy
    )
  }
}
