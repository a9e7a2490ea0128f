extension DecisionTree {
  /// The tree as rules: one for each leaf, its clause being the way down; several for a leaf below an M-of-N test, one
  /// for each choice of literals.
  ///
  /// Every example, also one with missing values, fires rules of the leaf that it reaches and no others, so the
  /// default never answers. Supports are those of the leaves.
  ///
  /// - Parameter clauseLimit: the largest number of rules.
  /// - Throws: `RuleError.unsupported` when missing values go to all children, which no set of clauses says;
  ///   `RuleError.limit` when there would be more rules than `clauseLimit`.
  public func ruleSet(clauseLimit: Int = 100_000) throws(RuleError) -> RuleSet {
    guard missingPolicy == .defaultChild else {
      throw RuleError(
        .unsupported(
          "a tree that sends missing values to all children adds distributions, which rules cannot; "
            + "ask for the rules of tree.with(.defaultChild)"))
    }
    var rules: [Rule] = []
    var open: [(node: Int, ways: [Clause])] = [(0, [.always])]
    while let (index, ways) = open.popLast() {
      let node = nodes[index]
      guard node.split != nil else {
        let conclusion = conclusion(atNode: index)
        let correct = conclusion.label.map { node.distribution[$0] } ?? node.weight
        let support = Support(cover: node.weight, correct: correct)
        rules += ways.map { Rule($0, conclusion, support: support) }
        continue
      }
      for (position, child) in node.children.enumerated().reversed() {
        let steps = try clauses(from: index, toChild: position, limit: clauseLimit)
        var further: [Clause] = []
        for way in ways {
          for step in steps {
            let clause = way.intersection(step)
            if clause.isSatisfiable(in: features) { further.append(clause) }
          }
        }
        guard rules.count + further.count <= clauseLimit else {
          throw RuleError(
            .limit("the tree has more than \(clauseLimit) rules; keep the tree, or raise the limit"))
        }
        if !further.isEmpty { open.append((child, further)) }
      }
    }
    return RuleSet(
      unchecked: features, classes: classes, rules: rules, resolution: .firstMatch,
      defaultConclusion: conclusion(atNode: 0))
  }

  /// When an example at a node goes to one of its children: a disjunction.
  func clauses(from index: Int, toChild position: Int, limit: Int) throws(RuleError) -> [Clause] {
    let node = nodes[index]
    let takesMissing = node.defaultChild == position
    switch node.split {
    case nil: return []
    case .mOfN(let test):
      return try (position == 0 ? test : test.negated(in: features)).clauses(limit: limit)
    case .term(let term):
      return [Clause([term.edge(position == 0, takesMissing: takesMissing, in: features)])]
    case .groups(let feature, let groups):
      var levels = groups[position]
      if takesMissing {
        // Levels in no group count as missing.
        levels = groups.reduce(LevelSet(all: features[feature].levels?.count ?? 0)) {
          $0.subtracting($1)
        }.union(levels)
      }
      return [Clause([.isIn(feature, levels, orMissing: takesMissing)])]
    }
  }
}

extension Term {
  /// The term on one edge below a question: itself or its negation, and missing values where they go.
  func edge(_ holds: Bool, takesMissing: Bool, in features: [Feature]) -> Term {
    switch holds ? self : negated(in: features) {
    case .atMost(let feature, let threshold, _): .atMost(feature, threshold, orMissing: takesMissing)
    case .above(let feature, let threshold, _): .above(feature, threshold, orMissing: takesMissing)
    case .isIn(let feature, let levels, _): .isIn(feature, levels, orMissing: takesMissing)
    case let presence: presence
    }
  }
}
