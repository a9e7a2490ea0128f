import NoemaTensor

@testable import NoemaRules

/// An oracle that is a function of a row.
struct StatedOracle: TableOracle {
  let features: [Feature]
  let classes: [String]
  let answer: @Sendable ([Double]) -> Int

  init(
    _ features: [Feature], classes: [String] = ["no", "yes"], _ answer: @escaping @Sendable ([Double]) -> Int
  ) {
    (self.features, self.classes, self.answer) = (features, classes, answer)
  }

  func probabilities(of table: RuleTable) throws -> [Double] {
    try table.check(matches: features)
    return (0..<table.rowCount).flatMap { row in
      let label = answer(table.row(row))
      return classes.indices.map { $0 == label ? 1.0 : 0 }
    }
  }
}

/// Categories of a few levels each, all of whose combinations are examples once: shares can be counted.
struct Combinations {
  let levels: Int
  let features: [Feature]
  let table: RuleTable

  init(features count: Int, levels: Int) throws {
    self.levels = levels
    features = (0..<count).map { index in
      Feature("c\(index)", kind: .categorical(levels: (0..<levels).map { "l\($0)" }))
    }
    let rows = (0..<count).reduce(1) { product, _ in product * levels }
    table = try RuleTable(
      features: features,
      rows: (0..<rows).map { row in
        var rest = row
        return (0..<count).map { _ in
          defer { rest /= levels }
          return Double(rest % levels)
        }
      })
  }

  /// The share of rows like one in some features that an oracle gives the same class.
  func precision(_ fixed: [Int], of row: [Double], _ answer: ([Double]) -> Int) -> Double {
    let label = answer(row)
    let alike = (0..<table.rowCount).map { table.row($0) }.filter { other in
      fixed.allSatisfy { other[$0] == row[$0] }
    }
    return Double(alike.count { answer($0) == label }) / Double(alike.count)
  }
}

/// The sets of numbers below a count.
func subsets(below count: Int) -> [[Int]] {
  (0..<(1 << count)).map { mask in (0..<count).filter { mask >> $0 & 1 == 1 } }
}

extension Estimate {
  /// Whether a share is where the true one lets it be: within five deviations and one example.
  func agrees(with truth: Double) -> Bool {
    abs(value - truth) <= 5 * (truth * (1 - truth) / Double(count)).squareRoot() + 1 / Double(count)
  }
}
