/// What answers for the rows of a table: a network, or anything that stands for one.
public protocol TableOracle: Sendable {
  /// The features, in the order of a table's columns.
  var features: [Feature] { get }
  /// The classes.
  var classes: [String] { get }

  /// The class probabilities of each row, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the oracle's, and what asking throws.
  func probabilities(of table: RuleTable) throws -> [Double]
}

extension TableOracle {
  /// The most probable class of each row, the first of equals.
  public func labels(of table: RuleTable) throws -> [Int] {
    let all = try probabilities(of: table), count = classes.count
    return (0..<table.rowCount).map { row in
      (1..<max(1, count)).reduce(0) { all[row * count + $1] > all[row * count + $0] ? $1 : $0 }
    }
  }
}

/// An oracle with hidden layers that can be looked at.
public protocol LayeredOracle: TableOracle {
  /// The names of the hidden layers, from input to output.
  var layers: [String] { get }

  /// The activations of a layer: a row for each of the table's, a feature a unit.
  ///
  /// - Throws: `RuleError` for an unknown layer, and what asking throws.
  func activations(of table: RuleTable, at layer: String) throws -> RuleTable
}
