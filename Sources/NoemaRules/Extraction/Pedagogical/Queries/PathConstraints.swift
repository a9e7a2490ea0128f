/// What the way down to a node of a tree demands: a clause, and tests that are no clause.
struct PathConstraints: Sendable {
  private(set) var clause = Clause.always
  private(set) var tests: [MOfN] = []

  /// Demands the answer to one more question; a missing value fails its literals.
  mutating func add(_ test: MOfN, holds: Bool, in features: [Feature]) {
    let test = holds ? test : test.negated(in: features)
    if test.m == test.literals.count {
      clause = clause.intersection(Clause(test.literals))
    } else {
      tests.append(test)
    }
  }
}

extension MOfN {
  /// A question with two answers as a test; nil of groups of levels.
  init?(_ split: DecisionTree.Split) {
    switch split {
    case .term(let term): self.init(1, of: [term])
    case .mOfN(let test): self = test
    case .groups: return nil
    }
  }
}
