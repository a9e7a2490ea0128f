import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct ThresholdRoundingTests {
  @Test func theShortestDecimalBetweenNeighboursIsTaken() throws {
    let table = try RuleTable(
      features: [Feature("x"), Feature("n", kind: .integer)],
      rows: [[-3.72, 4], [-3.71, 9], [0.0304, 9], [0.0391, 9], [1150, 9], [1320, 9], [.nan, 9]])
    let rounding = ThresholdRounding(table)
    let cases: [(Double, Double)] = [
      // Nothing shorter lies in [−3.72, −3.71).
      (-3.715, -3.72), (0.0347, 0.035), (1235.77, 1200), (700.3, 700), (0.7, 0.7), (-1.23456, -1),
      // The value itself belongs to the left side, the next one does not.
      (0.0304, 0.031), (1150, 1200),
      // Beyond the data within a hundredth on the open side.
      (1999.9, 2000), (2345, 2000), (-123.456, -100),
    ]
    for (threshold, expected) in cases {
      let found = rounding.rounded(threshold, of: 0)
      #expect(abs(found - expected) < 1e-12, "\(threshold) became \(found)")
    }
    #expect(rounding.rounded(6.5, of: 1) == 6 || rounding.rounded(6.5, of: 1) == 7)
  }

  @Test func noAnswerChangesOnTheData() throws {
    var source = RandomRuleSource(seed: 1)
    for round in 0..<20 {
      let table = try source.table(150)
      let rounding = ThresholdRounding(table)
      for feature in 0..<3 {
        for _ in 0..<40 {
          let threshold =
            source.flip() ? source.pick(RandomRuleSource.thresholds[feature]) : source.random.normal()
          let rounded = rounding.rounded(threshold, of: feature)
          for value in table.column(feature) where !value.isNaN {
            #expect((value <= threshold) == (value <= rounded), "\(threshold), \(rounded) at \(value)")
          }
          #expect(DecimalText.shortest(rounded).count <= DecimalText.shortest(threshold).count + 2)
        }
      }
      let rules = try source.ruleSet(15, ConflictResolution.allCases[round % 5])
      #expect(try rules.roundingThresholds(rounding).firings(on: table) == rules.firings(on: table))
      let tree = try source.tree(depth: 5)
      let rounded = tree.roundingThresholds(rounding)
      #expect((0..<150).allSatisfy { tree.leaf(row: $0, of: table) == rounded.leaf(row: $0, of: table) })
    }
  }

  /// The shortest decimal by trying all of one digit, all of two, and so on.
  @Test func naiveSearchFindsNothingShorter() {
    var random = RandomNumbers(seed: 2)
    for _ in 0..<200 {
      let left = random.normal() * 100
      let right = left + random.uniform() * (random.uniform() < 0.5 ? 1 : 30)
      let target = random.uniform(left..<right)
      let found = ThresholdRounding.shortest(from: left, below: right, near: target)
      #expect(found >= left && found < right)
      for digits in 1...5 {
        let largest = [1, 10, 100, 1_000, 10_000, 100_000][digits]
        let inside = (-8...3).flatMap { exponent in
          let step = pow(10, Double(exponent))
          let (low, high) = (max(left / step - 2, -Double(largest)), min(right / step + 2, Double(largest)))
          guard low < high else { return [Double]() }
          return (Int(low)...Int(high)).filter { abs($0) < largest && $0 != 0 }
            .compactMap { Double("\($0)e\(exponent)") }.filter { $0 >= left && $0 < right }
        }
        guard let nearest = inside.map({ abs($0 - target) }).min() else { continue }
        #expect(inside.contains(found) && abs(found - target) == nearest, "\(left), \(right): \(found)")
        break
      }
    }
  }

  @Test func extremeThresholdsStay() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [2]])
    let rounding = ThresholdRounding(table)
    for threshold in [Double.infinity, -.infinity, 1e305] {
      #expect(rounding.rounded(threshold, of: 0) == threshold)
    }
    #expect(
      ThresholdRounding(try RuleTable(features: [Feature("x")], rows: [])).rounded(1.0 / 3, of: 0) == 0.33)
    let close = try RuleTable(features: [Feature("x")], rows: [[0.1], [Double(0.1).nextUp]])
    #expect(ThresholdRounding(close).rounded(0.1, of: 0) == 0.1)
  }
}
