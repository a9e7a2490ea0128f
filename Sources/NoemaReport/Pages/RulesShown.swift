public import NoemaRules

/// One rule as a reader sees it, whatever form it came in: a rule of a set or a list, a leaf of a tree, or what answers
/// when no rule does.
struct ShownRule: Sendable {
  /// The rule's index in its set or list, the leaf's node in its tree; nil for what answers otherwise.
  let place: Int?
  /// What must hold, all of it.
  let conditions: [ShownCondition]
  /// What is concluded.
  let conclusion: Conclusion
  /// The data that it was made from.
  let support: Support
  /// How far it is to be trusted; nil where nothing is said.
  let confidence: Double?
}

/// One thing that must hold: a condition on a feature, or that some number of conditions hold or do not.
struct ShownCondition: Sendable, Hashable {
  /// The conditions that are counted.
  let literals: [Condition]
  /// How many of them must hold.
  let atLeast: Int
  /// Whether so many must not hold.
  let isNegated: Bool

  init(_ condition: Condition) { (literals, atLeast, isNegated) = ([condition], 1, false) }

  init(_ test: MOfN, holds: Bool) {
    (literals, atLeast, isNegated) = (test.literals.map { Condition($0) }, test.m, !holds)
  }

  func text(in features: [Feature]) -> String {
    let texts = literals.map { RuleText.text($0, in: features) }
    if texts.count == 1, atLeast == 1, !isNegated { return texts[0] }
    return (isNegated ? "fewer than \(atLeast) of {" : "at least \(atLeast) of {")
      + texts.joined(separator: "; ") + "}"
  }
}

/// The rules of a document one by one, and which of them decide.
struct ShownRules {
  let document: RuleDocument
  let rules: [ShownRule]
  /// For each leaf of a tree, by node, the rule's index.
  private var leaves: [Int: Int] = [:]

  init(_ document: RuleDocument) {
    self.document = document
    switch document {
    case .set(let set):
      rules =
        set.rules.enumerated().map { ShownRules.shown($1, place: $0) } + [
          ShownRule(
            place: nil, conditions: [], conclusion: set.defaultConclusion, support: .none, confidence: nil)
        ]
    case .list(let list):
      rules =
        list.rules.enumerated().map { ShownRules.shown($1, place: $0) } + [
          ShownRules.shown(list.otherwise, place: nil)
        ]
    case .tree(let tree):
      rules = tree.shownLeaves
      for (index, rule) in rules.enumerated() { if let leaf = rule.place { leaves[leaf] = index } }
    }
  }

  private static func shown(_ rule: Rule, place: Int?) -> ShownRule {
    ShownRule(
      place: place, conditions: rule.clause.conditions.map { ShownCondition($0) },
      conclusion: rule.conclusion, support: rule.support, confidence: rule.confidence)
  }

  /// For each row, the rules that fire, by index: of a set all of them, of a list and a tree the one that decides; what
  /// answers otherwise where there is none.
  ///
  /// - Throws: `RuleError` when the table's features are not the rules'.
  func firings(on table: RuleTable) throws(RuleError) -> [[Int]] {
    let last = rules.count - 1
    switch document {
    case .set(let set): return try set.firings(on: table).map { $0.isEmpty ? [last] : $0 }
    case .list(let list): return try list.decidingRules(on: table).map { [$0 ?? last] }
    case .tree(let tree):
      try table.check(matches: tree.features)
      return (0..<table.rowCount).map { [leaves[tree.leaf(row: $0, of: table)] ?? 0] }
    }
  }

  /// What stands for rules in tables: their numbers from 1, with blanks between, or `otherwise`.
  func names(_ firing: [Int]) -> String {
    firing.map { rules[$0].place == nil ? "otherwise" : "\($0 + 1)" }.joined(separator: " ")
  }

  /// What must hold, in words.
  func premise(of rule: ShownRule) -> String {
    if rule.conditions.isEmpty { return rule.place == nil ? "otherwise" : "always" }
    return rule.conditions.map { $0.text(in: document.model.features) }.joined(separator: " AND ")
  }

  /// What is concluded, in words.
  func conclusion(of rule: ShownRule) -> String {
    RuleText.text(rule.conclusion, in: document.model.classes)
  }
}

extension DecisionTree {
  /// The leaves from the first answers to the last, each with all that leads to it.
  fileprivate var shownLeaves: [ShownRule] {
    var result: [ShownRule] = []
    var open: [(node: Int, clause: Clause, tests: [ShownCondition])] = [(0, .always, [])]
    while let (index, clause, tests) = open.popLast() {
      let node = nodes[index]
      guard let split = node.split else {
        let conclusion = conclusion(atNode: index)
        result.append(
          ShownRule(
            place: index, conditions: clause.conditions.map { ShownCondition($0) } + tests,
            conclusion: conclusion,
            support: Support(
              cover: node.weight, correct: conclusion.label.map { node.distribution[$0] } ?? node.weight),
            confidence: nil))
        continue
      }
      for (position, child) in node.children.enumerated().reversed() {
        let takesMissing = node.defaultChild == position
        switch split {
        case .mOfN(let test):
          open.append((child, clause, tests + [ShownCondition(test, holds: position == 0)]))
        case .term(let term):
          let step = edge(of: term, holds: position == 0, takesMissing: takesMissing)
          open.append((child, clause.intersection(Clause([step])), tests))
        case .groups(let feature, let groups):
          let levels = takesMissing ? rest(feature, groups, position) : groups[position]
          let step = Term.isIn(feature, levels, orMissing: takesMissing)
          open.append((child, clause.intersection(Clause([step])), tests))
        }
      }
    }
    return result
  }

  /// What holds of an example that answers a question so.
  private func edge(of term: Term, holds: Bool, takesMissing: Bool) -> Term {
    switch holds ? term : term.negated(in: features) {
    case .atMost(let feature, let threshold, _): .atMost(feature, threshold, orMissing: takesMissing)
    case .above(let feature, let threshold, _): .above(feature, threshold, orMissing: takesMissing)
    case .isIn(let feature, let levels, _): .isIn(feature, levels, orMissing: takesMissing)
    case let presence: presence
    }
  }

  /// The levels of a group and those of none, which count as missing.
  private func rest(_ feature: Int, _ groups: [LevelSet], _ position: Int) -> LevelSet {
    groups.reduce(LevelSet(all: features[feature].levels?.count ?? 0)) { $0.subtracting($1) }
      .union(groups[position])
  }
}

extension RuleDocument {
  /// For each row of a table, the numbers from 1 of the rules that fire, with blanks between; `otherwise` where none
  /// does. Of a list it is the rule that decides, of a tree the leaf, counted from the first answers to the last.
  ///
  /// - Throws: `RuleError` when the table's features are not the rules'.
  public func firingNames(on table: RuleTable) throws(RuleError) -> [String] {
    let shown = ShownRules(self)
    return try shown.firings(on: table).map { shown.names($0) }
  }
}
