import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct DecisionTreeTests {
  /// The class shares that an example comes to, by the definition, one call a node.
  private func naive(_ tree: DecisionTree, _ values: [Double], node: Int = 0) -> [Double] {
    let here = tree.nodes[node]
    guard let split = here.split else {
      let sum = here.distribution.reduce(0, +)
      if tree.classes.isEmpty { return here.distribution }
      return sum > 0 ? here.distribution.map { $0 / sum } : here.distribution.map { _ in 1.0 / 3 }
    }
    var child: Int?
    switch split {
    case .mOfN(let test): child = test.literals.count { NaiveRules.holds($0, values) } >= test.m ? 0 : 1
    case .term(.isMissing(let feature)): child = values[feature].isNaN ? 0 : 1
    case .term(.isPresent(let feature)): child = values[feature].isNaN ? 1 : 0
    case .term(let term): child = values[term.feature].isNaN ? nil : NaiveRules.holds(term, values) ? 0 : 1
    case .groups(let feature, let groups):
      child = values[feature].isNaN ? nil : groups.firstIndex { $0.levels.contains(Int(values[feature])) }
    }
    if let child { return naive(tree, values, node: here.children[child]) }
    let weights = here.children.map { tree.nodes[$0].weight }
    let total = weights.reduce(0, +)
    guard tree.missingPolicy == .allChildren, total > 0 else {
      return naive(tree, values, node: here.children[here.defaultChild])
    }
    var result = [Double](repeating: 0, count: tree.classes.isEmpty ? 1 : 3)
    for (index, weight) in zip(here.children, weights) {
      for (label, share) in naive(tree, values, node: index).enumerated() {
        result[label] += weight / total * share
      }
    }
    return result
  }

  @Test(arguments: [DecisionTree.MissingPolicy.defaultChild, .allChildren], [false, true])
  func examplesReachTheirLeaves(_ policy: DecisionTree.MissingPolicy, _ numbers: Bool) throws {
    var source = RandomRuleSource(seed: 1)
    for _ in 0..<40 {
      let tree = try source.tree(depth: 5, numbers: numbers, policy: policy)
      let table = try source.table(100)
      let answers = try NaiveRules.answers(tree, table)
      for row in 0..<100 {
        let (expected, found) = (naive(tree, table.row(row)), tree.distribution(row: row, of: table))
        #expect(zip(expected, found).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(
          tree.distribution(table.row(row)) == found
            && tree.leaf(table.row(row)) == tree.leaf(row: row, of: table))
        if policy == .defaultChild {
          #expect(answers[row] == tree.conclusion(atNode: tree.leaf(row: row, of: table)))
        }
      }
    }
  }

  @Test(arguments: [false, true]) func rulesOfATreeAnswerAlike(_ numbers: Bool) throws {
    var source = RandomRuleSource(seed: 2)
    for _ in 0..<60 {
      let tree = try source.tree(depth: 4, numbers: numbers)
      let rules = try tree.ruleSet()
      let equivalence = try RuleEquivalence(tree, rules)
      #expect(equivalence.isExact && equivalence.areEqual, "\(tree.text)")
      let table = try source.table(200)
      #expect(try tree.conclusions(on: table) == rules.conclusions(on: table))
      // Some rule of the leaf always fires.
      #expect(try rules.firings(on: table).allSatisfy { !$0.isEmpty })
    }
    let policy = try source.tree(depth: 3, policy: .allChildren)
    #expect(throws: RuleError.self) { try policy.ruleSet() }
    #expect(try policy.with(.defaultChild).ruleSet().rules.isEmpty == false)
  }

  @Test func supportsAreThoseOfTheLeaves() throws {
    let tree = try DecisionTree(
      features: [Feature("x")], classes: ["a", "b"],
      nodes: [
        .init(
          split: .term(.atMost(0, 2)), children: [1, 2], defaultChild: 1, distribution: [6, 5], weight: 11),
        .init(distribution: [5, 1], weight: 6), .init(distribution: [1, 4], weight: 5),
      ])
    let rules = try tree.ruleSet()
    #expect(rules.rules.map(\.clause.terms) == [[.atMost(0, 2)], [.above(0, 2, orMissing: true)]])
    #expect(rules.rules.map(\.support.cover) == [6, 5] && rules.rules.map(\.support.correct) == [5, 4])
    #expect(rules.rules.map(\.confidence) == [6.0 / 8, 5.0 / 7] && rules.defaultConclusion == .label(0))
    #expect(tree.leafCount == 2 && tree.depth == 1 && tree.depths == [0, 1, 1])
    #expect(
      tree.leaf([.nan]) == 2 && tree.conclusion([2]) == .label(0)
        && tree.conclusion([Double(2).nextUp]) == .label(1))
  }

  @Test func fiveOfNineIsOneNodeAndManyRules() throws {
    let features = (0..<9).map { Feature("x\($0)", kind: .integer) }
    let tree = try DecisionTree(
      features: features, classes: ["no", "yes"],
      nodes: [
        .init(
          split: .mOfN(MOfN(5, of: (0..<9).map { .above($0, 0.5) })), children: [1, 2], distribution: [1, 1],
          weight: 2),
        .init(distribution: [0, 1], weight: 1), .init(distribution: [1, 0], weight: 1),
      ])
    let rules = try tree.ruleSet()
    #expect(rules.rules.count == 126 + 126)
    #expect(try RuleEquivalence(tree, rules, includingMissing: false).areEqual)
    #expect(throws: RuleError.self) { try tree.ruleSet(clauseLimit: 100) }
  }

  @Test func brokenTreesAreRefused() {
    func message(_ nodes: [DecisionTree.Node]) -> String {
      do {
        _ = try DecisionTree(features: [Feature("x")], classes: ["a", "b"], nodes: nodes)
        return "none"
      } catch { return error.description }
    }
    let leaf = DecisionTree.Node(distribution: [1, 0], weight: 1)
    func inner(_ children: [Int], _ split: DecisionTree.Split = .term(.atMost(0, 1)), default choice: Int = 0)
      -> DecisionTree.Node
    { .init(split: split, children: children, defaultChild: choice, distribution: [1, 0], weight: 1) }
    #expect(message([]) == "the tree has no nodes")
    #expect(message([inner([0, 1]), leaf]) == "node 0: child 0 does not come after it")
    #expect(message([inner([1, 7]), leaf]) == "node 0: child 7 does not come after it")
    #expect(message([inner([1, 1]), leaf]) == "node 1: it has 2 parents, expected 1")
    #expect(message([inner([1, 2]), leaf, leaf, leaf]) == "node 3: it has 0 parents, expected 1")
    #expect(message([inner([1]), leaf]) == "node 0: it has 1 children for 2 answers")
    #expect(
      message([inner([1, 2], default: 2), leaf, leaf]) == "node 0: its default child 2 does not exist")
    #expect(message([inner([1, 2], .term(.atMost(3, 1))), leaf, leaf]) == "node 0: it reads feature 3 of 1")
    #expect(message([inner([1, 2], .term(.atMost(0, .nan))), leaf, leaf]) == "node 0: a threshold is nan")
    #expect(
      message([inner([1, 2], .mOfN(MOfN(2, of: [.atMost(0, 1)]))), leaf, leaf])
        == "node 0: it asks for 2 of 1 literals")
    #expect(
      message([.init(distribution: [1], weight: 1)]) == "node 0: the distribution has 1 entries, expected 2")
  }
}
