internal import Foundation

/// What an oracle says of a table, checked.
struct OracleAnswers: Sendable {
  /// The class probabilities of each row, row after row.
  let probabilities: [Double]
  /// The most probable class of each row, the first of equals.
  let labels: [Int]

  /// Asks an oracle.
  ///
  /// - Throws: `RuleError` when it has no classes, or its answers are not one finite number for each row and class; and
  ///   what asking throws.
  init(of oracle: any TableOracle, on table: RuleTable) throws {
    let count = oracle.classes.count
    guard count > 0 else {
      throw RuleError(.count(what: "classes of the oracle", found: 0, expected: 2))
    }
    guard table.rowCount > 0 else {
      (probabilities, labels) = ([], [])
      return
    }
    let all = try oracle.probabilities(of: table)
    guard all.count == table.rowCount * count else {
      throw RuleError(
        .count(what: "probabilities of the oracle", found: all.count, expected: table.rowCount * count))
    }
    if let place = all.firstIndex(where: { !$0.isFinite }) {
      throw RuleError(
        .notFinite(
          "row \(place / count + 1): the oracle's probability of '\(oracle.classes[place % count])' is \(all[place])"
        ))
    }
    probabilities = all
    labels = (0..<table.rowCount).map { row in
      (1..<count).reduce(0) { all[row * count + $1] > all[row * count + $0] ? $1 : $0 }
    }
  }
}

extension ExtractedRules {
  /// What a reader should know of an oracle that names one class.
  static func remark(only label: Int, of oracle: any TableOracle, rows: Int) -> String {
    "The oracle gives each of the \(rows) rows that it was asked about the class '\(oracle.classes[label])', so that "
      + "class is all the rules say; look at the examples, or ask about others."
  }

  /// How often rules agreed with the oracle on rows that they were not learnt from.
  static func remark(fidelity hits: Int, of count: Int, rows: String) -> String {
    let share = Estimate.share(hits, of: count)
    let numbers = [share.value, share.lower, share.upper].map { String(format: "%.4f", $0) }
    return "On \(count) held-out \(rows) the rules agree with the oracle at a rate of \(numbers[0]) "
      + "(95 % interval \(numbers[1]) to \(numbers[2]))."
  }
}
