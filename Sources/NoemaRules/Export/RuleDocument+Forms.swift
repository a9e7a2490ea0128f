extension RuleDocument {
  /// Wraps rules of any form.
  ///
  /// - Throws: `RuleError.unsupported` for a form that no file holds.
  public init(_ model: any RuleModel) throws(RuleError) {
    switch model {
    case let rules as RuleSet: self = .set(rules)
    case let list as RuleList: self = .list(list)
    case let tree as DecisionTree: self = .tree(tree)
    default: throw RuleError(.unsupported("rules of the form \(type(of: model)) cannot be written"))
    }
  }

  /// The rules with rounded thresholds: every term answers as before for every row of the rounding's table.
  public func roundingThresholds(_ rounding: ThresholdRounding) -> RuleDocument {
    switch self {
    case .set(let rules): .set(rules.roundingThresholds(rounding))
    case .list(let list): .list(list.roundingThresholds(rounding))
    case .tree(let tree): .tree(tree.roundingThresholds(rounding))
    }
  }

  /// The rules in plain words.
  public var text: String {
    switch self {
    case .set(let rules): rules.text
    case .list(let list): list.text
    case .tree(let tree): tree.text
    }
  }
}
