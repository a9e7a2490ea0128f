extension DecisionTree {
  static func check(_ nodes: [Node], _ features: [Feature], _ classes: [String]) throws(RuleError) {
    guard !nodes.isEmpty else { throw RuleError(.malformed("the tree has no nodes")) }
    var parents = [Int](repeating: 0, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      func fail(_ text: String) -> RuleError { RuleError(.malformed(text), at: "node \(index)") }
      guard node.distribution.count == max(1, classes.count) else {
        throw fail(
          "the distribution has \(node.distribution.count) entries, expected \(max(1, classes.count))")
      }
      guard node.distribution.allSatisfy(\.isFinite), node.weight.isFinite, node.impurity.isFinite,
        node.weight >= 0, classes.isEmpty || node.distribution.allSatisfy({ $0 >= 0 })
      else { throw fail("distribution, weight and impurity must be finite, weights not negative") }
      for child in node.children {
        guard child > index, child < nodes.count else { throw fail("child \(child) does not come after it") }
        parents[child] += 1
      }
      guard let split = node.split else {
        guard node.children.isEmpty else { throw fail("it has children but asks nothing") }
        continue
      }
      try check(split, features, place: "node \(index)")
      guard node.children.count == split.answerCount else {
        throw fail("it has \(node.children.count) children for \(split.answerCount) answers")
      }
      guard node.children.indices.contains(node.defaultChild) else {
        throw fail("its default child \(node.defaultChild) does not exist")
      }
    }
    if let orphan = parents.indices.dropFirst().first(where: { parents[$0] != 1 }) {
      throw RuleError(.malformed("it has \(parents[orphan]) parents, expected 1"), at: "node \(orphan)")
    }
  }

  private static func check(_ split: Split, _ features: [Feature], place: String) throws(RuleError) {
    switch split {
    case .term(let term): try term.check(features, place: place)
    case .mOfN(let test):
      guard !test.literals.isEmpty, (1...test.literals.count).contains(test.m) else {
        throw RuleError(
          .malformed("it asks for \(test.m) of \(test.literals.count) literals"), at: place)
      }
      for literal in test.literals { try literal.check(features, place: place) }
    case .groups(let feature, let groups):
      guard !groups.isEmpty else { throw RuleError(.malformed("it has no groups of levels"), at: place) }
      var seen: LevelSet = []
      for group in groups {
        try Term.isIn(feature, group).check(features, place: place)
        guard seen.intersection(group).isEmpty else {
          throw RuleError(.malformed("two groups share a level"), at: place)
        }
        seen = seen.union(group)
      }
    }
  }
}

extension DecisionTree.Split {
  /// The number of children that the question needs.
  public var answerCount: Int {
    switch self {
    case .term, .mOfN: 2
    case .groups(_, let groups): groups.count
    }
  }

  /// The terms that the question is made of.
  public var terms: [Term] {
    switch self {
    case .term(let term): [term]
    case .mOfN(let test): test.literals
    case .groups(let feature, let groups): groups.map { .isIn(feature, $0) }
    }
  }
}

extension Term {
  /// Checks that the term fits its feature and compares with a finite number.
  func check(_ features: [Feature], place: String) throws(RuleError) {
    if let threshold, !threshold.isFinite {
      throw RuleError(.notFinite("a threshold is \(threshold)"), at: place)
    }
    guard features.indices.contains(feature) else {
      throw RuleError(.malformed("it reads feature \(feature) of \(features.count)"), at: place)
    }
    switch self {
    case .atMost, .above:
      guard features[feature].isOrdered else {
        throw RuleError(
          .malformed("'\(features[feature].name)' is a category and has no thresholds"), at: place)
      }
    default: try Condition(self).check(features, place: place)
    }
  }
}
