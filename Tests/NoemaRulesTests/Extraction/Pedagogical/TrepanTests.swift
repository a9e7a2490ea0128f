import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct TrepanTests {
  private func tree(_ trepan: Trepan, _ oracle: ScriptedOracle, _ examples: RuleTable) throws -> DecisionTree
  {
    try #require(trepan.extract(from: oracle, examples: examples).model as? DecisionTree)
  }

  /// All rows of zeros and ones.
  private func cube(_ width: Int) throws -> RuleTable {
    try RuleTable(
      features: (0..<width).map { Feature("b\($0)", kind: .integer) },
      rows: (0..<(1 << width)).map { code in (0..<width).map { Double(code >> $0 & 1) } })
  }

  // MARK: M-of-N

  @Test func fiveOfNineIsOneQuestion() throws {
    let examples = try PlantedTables.booleans(300, 9, seed: 1)
    let oracle = ScriptedOracle(examples.features) { row in row.count { $0 > 0.5 } >= 5 }
    let tree = try tree(Trepan(), oracle, examples)
    guard case .mOfN(let test)? = tree.nodes[0].split else {
      Issue.record("\(tree.text)")
      return
    }
    #expect(tree.nodes.count == 3 && test.m == 5 && test.literals.count == 9)
    #expect(try oracle.fidelity(of: tree, on: cube(9)) == 1)
    // Of single questions the same takes many.
    var plain = Trepan()
    plain.search.literalLimit = 1
    let long = try self.tree(plain, oracle, examples)
    #expect(try oracle.fidelity(of: long, on: cube(9)) < 0.98)
    #expect(long.leafCount > 10)
    #expect(
      long.nodes.allSatisfy { node in
        if case .mOfN? = node.split { false } else { true }
      })
  }

  @Test func conceptsBesideConditionsAreFound() throws {
    let examples = try PlantedTables.booleans(600, 8, seed: 2)
    // The last four say nothing.
    let oracle = ScriptedOracle(examples.features) { b in b[0] > 0.5 && b[1] + b[2] + b[3] >= 2 }
    let found = try tree(Trepan(), oracle, examples)
    #expect(try oracle.fidelity(of: found, on: cube(8)) > 0.99, "\(found.text)")
    #expect(found.nodes.count { !$0.isLeaf } <= 6, "\(found.text)")
    #expect(!found.terms.contains { $0.feature > 3 }, "\(found.text)")
  }

  // MARK: The stopping rule

  @Test func fiftyNineOfFiftyNineWillDo() {
    let trepan = Trepan()
    #expect(trepan.isPure([59, 0]) && trepan.isPure([0, 59, 0]))
    #expect(!trepan.isPure([58, 0]))
    // 0.95⁵⁹ < 0.05 ≤ 0.95⁵⁸.
    #expect(pow(0.95, 59) < 0.05 && pow(0.95, 58) >= 0.05)
    #expect(!trepan.isPure([0, 0]))
  }

  @Test(arguments: [0.05, 0.1, 0.3], [0.01, 0.05, 0.5]) func purityIsTheBinomialTail(
    _ epsilon: Double, _ delta: Double
  ) {
    var trepan = Trepan()
    (trepan.epsilon, trepan.delta) = (epsilon, delta)
    func logChoose(_ n: Int, _ k: Int) -> Double {
      lgamma(Double(n) + 1) - lgamma(Double(k) + 1) - lgamma(Double(n - k) + 1)
    }
    for count in [1, 7, 30, 59, 100, 400] {
      for hits in (count / 2 + 1)...count {
        var tail = 0.0
        for k in hits...count {
          let bits = Double(k) * log(1 - epsilon) + Double(count - k) * log(epsilon)
          tail += exp(logChoose(count, k) + bits)
        }
        guard abs(tail - delta) > 1e-9 else { continue }
        #expect(trepan.isPure([Double(hits), Double(count - hits)]) == (tail < delta), "\(hits) of \(count)")
      }
    }
  }

  // MARK: Growth

  @Test(arguments: [1, 3, 7]) func questionsAreLimited(_ limit: Int) throws {
    let features = PlantedTables.named(3)
    let oracle = ScriptedOracle(features) { sin(9 * $0[0]) + cos(8 * $0[1]) > 0 }
    var trepan = Trepan()
    (trepan.maximumNodes, trepan.heldOutShare) = (limit, 0)
    let extracted = try trepan.extract(from: oracle, examples: PlantedTables.uniform(400, features, seed: 3))
    let tree = try #require(extracted.model as? DecisionTree)
    #expect(tree.nodes.count { !$0.isLeaf } == limit)
    #expect(extracted.isTruncated)
    #expect(extracted.remarks.count == 1)
  }

  /// What goes into a node goes on to its children, and the root has all examples.
  @Test func weightsAreSharedOut() throws {
    let features = PlantedTables.named(3)
    let oracle = ScriptedOracle(features) { $0[0] > 0.3 && $0[1] + $0[2] > 0.8 }
    let examples = try PlantedTables.uniform(500, features, seed: 4)
    let tree = try tree(Trepan(), oracle, examples)
    #expect(tree.nodes[0].weight == 500 && tree.nodes.count > 3)
    for node in tree.nodes {
      #expect(abs(node.distribution.reduce(0, +) - node.weight) < 1e-9 * 500)
      guard !node.isLeaf else { continue }
      #expect(abs(node.children.reduce(0) { $0 + tree.nodes[$1].weight } - node.weight) < 1e-9 * 500)
      // Questions are failed by missing values.
      #expect(node.defaultChild == 1)
    }
    // The estimated share of a leaf is about that of the examples that come there.
    var counts = [Double](repeating: 0, count: tree.nodes.count)
    let fresh = try PlantedTables.uniform(5000, features, seed: 5)
    for row in 0..<5000 { counts[tree.leaf(row: row, of: fresh)] += 0.1 }
    for (index, node) in tree.nodes.enumerated() where node.isLeaf {
      #expect(abs(counts[index] - node.weight) < 40, "\(index): \(counts[index]), \(node.weight)")
    }
  }

  /// The size that agrees best on held-out examples is at least as good as the largest there.
  @Test func theBestSizeIsKept() throws {
    let features = PlantedTables.named(4)
    // Noise that is the same for the same row, so that questions beyond the first say nothing.
    let oracle = ScriptedOracle(features) { row in
      let noise = (row[0] * 7919 + row[1] * 104_729).truncatingRemainder(dividingBy: 1)
      return (row[2] > 0.5) != (noise < 0.15)
    }
    var trepan = Trepan()
    trepan.maximumNodes = 20
    let extracted = try trepan.extract(from: oracle, examples: PlantedTables.uniform(400, features, seed: 6))
    let tree = try #require(extracted.model as? DecisionTree)
    #expect(tree.nodes.count { !$0.isLeaf } < 20)
    #expect(extracted.remarks.contains { $0.hasPrefix("Of 20 questions the first ") })
    #expect(extracted.remarks.last?.hasPrefix("On 80 held-out examples the rules agree") == true)
    trepan.heldOutShare = 0
    let whole = try #require(
      trepan.extract(from: oracle, examples: PlantedTables.uniform(400, features, seed: 6)).model
        as? DecisionTree)
    #expect(whole.nodes.count { !$0.isLeaf } == 20)
  }

  @Test func missingValuesFailQuestions() throws {
    let features = PlantedTables.named(2)
    var random = RandomNumbers(seed: 7)
    let examples = try RuleTable(
      features: features,
      rows: (0..<400).map { _ in [random.uniform() < 0.3 ? .nan : random.uniform(), random.uniform()] })
    let oracle = ScriptedOracle(features) { !$0[0].isNaN && $0[0] > 0.4 }
    let tree = try tree(Trepan(), oracle, examples)
    #expect(try oracle.fidelity(of: tree, on: examples) > 0.98, "\(tree.text)")
    #expect(tree.conclusion([.nan, 0.5]) == .label(0))
  }

  // MARK: Seeds, constants, refusals

  @Test func equalSeedsGiveEqualTrees() throws {
    let features = PlantedTables.named(3)
    let oracle = ScriptedOracle(features) { $0[0] + $0[1] > 1 || $0[2] > 0.9 }
    let examples = try PlantedTables.uniform(200, features, seed: 8)
    func bytes(_ seed: UInt64) throws -> [UInt8] {
      var trepan = Trepan()
      (trepan.seed, trepan.maximumNodes) = (seed, 8)
      return try RuleDocument.tree(tree(trepan, oracle, examples)).json
    }
    #expect(try bytes(1) == bytes(1))
    #expect(try bytes(1) != bytes(2))
  }

  @Test func aConstantOracleGivesOneLeaf() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { _ in false }
    let extracted = try Trepan().extract(from: oracle, examples: PlantedTables.uniform(50, features, seed: 9))
    let tree = try #require(extracted.model as? DecisionTree)
    #expect(tree.nodes.count == 1 && tree.conclusion([1, 1]) == .label(0))
    // 40 examples to learn from, 10 held out, and queries up to a thousand.
    #expect(
      extracted.remarks == [
        "The oracle gives each of the 1010 rows that it was asked about the class 'no', so that class is all the rules "
          + "say; look at the examples, or ask about others."
      ])
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { $0[0] > 0.5 }
    let examples = try PlantedTables.uniform(20, features, seed: 10)
    func expect(_ text: String, _ change: (inout Trepan) -> Void) {
      var trepan = Trepan()
      change(&trepan)
      #expect(throws: RuleError(.parameters(text))) { try trepan.extract(from: oracle, examples: examples) }
    }
    expect("the examples of a node must be 1 to 10000000, found 0") { $0.minimumExamples = 0 }
    expect("the questions must be 1 or more, found 0") { $0.maximumNodes = 0 }
    expect("epsilon must lie between 0 and 1, found 0.0") { $0.epsilon = 0 }
    expect("delta must lie between 0 and 1, found 1.0") { $0.delta = 1 }
    expect("the held-out share must be from 0 to below 1, found -0.5") { $0.heldOutShare = -0.5 }
    #expect(throws: RuleError(.tooFew(set: "the table of examples", found: 0, needed: 1))) {
      try Trepan().extract(from: oracle, examples: examples.subset(rows: []))
    }
  }
}
