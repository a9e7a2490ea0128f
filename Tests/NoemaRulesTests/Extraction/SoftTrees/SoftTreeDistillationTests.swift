import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct SoftTreeDistillationTests {
  private struct Probable: TableOracle {
    let features = (0..<3).map { Feature("x\($0)") }
    var classes = ["no", "yes"]
    /// The chance of the second class.
    let chance: @Sendable ([Double]) -> Double

    func probabilities(of table: RuleTable) throws -> [Double] {
      try table.check(matches: features)
      return (0..<table.rowCount).flatMap { row -> [Double] in
        let chance = chance(table.row(row))
        return [1 - chance, chance]
      }
    }
  }

  private func table(_ count: Int, seed: UInt64) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: (0..<3).map { Feature("x\($0)") },
      rows: (0..<count).map { _ -> [Double] in [10 + 3 * random.normal(), random.normal(), random.uniform()] }
    )
  }

  private func agreement(_ tree: SoftTree, _ oracle: any TableOracle, _ reading: SoftTree.Reading) throws
    -> Double
  {
    let fresh = try table(2000, seed: 99)
    return Double(
      zip(try tree.labels(of: fresh, by: reading), try oracle.labels(of: fresh)).count { $0 == $1 })
      / 2000
  }

  @Test func onePlaneIsFoundByOneFilter() throws {
    // Neither along an axis nor through the middle.
    let oracle = Probable { row in 1 / (1 + exp(-4 * ((row[0] - 10) / 3 + 2 * row[1] - 0.5))) }
    let fit = try SoftTreeDistillation(depth: 1, seed: 2).distil(oracle, examples: table(1000, seed: 1))
    for reading in SoftTree.Reading.allCases { #expect(try agreement(fit.tree, oracle, reading) > 0.97) }
    // The filter is the plane's normal, and says little of the third feature.
    let filter = Array(fit.tree.filter(of: 0))
    #expect(abs(filter[1] / filter[0] - 2) < 0.2 && abs(filter[2] / filter[0]) < 0.1)
    let explanation = try fit.tree.explanation(of: [16, 1, 0.5])
    #expect(explanation.steps.count == 1 && explanation.pathProbability > 0.95)
    #expect(oracle.classes[explanation.label] == "yes")
  }

  @Test func aTreeIsFoundByATree() throws {
    // Which question is asked second depends on the first.
    let oracle = Probable { row in (row[0] > 10 ? row[1] > 0.5 : row[2] > 0.4) ? 0.98 : 0.02 }
    var distillation = SoftTreeDistillation(depth: 3, seed: 1)
    distillation.starts = 2
    let fit = try distillation.distil(oracle, examples: table(1500, seed: 3))
    #expect(try agreement(fit.tree, oracle, .mixture) > 0.95)
    #expect(try agreement(fit.tree, oracle, .greatestPath) > 0.95)
    // No target has less than its own entropy, which a tree comes near.
    let entropy = -(0.98 * log(0.98) + 0.02 * log(0.02))
    #expect(try #require(fit.losses.last) > entropy && fit.losses.last! < 0.3)
    // 24 batches an epoch, and 4000 steps.
    #expect(fit.losses.count == 167 && fit.losses[0] > fit.losses[166])
  }

  @Test func theSameSeedTrainsTheSameTree() throws {
    let oracle = Probable { row in row[1] > 0 ? 0.9 : 0.2 }
    let examples = try table(200, seed: 4)
    var distillation = SoftTreeDistillation(depth: 2, seed: 7)
    distillation.epochs = 10
    let first = try distillation.distil(oracle, examples: examples)
    #expect(try distillation.distil(oracle, examples: examples) == first)
    #expect(try JSONEncoder().encode(distillation.distil(oracle, examples: examples).tree).count > 100)
    distillation.seed = 8
    #expect(try distillation.distil(oracle, examples: examples).tree != first.tree)
  }

  @Test func theBestStartIsKept() throws {
    let oracle = Probable { row in (row[0] > 10) != (row[1] > 0) ? 0.99 : 0.01 }
    let examples = try table(300, seed: 5)
    var distillation = SoftTreeDistillation(depth: 2, seed: 3)
    (distillation.epochs, distillation.starts) = (15, 4)
    let best = try distillation.distil(oracle, examples: examples)
    distillation.starts = 1
    let first = try distillation.distil(oracle, examples: examples)
    #expect(first.start == 0 && best.losses.last! <= first.losses.last!)
    if best.start == 0 { #expect(best == first) }
  }

  @Test func trueLabelsMayCount() throws {
    let oracle = Probable { _ in 0.9 }
    let examples = try table(400, seed: 6)
    let labels = (0..<400).map { examples[$0, 1] > 0 ? 1 : 0 }
    var distillation = SoftTreeDistillation(depth: 1, seed: 1)
    distillation.labelShare = 1
    let fit = try distillation.distil(oracle, examples: examples, labels: labels)
    let found = try fit.tree.labels(of: examples, by: .greatestPath)
    #expect(zip(found, labels).count { $0 == $1 } > 390)
    #expect(
      throws: RuleError(
        .parameters("true labels count for 1.0 of the target, but none are given; pass them"))
    ) { try distillation.distil(oracle, examples: examples) }
    // In part: a leaf says neither what the oracle says nor the labels.
    distillation.labelShare = 0.5
    let half = try distillation.distil(oracle, examples: examples, labels: labels)
    let shares = [0, 1].map { half.tree.distribution(ofLeaf: $0)[1] }.sorted()
    #expect(abs(shares[0] - 0.45) < 0.06 && abs(shares[1] - 0.95) < 0.04)
    // The loss is least where each leaf is the mean of the targets that come to it.
    let paths = try half.tree.pathProbabilities(of: examples)
    for leaf in 0..<2 {
      let masses = (0..<400).map { paths[$0 * 2 + leaf] }
      let targets = zip(masses, labels).reduce(0) { $0 + $1.0 * (0.45 + 0.5 * Double($1.1)) }
      let mean = targets / masses.reduce(0, +)
      #expect(abs(half.tree.distribution(ofLeaf: leaf)[1] - mean) < 0.01)
    }
  }

  @Test func examplesWithoutWeightDoNotCount() throws {
    let table = try table(400, seed: 7)
    let truth = (0..<400).map { table[$0, 1] > 0 ? 1 : 0 }
    let labels = (0..<400).map { $0 % 2 == 0 ? truth[$0] : 1 - truth[$0] }
    let examples = try TrainingTable(
      table, .labels(labels), classes: ["no", "yes"], weights: (0..<400).map { $0 % 2 == 0 ? 1 : 0 })
    let fit = try SoftTreeDistillation(depth: 1).fit(examples)
    let found = try fit.tree.labels(of: table, by: .greatestPath)
    #expect(zip(found, truth).count { $0 == $1 } > 385)
  }

  @Test func balanceIsTheShareThatGoesRight() throws {
    let oracle = Probable { row in row[1] > 1 ? 0.95 : 0.05 }
    let examples = try table(300, seed: 8)
    var distillation = SoftTreeDistillation(depth: 2, seed: 2)
    distillation.epochs = 8
    let fit = try distillation.distil(oracle, examples: examples)
    let paths = try fit.tree.pathProbabilities(of: examples)
    func mass(_ leaves: Range<Int>) -> Double {
      (0..<300).reduce(0) { sum, row in sum + leaves.reduce(0) { $0 + paths[row * 4 + $1] } }
    }
    let expected = [mass(2..<4) / mass(0..<4), mass(1..<2) / mass(0..<2), mass(3..<4) / mass(2..<4)]
    for (a, b) in zip(fit.balance, expected) { #expect(abs(a - b) < 1e-9) }
    #expect(fit.balance.count == 3)
    // A heavy penalty holds the root at a half, though a sixth of the examples are of the second class.
    (distillation.penalty, distillation.epochs) = (20, 30)
    let even = try distillation.distil(oracle, examples: examples)
    #expect(abs(even.balance[0] - 0.5) < 0.05)
  }

  @Test func aTreeCanBeExplainedInTurn() throws {
    let oracle = Probable { row in row[1] > 0 ? 0.9 : 0.1 }
    let examples = try table(300, seed: 9)
    let tree = try SoftTreeDistillation(depth: 1).distil(oracle, examples: examples).tree
    let rules = try DistilledTree().extract(from: tree, examples: examples).model
    let fresh = try table(1000, seed: 10)
    let same = zip(try rules.labels(on: fresh), try tree.labels(of: fresh)).count { $0 == $1 }
    #expect(same > 970)
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let oracle = Probable { _ in 0.5 }
    let examples = try table(10, seed: 1)
    func message(_ change: (inout SoftTreeDistillation) -> Void) -> String {
      var distillation = SoftTreeDistillation()
      change(&distillation)
      do {
        _ = try distillation.distil(oracle, examples: examples)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { $0.depth = 0 } == "the depth of a soft tree must be 1 to 12, found 0")
    #expect(
      message { $0.inverseTemperature = -1 } == "the inverse temperature must be above 0, found -1.0")
    #expect(message { $0.penalty = -1 } == "the penalty must be 0 or more, found -1.0")
    #expect(message { $0.labelShare = 2 } == "the share of labels must be 0 to 1, found 2.0")
    #expect(message { $0.learningRate = 0 } == "the learning rate must be above 0, found 0.0")
    #expect(
      message { $0.epochs = 0 } == "epochs, the batch and starts must be 1 or more, found 0, 64 and 1")
    let numbers = try TrainingTable(examples, .values((0..<10).map { Double($0) }))
    #expect(
      throws: RuleError(
        .unsupported("a soft tree concludes classes, not numbers; grow a tree by CART instead"))
    ) { try SoftTreeDistillation().fit(numbers) }
    #expect(throws: RuleError.self) {
      try SoftTreeDistillation().distil(oracle, examples: RuleTable(features: [Feature("y")], rows: [[1]]))
    }
  }
}
