/// Rules in any form that answer for an example: a set, a list or a tree.
public protocol RuleModel: Sendable {
  /// The features, in the order of a table's columns.
  var features: [Feature] { get }
  /// The classes; empty when conclusions are numbers.
  var classes: [String] { get }

  /// Every term of every clause or question, in order; those that occur twice are here twice.
  var terms: [Term] { get }

  /// The conclusion for one example.
  ///
  /// - Parameter values: one value a feature, NaN where missing.
  func conclusion(_ values: [Double]) -> Conclusion

  /// The conclusion for each row of a table.
  ///
  /// - Throws: `RuleError` when the table's features are not the model's.
  func conclusions(on table: RuleTable) throws(RuleError) -> [Conclusion]
}

extension RuleModel {
  /// The index of the class for each row of a table.
  ///
  /// - Throws: `RuleError` when the table's features are not the model's, or conclusions are numbers.
  public func labels(on table: RuleTable) throws(RuleError) -> [Int] {
    guard !classes.isEmpty else {
      throw RuleError(.unsupported("these rules conclude numbers, not classes; ask for values"))
    }
    return try conclusions(on: table).map { $0.label ?? 0 }
  }

  /// The number for each row of a table.
  ///
  /// - Throws: `RuleError` when the table's features are not the model's, or conclusions are classes.
  public func values(on table: RuleTable) throws(RuleError) -> [Double] {
    guard classes.isEmpty else {
      throw RuleError(.unsupported("these rules conclude classes, not numbers; ask for labels"))
    }
    return try conclusions(on: table).map { $0.value ?? .nan }
  }
}
