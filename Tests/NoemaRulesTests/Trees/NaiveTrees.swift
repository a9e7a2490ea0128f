import NoemaTensor

@testable import NoemaRules

/// Trees by the definition: every question is tried on every node, and sides are summed up anew for each.
struct NaiveTree {
  let examples: TrainingTable
  let criterion: CART.Criterion
  var minimumLeaf = 1
  var minimumLeafWeight = 0.0
  var maximumDepth = 100

  struct Side {
    var rows: [Int]
    var impurity: Double
    var weight: Double
  }

  struct Division {
    var question: Term
    var missingFirst: Bool?
    var gain: Double
    var sides: [[Int]]
  }

  /// For each class, or for the number alone: what a row contributes.
  func target(_ row: Int) -> [Double] {
    switch examples.target {
    case .labels(let labels): return examples.classes.indices.map { labels[row] == $0 ? 1 : 0 }
    case .probabilities(let all):
      return Array(all[(row * examples.classes.count)..<((row + 1) * examples.classes.count)])
    case .values(let values): return [values[row]]
    }
  }

  func weight(_ rows: [Int]) -> Double { rows.reduce(0) { $0 + (examples.weights?[$1] ?? 1) } }

  func mean(_ rows: [Int]) -> [Double] {
    var sum = [Double](repeating: 0, count: max(1, examples.classes.count))
    for row in rows {
      for (k, part) in target(row).enumerated() { sum[k] += part * (examples.weights?[row] ?? 1) }
    }
    return sum.map { $0 / weight(rows) }
  }

  func impurity(_ rows: [Int]) -> Double {
    let mean = mean(rows)
    switch criterion {
    case .gini: return 1 - mean.reduce(0) { $0 + $1 * $1 }
    case .entropy: return -mean.reduce(0) { $0 + ($1 > 0 ? $1 * log2OfPositive($1) : 0) }
    case .squaredError:
      return rows.reduce(0) { sum, row in
        let distance = zip(target(row), mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return sum + distance * (examples.weights?[row] ?? 1)
      } / weight(rows)
    }
  }

  /// All questions about a feature, in the order in which ties fall.
  func questions(_ feature: Int, _ rows: [Int]) -> [(question: Term, missingFirst: Bool?)] {
    let present = Set(rows.map { examples.table[$0, feature] }.filter { !$0.isNaN }).sorted()
    let hasMissing = rows.contains { examples.table[$0, feature].isNaN }
    guard !present.isEmpty else { return [] }
    var result: [(Term, Bool?)] = []
    for missingFirst in hasMissing ? [false, true] : [nil] as [Bool?] {
      if examples.table.features[feature].isOrdered {
        for (a, b) in zip(present, present.dropFirst()) {
          result.append((.atMost(feature, (a + b) / 2), missingFirst))
        }
      } else {
        // Every set with the lowest level and without another one.
        for mask in 0..<((1 << (present.count - 1)) - 1) {
          let levels = present.indices.filter { $0 == 0 || mask >> ($0 - 1) & 1 == 1 }.map {
            Int(present[$0])
          }
          result.append((.isIn(feature, LevelSet(levels)), missingFirst))
        }
      }
      if missingFirst == false { result.append((.isPresent(feature), false)) }
    }
    return result
  }

  func best(_ rows: [Int]) -> Division? {
    let whole = impurity(rows)
    // As documented: what differs by less is equal.
    let tolerance = 1e-12 * whole
    var best: Division?
    for feature in examples.table.features.indices {
      var ofFeature: Division?
      for (question, missingFirst) in questions(feature, rows) {
        let first = rows.filter { row in
          let value = examples.table[row, feature]
          return value.isNaN ? missingFirst == true : question.admits(value)
        }
        let second = rows.filter { !first.contains($0) }
        guard first.count >= minimumLeaf, second.count >= minimumLeaf,
          min(weight(first), weight(second)) >= minimumLeafWeight
        else { continue }
        let gain =
          whole - weight(first) / weight(rows) * impurity(first)
          - weight(second) / weight(rows) * impurity(second)
        if gain > (ofFeature?.gain ?? -.infinity) + tolerance {
          ofFeature = Division(
            question: question, missingFirst: missingFirst, gain: gain, sides: [first, second])
        }
      }
      if let ofFeature, ofFeature.gain > (best?.gain ?? -.infinity) + tolerance { best = ofFeature }
    }
    return best
  }

  /// Whether the node may be divided at all.
  func mayDivide(_ rows: [Int], depth: Int) -> Bool {
    depth < maximumDepth && rows.count >= max(2, 2 * minimumLeaf) && impurity(rows) > 1e-13
  }
}

import Foundation

private func log2OfPositive(_ x: Double) -> Double { log(x) / log(2) }

/// Small tables that provoke ties: few values, some missing, categories.
struct RandomTables {
  var random: RandomNumbers

  init(seed: UInt64) { random = RandomNumbers(seed: seed) }

  mutating func table(
    rows: Int, ordered: Int, categories: Int = 0, levels: Int = 4, missing: Double = 0, values: Int = 6
  ) throws -> RuleTable {
    var features = (0..<ordered).map { Feature("x\($0)") }
    features += (0..<categories).map { index in
      Feature("c\(index)", kind: .categorical(levels: (0..<levels).map { "l\($0)" }))
    }
    var all: [[Double]] = []
    for _ in 0..<rows {
      all.append(
        features.map { feature in
          if random.uniform() < missing { return .nan }
          if !feature.isOrdered { return Double(random.index(below: levels)) }
          return values > 0 ? Double(random.index(below: values)) / 4 - 0.5 : random.normal()
        })
    }
    return try RuleTable(features: features, rows: all)
  }

  mutating func labels(_ rows: Int, _ classes: Int) -> [Int] {
    (0..<rows).map { _ in random.index(below: classes) }
  }

  mutating func weights(_ rows: Int) -> [Double] { (0..<rows).map { _ in 0.25 + random.uniform() } }

  mutating func probabilities(_ rows: Int, _ classes: Int) -> [Double] {
    (0..<rows).flatMap { _ in
      let parts = (0..<classes).map { _ in random.uniform() * random.uniform() }
      let sum = parts.reduce(0, +)
      return parts.map { $0 / sum }
    }
  }
}
