import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct SparseRuleEnsembleTests {
  private static let features = PlantedTables.named(6)

  /// Two classes whose logits are a sum.
  private static func oracle(_ logit: @escaping @Sendable ([Double]) -> Double) -> ScriptedOracle {
    ScriptedOracle(features, classes: ["no", "yes"]) { row in
      let p = 1 / (1 + exp(-logit(row)))
      return [1 - p, p]
    }
  }

  private func examples(_ rows: Int, seed: UInt64) throws -> RuleTable {
    try PlantedTables.uniform(rows, SparseRuleEnsembleTests.features, seed: seed)
  }

  /// The share of the variance of logits that a model explains.
  private func explained(_ model: AdditiveRules, _ logit: ([Double]) -> Double, _ table: RuleTable) -> Double
  {
    let truth = (0..<table.rowCount).map { logit(table.row($0)) }
    let rest = (0..<table.rowCount).map { row in
      let scores = model.scores(table.row(row))
      return scores[1] - scores[0] - truth[row]
    }
    return 1 - Statistics.mean(rest.map { $0 * $0 }) / Statistics.variance(truth)
  }

  // MARK: Planted sums

  @Test func plantedRulesAreFound() throws {
    @Sendable func logit(_ row: [Double]) -> Double {
      var sum = 0.5
      if row[0] > 0.6 { sum += 2 }
      if row[1] <= 0.3 { sum -= 1.5 }
      if row[2] > 0.5, row[3] > 0.4 { sum += 1 }
      return sum
    }
    var ensemble = SparseRuleEnsemble()
    ensemble.queryCount = 3000
    let fit = try ensemble.fit(SparseRuleEnsembleTests.oracle(logit), examples: examples(400, seed: 1))
    #expect(explained(fit.model, logit, try examples(2000, seed: 2)) > 0.95)
    #expect(fit.explainedVariances.allSatisfy { $0 > 0.95 && $0 <= 1 })
    let importances = fit.model.featureImportances()
    #expect(importances[0] > importances[1] && importances[1] > importances[2])
    #expect(importances[4] + importances[5] < 0.05 * importances[0], "\(importances)")
    // The two greatest rules are those of one term, near their thresholds.
    func hasThreshold(_ feature: Int, _ threshold: Double) -> Bool {
      fit.model.rules.contains { rule in
        let terms = rule.clause.terms
        return terms.count == 1 && terms[0].feature == feature
          && abs((terms[0].threshold ?? 9) - threshold) < 0.02
      }
    }
    #expect(hasThreshold(0, 0.6) && hasThreshold(1, 0.3))
  }

  @Test func straightLinesAreFound() throws {
    @Sendable func logit(_ row: [Double]) -> Double { 3 * row[0] - 2 * row[4] }
    var ensemble = SparseRuleEnsemble()
    (ensemble.queryCount, ensemble.treeCount) = (2000, 30)
    let oracle = SparseRuleEnsembleTests.oracle(logit)
    let model = try ensemble.fit(oracle, examples: examples(300, seed: 3)).model
    #expect(explained(model, logit, try examples(2000, seed: 4)) > 0.98)
    let slopes = Dictionary(
      uniqueKeysWithValues: model.linearTerms.map { ($0.feature, $0.coefficients[1] - $0.coefficients[0]) })
    #expect((slopes[0] ?? 0) > 1.5 && (slopes[4] ?? 0) < -1, "\(slopes)")
    ensemble.usesLinearTerms = false
    #expect(try ensemble.fit(oracle, examples: examples(300, seed: 3)).model.linearTerms.isEmpty)
  }

  @Test(arguments: [AdditiveRules.Scale.logit, .probability]) func classesMirrorEachOther(
    _ scale: AdditiveRules.Scale
  ) throws {
    var ensemble = SparseRuleEnsemble()
    (ensemble.scale, ensemble.treeCount, ensemble.queryCount) = (scale, 20, 500)
    let oracle = SparseRuleEnsembleTests.oracle { $0[0] > 0.5 ? 2 : -1 }
    let fit = try ensemble.fit(oracle, examples: examples(200, seed: 5))
    #expect(fit.model.rules.allSatisfy { abs($0.coefficients[0] + $0.coefficients[1]) < 1e-12 })
    let centre: Double = scale == .logit ? 0 : 1
    #expect(abs(fit.model.intercepts[0] + fit.model.intercepts[1] - centre) < 1e-12)
    #expect(fit.penalties[0] == fit.penalties[1] && fit.penalties[0] > 0)
    let test = try examples(1000, seed: 6)
    let (found, wanted) = (try fit.model.probabilities(on: test), try oracle.probabilities(of: test))
    #expect(Statistics.mean(zip(found, wanted).map { abs($0 - $1) }) < 0.03)
  }

  @Test func threeClassesHaveThreeSums() throws {
    let features = SparseRuleEnsembleTests.features
    let oracle = ScriptedOracle(features, classes: ["a", "b", "c"]) { row in
      row[0] > 0.66 ? [0.9, 0.05, 0.05] : row[1] > 0.5 ? [0.1, 0.8, 0.1] : [0.2, 0.1, 0.7]
    }
    var ensemble = SparseRuleEnsemble()
    (ensemble.treeCount, ensemble.queryCount) = (40, 1500)
    let extracted = try ensemble.extract(from: oracle, examples: examples(300, seed: 7))
    #expect(try oracle.fidelity(of: extracted.model, on: examples(2000, seed: 8)) > 0.96)
    #expect((extracted.model as? RuleSet)?.resolution == .confidenceVote)
    #expect(
      extracted.remarks.contains {
        $0.hasPrefix("The rules are the terms of a sum and vote by their weights")
      })
  }

  // MARK: Limits, seeds, constants, refusals

  @Test(arguments: [1, 4, 12]) func termsAreLimited(_ limit: Int) throws {
    var ensemble = SparseRuleEnsemble()
    (ensemble.maximumTerms, ensemble.treeCount, ensemble.queryCount) = (limit, 40, 800)
    let oracle = SparseRuleEnsembleTests.oracle { 4 * sin(6 * $0[0]) * $0[1] }
    let fit = try ensemble.fit(oracle, examples: examples(200, seed: 9))
    #expect(fit.model.rules.count + fit.model.linearTerms.count <= limit)
    #expect(fit.isTruncated)
    #expect(
      fit.remarks.contains(
        "A limit on terms or on rules to choose from ended the search; more of them may explain more."))
  }

  @Test func equalSeedsGiveEqualSums() throws {
    let oracle = SparseRuleEnsembleTests.oracle { $0[0] + $0[1] > 1 ? 1 : -2 }
    func model(_ seed: UInt64) throws -> AdditiveRules {
      var ensemble = SparseRuleEnsemble()
      (ensemble.treeCount, ensemble.queryCount, ensemble.seed) = (15, 300, seed)
      return try ensemble.fit(oracle, examples: examples(100, seed: 10)).model
    }
    #expect(try model(1) == model(1))
    #expect(try model(1) != model(2))
  }

  @Test func aConstantOracleGivesIntercepts() throws {
    let oracle = ScriptedOracle(SparseRuleEnsembleTests.features) { _ in true }
    let fit = try SparseRuleEnsemble().fit(oracle, examples: examples(20, seed: 11))
    #expect(fit.model.rules.isEmpty && fit.model.linearTerms.isEmpty && fit.penalties == [0, 0])
    // The lesser probability counts as 0.01.
    #expect(abs(fit.model.intercepts[1] - fit.model.intercepts[0] - log(100)) < 1e-9)
    let extracted = try SparseRuleEnsemble().extract(from: oracle, examples: examples(20, seed: 11))
    let rules = try #require(extracted.model as? RuleSet)
    #expect(rules.rules.isEmpty && rules.defaultConclusion == .label(1) && extracted.remarks.count == 1)
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let table = try examples(20, seed: 12)
    let oracle = SparseRuleEnsembleTests.oracle { $0[0] }
    func expect(_ text: String, _ change: (inout SparseRuleEnsemble) -> Void) {
      var ensemble = SparseRuleEnsemble()
      change(&ensemble)
      #expect(throws: RuleError(.parameters(text))) { try ensemble.fit(oracle, examples: table) }
    }
    expect("the least probability must lie between 0 and 0.5, found 0.0") { $0.leastProbability = 0 }
    expect("the trees must be 1 to 10000, found 0") { $0.treeCount = 0 }
    expect("the mean leaves must be 2 to 64, found 1.0") { $0.meanLeaves = 1 }
    expect("the learning rate must be above 0 and at most 1, found 2.0") { $0.learningRate = 2 }
    expect("the examples of a leaf must be 1 or more, found 0") { $0.minimumLeaf = 0 }
    expect("the rules to choose from must be 1 to 2000, found 0") { $0.candidateLimit = 0 }
    expect("the trimmed share must be from 0 to below 0.5, found 0.5") { $0.trim = 0.5 }
    expect("the terms must be 1 or more, found 0") { $0.maximumTerms = 0 }
    expect("the parts of the cross-validation must be 2 to 100, found 1") { $0.folds = 1 }
    expect("the standard errors must be 0 or more, found -1.0") { $0.standardErrors = -1 }
    expect("a straight line needs 2 steps or more, found 1") { $0.linearSteps = 1 }
  }
}
