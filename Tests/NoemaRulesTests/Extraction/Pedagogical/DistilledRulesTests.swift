import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct DistilledRulesTests {
  @Test func plantedRulesComeBack() throws {
    let features = PlantedTables.named(4)
    let oracle = ScriptedOracle(features) { $0[0] > 0.6 && $0[1] <= 0.4 || $0[2] > 0.8 }
    let extracted = try DistilledRules().extract(
      from: oracle, examples: PlantedTables.uniform(800, features, seed: 1))
    let rules = try #require(extracted.model as? RuleSet)
    #expect(try oracle.fidelity(of: rules, on: PlantedTables.uniform(4000, features, seed: 2)) > 0.98)
    func hasRule(_ wanted: [(Int, Double)]) -> Bool {
      rules.rules.contains { rule in
        let terms = rule.clause.terms
        return rule.conclusion == .label(1) && terms.count == wanted.count
          && zip(terms, wanted).allSatisfy { $0.feature == $1.0 && abs(($0.threshold ?? 9) - $1.1) < 0.02 }
      }
    }
    #expect(hasRule([(2, 0.8)]), "\(rules.text)")
    #expect(hasRule([(0, 0.6), (1, 0.4)]), "\(rules.text)")
    #expect(!rules.terms.contains { $0.feature == 3 })
  }

  @Test(arguments: [1, 2, 4]) func rulesAreLimited(_ limit: Int) throws {
    let features = PlantedTables.named(2)
    let oracle = ScriptedOracle(features) { $0[0] + $0[1] > 1 }
    var extractor = DistilledRules()
    extractor.maximumRules = limit
    let extracted = try extractor.extract(
      from: oracle, examples: PlantedTables.uniform(200, features, seed: 3))
    let rules = try #require(extracted.model as? RuleSet)
    #expect(rules.rules.count <= limit && extracted.isTruncated)
    extractor.maximumRules = 0
    #expect(throws: RuleError(.parameters("the rules must be 1 or more, found 0"))) {
      try extractor.extract(from: oracle, examples: PlantedTables.uniform(20, features, seed: 3))
    }
  }

  @Test func aConstantOracleGivesTheDefault() throws {
    let features = PlantedTables.named(2)
    let extracted = try DistilledRules().extract(
      from: ScriptedOracle(features) { _ in true }, examples: PlantedTables.uniform(10, features, seed: 4))
    let rules = try #require(extracted.model as? RuleSet)
    #expect(rules.rules.isEmpty && rules.defaultConclusion == .label(1))
    #expect(extracted.remarks.count == 1 && extracted.remarks[0].contains("the class 'yes'"))
  }

  @Test func equalSeedsGiveEqualRules() throws {
    let features = PlantedTables.named(3)
    let oracle = ScriptedOracle(features) { $0[0] * $0[1] > 0.3 }
    let examples = try PlantedTables.uniform(120, features, seed: 5)
    func rules(_ seed: UInt64) throws -> RuleSet? {
      var extractor = DistilledRules()
      extractor.tree.seed = seed
      return try extractor.extract(from: oracle, examples: examples).model as? RuleSet
    }
    #expect(try rules(1) == rules(1))
    #expect(try rules(1) != rules(2))
  }
}

/// A network over measurements that depend strongly on each other.
@Suite struct CancerDistillationTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../../models/rules").standardizedFileURL.path

  private func material() throws -> (oracle: TableNetwork, training: RuleTable, test: RuleTable) {
    let folder = CancerDistillationTests.folder
    let training = try RuleTable(CSVTable(path: "\(folder)/cancer-train.csv"), excluding: ["diagnosis"])
    let test = try RuleTable(CSVTable(path: "\(folder)/cancer-test.csv"), features: training.features)
    let oracle = try TableNetwork(
      Network(contentsOf: "\(folder)/cancer.onnx"), features: training.features,
      classes: ["benign", "malignant"])
    return (oracle, training, test)
  }

  private func fidelity(_ rules: any RuleModel, _ oracle: TableNetwork, _ table: RuleTable) throws -> Double {
    Double(zip(try rules.labels(on: table), try oracle.labels(of: table)).count { $0 == $1 })
      / Double(table.rowCount)
  }

  /// A handful of rules says what the network says of held-out rows, on average over seeds.
  @Test func aHandfulOfRulesIsFaithful() throws {
    let (oracle, training, test) = try material()
    var (trees, rules) = (0.0, 0.0)
    for seed in 0..<3 as Range<UInt64> {
      var tree = DistilledTree()
      (tree.maximumLeaves, tree.seed) = (8, seed)
      trees += try fidelity(tree.extract(from: oracle, examples: training).model, oracle, test)
      var set = DistilledRules()
      (set.tree.seed, set.maximumRules) = (seed, 8)
      rules += try fidelity(set.extract(from: oracle, examples: training).model, oracle, test)
    }
    #expect(trees / 3 >= 0.93, "\(trees / 3)")
    #expect(rules / 3 >= 0.93, "\(rules / 3)")
  }

  /// Marginals ask about rows that do not occur, and few of these are like the examples.
  @Test(arguments: [4, 8, nil] as [Int?]) func correlatedQueriesAreLikelierThanMarginals(_ leaves: Int?)
    throws
  {
    let (oracle, training, test) = try material()
    func fidelity(_ distribution: QueryDistribution) throws -> Double {
      var sum = 0.0
      for seed in 0..<10 as Range<UInt64> {
        var tree = DistilledTree()
        (tree.distribution, tree.maximumLeaves, tree.seed) = (distribution, leaves, seed)
        sum += try self.fidelity(tree.extract(from: oracle, examples: training).model, oracle, test)
      }
      return sum / 10
    }
    let (copula, marginals) = (try fidelity(.copula), try fidelity(.marginals))
    #expect(copula > marginals, "\(copula), of marginals \(marginals)")
  }
}
