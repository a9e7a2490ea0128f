import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct DistilledTreeTests {
  /// Whole numbers, so that thresholds come back exactly: `n0 ≤ 4` asks `n1 ≤ 6`, else `n2 ≤ 2`.
  private static let grid = (0..<4).map { Feature("n\($0)", kind: .integer) }

  private static func gridTree() throws -> DecisionTree {
    func leaf(_ label: Int) -> DecisionTree.Node {
      DecisionTree.Node(distribution: (0..<3).map { $0 == label ? 1 : 0 }, weight: 1)
    }
    func question(_ term: Term, _ children: [Int]) -> DecisionTree.Node {
      DecisionTree.Node(split: .term(term), children: children, distribution: [1, 1, 1], weight: 3)
    }
    return try DecisionTree(
      features: grid, classes: ["a", "b", "c"],
      nodes: [
        question(.atMost(0, 4.5), [1, 4]), question(.atMost(1, 6.5), [2, 3]), leaf(0), leaf(1),
        question(.atMost(2, 2.5), [5, 6]), leaf(1), leaf(2),
      ])
  }

  private static func gridTable(_ rows: Int, seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: grid, rows: (0..<rows).map { _ in grid.map { _ in Double(random.index(below: 10)) } })
  }

  // MARK: Planted trees

  @Test(arguments: [DistilledTree.Target.labels, .probabilities])
  func aTreeComesBack(_ target: DistilledTree.Target) throws {
    let planted = try DistilledTreeTests.gridTree()
    var distillation = DistilledTree()
    distillation.target = target
    let extracted = try distillation.extract(
      from: ScriptedOracle(planted), examples: DistilledTreeTests.gridTable(800, seed: 1))
    let tree = try #require(extracted.model as? DecisionTree)
    let comparison = try RuleEquivalence(planted, tree, includingMissing: false)
    #expect(comparison.isExact && comparison.areEqual)
    #expect(tree.leafCount == 4 && !extracted.isTruncated)
  }

  @Test func c45GivesItBackToo() throws {
    let planted = try DistilledTreeTests.gridTree()
    var distillation = DistilledTree()
    distillation.learner = .c45(C45())
    let tree = try distillation.extract(
      from: ScriptedOracle(planted), examples: DistilledTreeTests.gridTable(800, seed: 2)
    ).model
    let test = try DistilledTreeTests.gridTable(4000, seed: 3)
    #expect(try ScriptedOracle(planted).fidelity(of: tree, on: test) > 0.995)
  }

  /// Thresholds of numbers come within one hundredth of the range, and noise is left out.
  @Test(arguments: [QueryDistribution.marginals, .box, .copula])
  func thresholdsAreFound(_ distribution: QueryDistribution) throws {
    let features = PlantedTables.named(5)
    let oracle = ScriptedOracle(features) { $0[0] > 0.62 && $0[1] <= 0.35 || $0[0] <= 0.62 && $0[2] > 0.8 }
    var distillation = DistilledTree()
    (distillation.distribution, distillation.queryCount) = (distribution, 20_000)
    let extracted = try distillation.extract(
      from: oracle, examples: PlantedTables.uniform(500, features, seed: 4))
    let test = try PlantedTables.uniform(5000, features, seed: 5)
    #expect(try oracle.fidelity(of: extracted.model, on: test) > 0.99)
    for (feature, threshold) in [(0, 0.62), (1, 0.35), (2, 0.8)] {
      let found = extracted.model.terms.filter { $0.feature == feature }.compactMap { $0.threshold }
      #expect(found.contains { abs($0 - threshold) < 0.01 }, "x\(feature): \(found)")
    }
  }

  /// An exclusive *or* of two numbers among noise: examples alone are too few for a greedy tree.
  ///
  /// Not of the box: there no first question gains anything, as in all of them half of the rows go either way.
  @Test func queriesFindAnExclusiveOr() throws {
    let features = PlantedTables.named(10)
    let oracle = ScriptedOracle(features) { ($0[0] > 0.5) != ($0[1] > 0.5) }
    let test = try PlantedTables.uniform(4000, features, seed: 6)
    func fidelity(queries: Int) throws -> Double {
      var sum = 0.0
      for seed in 0..<3 as Range<UInt64> {
        var distillation = DistilledTree()
        (distillation.queryCount, distillation.seed) = (queries, seed)
        let examples = try PlantedTables.uniform(640, features, seed: 10 + seed)
        sum += try oracle.fidelity(of: distillation.extract(from: oracle, examples: examples).model, on: test)
      }
      return sum / 3
    }
    let (many, none) = (try fidelity(queries: 20_000), try fidelity(queries: 0))
    #expect(many >= 0.95 && many > none, "\(many), without queries \(none)")
  }

  // MARK: Size

  @Test func leavesAreLimited() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { $0[0] + $0[1] > 1 }
    let examples = try PlantedTables.uniform(300, features, seed: 7)
    let test = try PlantedTables.uniform(3000, features, seed: 8)
    var last = 0.0
    for limit in [1, 2, 4, 8, 16] {
      var distillation = DistilledTree()
      distillation.maximumLeaves = limit
      let extracted = try distillation.extract(from: oracle, examples: examples)
      let tree = try #require(extracted.model as? DecisionTree)
      #expect(tree.leafCount <= limit)
      // A slanting line is never done with.
      #expect(extracted.isTruncated)
      let fidelity = try oracle.fidelity(of: tree, on: test)
      #expect(fidelity > last - 0.01)
      last = fidelity
    }
    #expect(last > 0.93)
  }

  /// Every tree of the sequence, asked one after the other, agrees as often as counted along one way down.
  @Test func agreementsAreThoseOfThePrunedTrees() throws {
    var source = RandomTables(seed: 9)
    let table = try source.table(rows: 600, ordered: 3, categories: 1, missing: 0.1, values: 0)
    let labels = (0..<600).map { row in
      source.random.uniform() < 0.2
        ? source.random.index(below: 3) : (table[row, 0] > 0 ? 1 : table[row, 1] > 0 ? 2 : 0)
    }
    let training = table.subset(rows: Array(0..<400)), heldOut = table.subset(rows: Array(400..<600))
    let tree = try CART(minimumLeaf: 3).fit(
      TrainingTable(training, .labels(Array(labels[..<400])), classes: ["a", "b", "c"]))
    let path = CostComplexity(of: tree)
    let agreement = HeldOutAgreement(path, heldOut, Array(labels[400...]))
    #expect(agreement.rowCount == 200 && agreement.hits.count > 10)
    for (steps, hits) in agreement.hits.enumerated() {
      let found = try path.pruned(steps: steps).labels(on: heldOut)
      #expect(hits == zip(found, labels[400...]).count { $0 == $1 })
    }
    for limit in [nil, 1, 5, 20] as [Int?] {
      for errors in [0, 1, 2.5] {
        let allowed = agreement.hits.indices.filter { path.leafCounts[$0] <= limit ?? .max }
        let best = Double(allowed.map { agreement.hits[$0] }.max()!)
        let error = (best / 200 * (1 - best / 200) / 200).squareRoot()
        let wanted = allowed.filter {
          Double(agreement.hits[$0]) / 200 >= best / 200 - errors * error - 1e-12
        }
        .min { path.leafCounts[$0] < path.leafCounts[$1] }
        #expect(agreement.steps(maximumLeaves: limit, standardErrors: errors) == wanted)
      }
    }
  }

  @Test func withoutHeldOutRowsNothingIsPruned() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { $0[0] * $0[1] > 0.25 }
    let examples = try PlantedTables.uniform(200, features, seed: 10)
    var distillation = DistilledTree()
    (distillation.heldOutShare, distillation.queryCount) = (0, 0)
    let extracted = try distillation.extract(from: oracle, examples: examples)
    let plain = try CART(minimumLeaf: 15).fit(
      TrainingTable(
        examples, .probabilities(oracle.probabilities(of: examples)), classes: oracle.classes))
    #expect(extracted.model as? DecisionTree == plain)
    #expect(extracted.remarks == ["The rules were learnt from what the oracle says of 200 examples."])
  }

  // MARK: What is held out

  private func remark(_ distribution: QueryDistribution, queries: Int?) throws -> String {
    let features = PlantedTables.named(2)
    var distillation = DistilledTree()
    (distillation.distribution, distillation.queryCount) = (distribution, queries)
    let extracted = try distillation.extract(
      from: ScriptedOracle(features) { $0[0] > 0.5 }, examples: PlantedTables.uniform(100, features, seed: 11)
    )
    #expect(extracted.remarks.count == 2)
    return extracted.remarks[1].components(separatedBy: " the rules")[0]
  }

  /// New rows are held out where they are new; where they repeat examples, examples are.
  @Test func remarksSayWhatWasHeldOut() throws {
    #expect(try remark(.copula, queries: nil) == "On 200 held-out queries")
    #expect(try remark(.marginals, queries: 300) == "On 60 held-out queries")
    #expect(try remark(.mixes(), queries: nil) == "On 20 held-out examples")
    #expect(try remark(.examples, queries: nil) == "On 20 held-out examples")
    #expect(try remark(.box, queries: 0) == "On 20 held-out examples")
  }

  @Test(arguments: [QueryDistribution.examples, .mixes()])
  func heldOutExamplesAreNotLearntFrom(_ distribution: QueryDistribution) throws {
    let features = PlantedTables.named(1)
    // Far apart, so that a mix tells which examples it lies between.
    let examples = try RuleTable(features: features, rows: (0..<50).map { [pow(1.5, Double($0))] })
    var settings = DistilledTree()
    (settings.distribution, settings.heldOutShare) = (distribution, 0.4)
    let oracle = ScriptedOracle(features) { $0[0] > 100 }
    let data = try DistillationData(settings, oracle, examples)
    #expect(data.heldOut.rowCount == 20 && data.training.rowCount == 30 + 500)
    let known = Set(data.training.values)
    #expect(data.heldOut.values.allSatisfy { !known.contains($0) })
    #expect(data.trainingAnswers.labels == data.training.values.map { $0 > 100 ? 1 : 0 })
    #expect(data.heldOutAnswers.labels == data.heldOut.values.map { $0 > 100 ? 1 : 0 })
  }

  // MARK: Seeds, constants, refusals

  @Test func equalSeedsGiveEqualTrees() throws {
    let features = PlantedTables.named(3)
    let oracle = ScriptedOracle(features) { $0[0] + $0[1] * $0[2] > 0.7 }
    let examples = try PlantedTables.uniform(150, features, seed: 12)
    func bytes(_ seed: UInt64) throws -> [UInt8] {
      var distillation = DistilledTree()
      distillation.seed = seed
      let extracted = try distillation.extract(from: oracle, examples: examples)
      return try RuleDocument.tree(#require(extracted.model as? DecisionTree)).json
        + extracted.remarks.joined().utf8
    }
    #expect(try bytes(1) == bytes(1))
    #expect(try bytes(1) != bytes(2))
  }

  @Test func aConstantOracleGivesOneLeaf() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { _ in true }
    let extracted = try DistilledTree().extract(
      from: oracle, examples: PlantedTables.uniform(30, features, seed: 13))
    let tree = try #require(extracted.model as? DecisionTree)
    #expect(tree.nodes.count == 1 && tree.conclusion([0, 0]) == .label(1))
    #expect(tree.nodes[0].distribution == [0, 330] && tree.nodes[0].weight == 330)
    #expect(
      extracted.remarks == [
        "The oracle gives each of the 330 rows that it was asked about the class 'yes', so that class is all the rules "
          + "say; look at the examples, or ask about others."
      ])
    #expect(!extracted.isTruncated)
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { $0[0] > 0.5 }
    let examples = try PlantedTables.uniform(20, features, seed: 14)
    func expect(_ text: String, _ change: (inout DistilledTree) -> Void) {
      var distillation = DistilledTree()
      change(&distillation)
      #expect(throws: RuleError(.parameters(text))) {
        try distillation.extract(from: oracle, examples: examples)
      }
    }
    expect("the number of queries must be 0 or more, found -1") { $0.queryCount = -1 }
    expect("the held-out share must be from 0 to below 1, found 1.0") { $0.heldOutShare = 1 }
    expect("the standard errors must be 0 or more, found -1.0") { $0.standardErrors = -1 }
    expect("the leaves must be 1 or more, found 0") { $0.maximumLeaves = 0 }
    expect("mixes need 1 neighbour or more, found 0") { $0.distribution = .mixes(neighbours: 0) }
    #expect(throws: RuleError(.tooFew(set: "the table of examples", found: 0, needed: 1))) {
      try DistilledTree().extract(from: oracle, examples: examples.subset(rows: []))
    }
    #expect(throws: RuleError(.count(what: "features in the table", found: 1, expected: 2))) {
      try DistilledTree().extract(from: oracle, examples: examples.selecting(features: [0]))
    }
  }

  @Test func answersThatAreNoneAreNamed() throws {
    let features = PlantedTables.named(1)
    let examples = try PlantedTables.uniform(20, features, seed: 15)
    let short = ScriptedOracle(features, classes: ["a", "b"]) { _ in [1] }
    #expect(throws: RuleError(.count(what: "probabilities of the oracle", found: 20, expected: 40))) {
      try OracleAnswers(of: short, on: examples)
    }
    let wild = ScriptedOracle(features, classes: ["a", "b"]) {
      $0 == examples.row(3) ? [0, .infinity] : [1, 0]
    }
    #expect(throws: RuleError(.notFinite("row 4: the oracle's probability of 'b' is inf"))) {
      try OracleAnswers(of: wild, on: examples)
    }
    let none = ScriptedOracle(features, classes: []) { _ in [] }
    #expect(throws: RuleError(.count(what: "classes of the oracle", found: 0, expected: 2))) {
      try OracleAnswers(of: none, on: examples)
    }
    let even = ScriptedOracle(features, classes: ["a", "b"]) { _ in [0.5, 0.5] }
    #expect(try OracleAnswers(of: even, on: examples).labels.allSatisfy { $0 == 0 })
  }
}
