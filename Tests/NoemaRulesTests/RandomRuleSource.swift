import NoemaTensor

@testable import NoemaRules

/// Seeded rules over features of every kind, with awkward thresholds and names, and examples on their boundaries.
struct RandomRuleSource {
  var random: RandomNumbers

  init(seed: UInt64) { random = RandomNumbers(seed: seed) }

  static let features: [Feature] = [
    Feature("a"), Feature("b \"in\" cm", unit: "cm"), Feature("count", kind: .integer),
    Feature("colour", kind: .categorical(levels: ["red", "it's blue", "say \"hi\"", "a\\b, c"])),
    Feature("grade", kind: .ordinal(levels: ["low", "middling", "high", "top <&>"])),
  ]
  static let classes = ["no", "it's \"maybe\" <&>", "yes"]

  /// Thresholds whose decimals are hard to read back.
  static let thresholds: [[Double]] = [
    [-2.5, 0.1 + 0.2, 1.0 / 3, 0x1p53, .leastNonzeroMagnitude],
    [-1e-7, 0, 123456.789012345678, 2.0 / 3 * 1e22],
    [-3, 0.5, 2, 7.25], [], [],
  ]

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[random.index(below: elements.count)]
  }

  mutating func flip(_ chance: Double = 0.5) -> Bool { random.uniform() < chance }

  mutating func levels() -> LevelSet { LevelSet((0..<4).filter { _ in random.uniform() < 0.5 }) }

  /// A term of any kind that its feature allows.
  mutating func term() -> Term {
    let feature = random.index(below: 5)
    let orMissing = flip(0.25)
    switch random.index(below: 10) {
    case 0: return .isMissing(feature)
    case 1: return .isPresent(feature)
    default: break
    }
    if feature == 3 || (feature == 4 && flip()) { return .isIn(feature, levels(), orMissing: orMissing) }
    let threshold =
      feature == 4 ? Double(random.index(below: 5)) - 1 : pick(RandomRuleSource.thresholds[feature])
    return flip()
      ? .atMost(feature, threshold, orMissing: orMissing) : .above(feature, threshold, orMissing: orMissing)
  }

  mutating func terms(_ most: Int = 4) -> [Term] { (0..<random.index(below: most + 1)).map { _ in term() } }

  mutating func support() -> Support {
    let cover = Double(random.index(below: 40))
    return Support(
      cover: cover, correct: (cover * random.uniform()).rounded(), weight: pick([1, 1, 0.5, 2.25, 0]))
  }

  /// Rules of which many overlap; every fourth repeats an earlier clause.
  mutating func ruleSet(_ count: Int, _ resolution: ConflictResolution, numbers: Bool = false) throws
    -> RuleSet
  {
    func conclusion(_ source: inout RandomRuleSource) -> Conclusion {
      numbers ? .value(source.pick([-1.5, 0, 1.0 / 3, 7])) : .label(source.random.index(below: 3))
    }
    var rules: [Rule] = []
    for index in 0..<count {
      let clause = index > 2 && flip(0.25) ? pick(rules).clause : Clause(terms())
      rules.append(
        Rule(clause, conclusion(&self), support: support(), confidence: flip() ? pick([0, 0.5, 1]) : nil))
    }
    return try RuleSet(
      features: RandomRuleSource.features, classes: numbers ? [] : RandomRuleSource.classes, rules: rules,
      resolution: resolution, defaultConclusion: conclusion(&self))
  }

  /// A tree of all kinds of questions.
  mutating func tree(depth: Int, numbers: Bool = false, policy: DecisionTree.MissingPolicy = .defaultChild)
    throws
    -> DecisionTree
  {
    var nodes: [DecisionTree.Node] = []
    grow(depth, numbers, &nodes)
    return try DecisionTree(
      features: RandomRuleSource.features, classes: numbers ? [] : RandomRuleSource.classes, nodes: nodes,
      missingPolicy: policy)
  }

  private mutating func grow(_ depth: Int, _ numbers: Bool, _ nodes: inout [DecisionTree.Node]) {
    let distribution = numbers ? [random.normal()] : (0..<3).map { _ in Double(random.index(below: 9)) }
    let index = nodes.count
    nodes.append(
      DecisionTree.Node(
        distribution: distribution,
        weight: numbers ? Double(random.index(below: 9)) : distribution.reduce(0, +)))
    guard depth > 0, !flip(0.15) else { return }
    let split: DecisionTree.Split
    switch random.index(below: 8) {
    case 0:
      let literals = (0..<(1 + random.index(below: 4))).map { _ in term() }
      split = .mOfN(MOfN(1 + random.index(below: literals.count), of: literals))
    case 1: split = .groups(3, pick([[[0], [1, 2], [3]], [[1], [0, 3]], [[0, 1], [2, 3]]]))
    default: split = .term(term())
    }
    nodes[index].split = split
    nodes[index].defaultChild = random.index(below: split.answerCount)
    for _ in 0..<split.answerCount {
      nodes[index].children.append(nodes.count)
      grow(depth - 1, numbers, &nodes)
    }
  }

  /// An example on, beside or away from thresholds, or missing.
  mutating func row(missing: Double = 0.15) -> [Double] {
    RandomRuleSource.features.enumerated().map { index, feature in
      if flip(missing) { return .nan }
      if let levels = feature.levels { return Double(random.index(below: levels.count)) }
      let threshold = pick(RandomRuleSource.thresholds[index])
      if feature.kind == .integer { return threshold.rounded() + Double(random.index(below: 5)) - 2 }
      return pick([threshold, threshold.nextUp, threshold.nextDown, threshold + random.normal(), 0])
    }
  }

  mutating func table(_ count: Int, missing: Double = 0.15) throws -> RuleTable {
    try RuleTable(features: RandomRuleSource.features, rows: (0..<count).map { _ in row(missing: missing) })
  }
}

/// What rules mean, told a second time from the definitions, without normal forms.
enum NaiveRules {
  static func holds(_ term: Term, _ values: [Double]) -> Bool {
    let value: Double? = values[term.feature].isNaN ? nil : values[term.feature]
    switch term {
    case .isMissing: return value == nil
    case .isPresent: return value != nil
    case .atMost(_, let threshold, let orMissing): return value.map { $0 <= threshold } ?? orMissing
    case .above(_, let threshold, let orMissing): return value.map { !($0 <= threshold) } ?? orMissing
    case .isIn(_, let levels, let orMissing):
      return value.map { levels.levels.contains(Int($0)) } ?? orMissing
    }
  }

  static func holds(_ terms: [Term], _ values: [Double]) -> Bool { terms.allSatisfy { holds($0, values) } }

  /// Every example that two sets of terms could tell apart: the full product of the cells.
  static func allRows(_ terms: [Term]) -> [[Double]] {
    let cells = FeatureCells(RandomRuleSource.features, terms: terms, includingMissing: true)
    return (0..<Int(cells.count)).map { cells.line($0) }
  }

  static func answers(_ model: some RuleModel, _ table: RuleTable) throws -> [Conclusion] {
    let answers = try model.conclusions(on: table)
    // One by one and as a table must agree.
    guard (0..<table.rowCount).allSatisfy({ model.conclusion(table.row($0)) == answers[$0] }) else {
      throw RuleError(.malformed("conclusions of rows and table differ"))
    }
    return answers
  }
}
