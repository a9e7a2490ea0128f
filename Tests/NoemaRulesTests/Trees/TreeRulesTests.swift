import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct TreeRulesTests {
  /// `x > 0.6 and y ≤ 0.4`, or `z > 0.8`, with some labels turned.
  private func planted(_ seed: UInt64, rows: Int = 800, noise: Double = 0) throws -> TrainingTable {
    var random = RandomNumbers(seed: seed)
    let table = try RuleTable(
      features: ["x", "y", "z", "noise"].map { Feature($0) },
      rows: (0..<rows).map { _ in (0..<4).map { _ in random.uniform() } })
    let labels = (0..<rows).map { row in
      let holds = table[row, 0] > 0.6 && table[row, 1] <= 0.4 || table[row, 2] > 0.8
      return holds != (random.uniform() < noise) ? 1 : 0
    }
    return try TrainingTable(table, .labels(labels), classes: ["no", "yes"])
  }

  private func accuracy(_ rules: some RuleModel, _ examples: TrainingTable) throws -> Double {
    guard case .labels(let labels) = examples.target else { return 0 }
    return Double(zip(try rules.labels(on: examples.table), labels).count { $0 == $1 }) / Double(labels.count)
  }

  @Test func plantedRulesAreFound() throws {
    let examples = try planted(1)
    let rules = try C45().fitRules(examples)
    #expect(try accuracy(rules, examples) > 0.99)
    #expect(try accuracy(rules, planted(2)) > 0.97)
    #expect(rules.rules.count <= 8)
    #expect(rules.resolution == .confidenceVote)
    // Both rules of the class come back with their own features and near their thresholds.
    let positive = rules.rules.filter { $0.conclusion == .label(1) }
    func near(_ rule: Rule, _ wanted: [(Int, Double)]) -> Bool {
      let terms = rule.clause.terms
      return terms.count == wanted.count
        && zip(terms, wanted).allSatisfy { $0.feature == $1.0 && abs(($0.threshold ?? 9) - $1.1) < 0.03 }
    }
    #expect(positive.contains { near($0, [(2, 0.8)]) })
    #expect(positive.contains { near($0, [(0, 0.6), (1, 0.4)]) })
  }

  @Test(arguments: [0.0, 0.1])
  func rulesAreCountedAndCannotBeShortened(_ noise: Double) throws {
    let examples = try planted(3, rows: 300, noise: noise)
    guard case .labels(let labels) = examples.target else { return }
    let tree = try C45(minimumCases: 3).fit(examples)
    let rules = try TreeRules().ruleSet(tree, examples)
    let estimate = PessimisticError()
    func rate(_ clause: Clause, _ label: Int) -> Double {
      let covered = clause.coveredRows(of: examples.table)
      return estimate.rate(
        cases: Double(covered.count), errors: Double(covered.count { labels[$0] != label }))
    }
    for rule in rules.rules {
      let label = try #require(rule.conclusion.label)
      let covered = rule.clause.coveredRows(of: examples.table)
      #expect(rule.support.cover == Double(covered.count))
      #expect(rule.support.correct == Double(covered.count { labels[$0] == label }))
      #expect(rule.confidence == (rule.support.correct + 1) / (rule.support.cover + 2))
      // Without one of its terms it would be taken to err more often.
      for term in rule.clause.terms {
        #expect(rate(rule.clause.removing(term), label) > rate(rule.clause, label))
      }
    }
    #expect(Set(rules.rules.map(\.clause)).count == rules.rules.count)
    let accuracy = try accuracy(rules, examples)
    #expect(accuracy > (noise == 0 ? 0.97 : 0.85))
  }

  /// No choice of rules of a class has a shorter description, by its own writing of the lengths.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func chosenRulesHaveTheShortestDescription(_ seed: UInt64) throws {
    let examples = try planted(seed, rows: 120, noise: 0.15)
    guard case .labels(let labels) = examples.target else { return }
    let tree = try C45(minimumCases: 6).fit(examples)
    var all = TreeRules()
    all.selects = false
    let candidates = try all.ruleSet(tree, examples).rules.filter { $0.clause != .always }
    let chosen = try TreeRules().ruleSet(tree, examples).rules
    func ways(_ n: Int, _ k: Int) -> Double {
      (0..<k).reduce(0) { $0 + log2(Double(n - $1)) - log2(Double($1 + 1)) }
    }
    func length(_ rules: [Rule], _ label: Int) -> Double {
      let covered = (0..<120).filter { row in
        rules.contains { $0.clause.holds(row: row, of: examples.table) }
      }
      let wrong = covered.count { labels[$0] != label }
      let missed = labels.count { $0 == label } - (covered.count - wrong)
      var theory = 0.0
      for (position, rule) in rules.enumerated() {
        var bits = 0.0
        for (place, term) in rule.clause.terms.enumerated() {
          let values = Set(examples.table.column(term.feature)).count
          bits += log2(4) + log2(Double(values - 1)) - log2(Double(place + 1))
        }
        theory += max(0, bits) - log2(Double(position + 1))
      }
      return ways(covered.count, wrong) + ways(120 - covered.count, missed) + 0.5 * max(0, theory)
    }
    for label in 0...1 {
      let own = candidates.filter { $0.conclusion == .label(label) }
      try #require(own.count <= 10)
      let found = length(chosen.filter { $0.conclusion == .label(label) }, label)
      for mask in 0..<(1 << own.count) {
        let choice = own.indices.filter { mask >> $0 & 1 == 1 }.map { own[$0] }
        #expect(length(choice, label) >= found - 1e-6)
      }
    }
  }

  @Test func manyRulesAreChosenToo() throws {
    let examples = try planted(6, rows: 2500, noise: 0.2)
    var learner = C45()
    (learner.prunes, learner.penalisesThresholds) = (false, false)
    let tree = try learner.fit(examples)
    #expect(tree.leafCount > 40)
    var all = TreeRules()
    all.selects = false
    let rules = try TreeRules().ruleSet(tree, examples)
    #expect(rules.rules.count < (try all.ruleSet(tree, examples)).rules.count / 2)
    // A fifth of the labels is turned.
    #expect(try accuracy(rules, examples) > 0.75)
    #expect(try accuracy(rules, planted(7)) > 0.9)
  }

  @Test func listsAnswerByTheFirstRule() throws {
    let examples = try planted(9, noise: 0.05)
    let tree = try C45(minimumCases: 5).fit(examples)
    let list = try TreeRules().ruleList(tree, examples)
    #expect(try accuracy(list, examples) > 0.9)
    // Classes do not mix, and the default is the commonest class of what is left.
    let labels = list.rules.map { $0.conclusion.label! }
    #expect(zip(labels, labels.dropFirst()).count { $0 != $1 } <= 1)
    guard case .labels(let truth) = examples.target else { return }
    let rest = (0..<800).filter { row in
      !list.rules.contains { $0.clause.holds(row: row, of: examples.table) }
    }
    let ones = rest.count { truth[$0] == 1 }
    #expect(list.otherwise.support.cover == Double(rest.count))
    #expect(list.defaultConclusion == .label(2 * ones > rest.count ? 1 : 0))
  }

  @Test func aLeafIsOneRuleThatAlwaysHolds() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [2], [3]])
    let examples = try TrainingTable(table, .labels([1, 1, 1]), classes: ["a", "b"])
    let rules = try C45().fitRules(examples)
    #expect(rules.rules.map(\.clause) == [.always])
    #expect(rules.rules[0].support == Support(cover: 3, correct: 3))
    #expect(rules.defaultConclusion == .label(1))
  }

  /// A missing value fails every condition of C4.5's rules; of CART's it goes where the tree sends it.
  @Test func missingValuesFailOrFollowTheTree() throws {
    let table = try RuleTable(
      features: [Feature("x")], rows: (0..<40).map { [$0 % 8 == 7 ? .nan : Double($0 % 8)] })
    let labels = (0..<40).map { $0 % 8 > 3 ? 1 : 0 }
    let examples = try TrainingTable(table, .labels(labels), classes: ["a", "b"])
    var learner = C45()
    learner.penalisesThresholds = false
    for rule in try learner.fitRules(examples).rules { #expect(!rule.clause.holds([.nan])) }
    var conversion = TreeRules()
    conversion.generalises = false
    let rules = try conversion.ruleSet(CART().fit(examples), examples)
    #expect(rules.conclusion([.nan]) == .label(1))
    #expect(try rules.labels(on: table) == labels)
  }

  @Test func examplesThatDoNotFitAreNamed() throws {
    let examples = try planted(1, rows: 20)
    let tree = try CART().fit(examples)
    let others = try TrainingTable(
      examples.table, .labels([Int](repeating: 0, count: 20)), classes: ["u", "v"])
    #expect(
      throws: RuleError(
        .parameters(#"rules need a tree of classes and examples with the same classes, found ["u", "v"]"#))
    ) {
      try TreeRules().ruleSet(tree, others)
    }
    #expect(throws: RuleError.self) { try TreeRules(confidence: 0).ruleSet(tree, examples) }
  }
}
