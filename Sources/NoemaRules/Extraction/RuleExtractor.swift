/// A way to rules that say what a network says.
public protocol RuleExtractor: Sendable {
  /// Extracts rules; the same seed gives the same rules.
  ///
  /// - Parameters:
  ///   - oracle: what is explained.
  ///   - examples: rows like those that it will be asked about.
  /// - Throws: `RuleError` for settings out of range and examples that do not fit, and what asking throws.
  func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules
}

/// A way to rules by way of hidden layers.
public protocol LayeredRuleExtractor: Sendable {
  /// Extracts rules over the inputs; the same seed gives the same rules.
  ///
  /// - Parameters:
  ///   - oracle: what is explained.
  ///   - examples: rows like those that it will be asked about.
  /// - Throws: `RuleError` for settings out of range and examples that do not fit, and what asking throws.
  func extract(from oracle: any LayeredOracle, examples: RuleTable) throws -> ExtractedRules
}

/// What an extractor found.
public struct ExtractedRules: Sendable {
  /// The rules: a set, a list or a tree.
  public let model: any RuleModel
  /// Whether a limit on size or time ended the search.
  public let isTruncated: Bool
  /// What a reader should know, a sentence each.
  public let remarks: [String]

  /// Wraps rules.
  public init(_ model: any RuleModel, isTruncated: Bool = false, remarks: [String] = []) {
    (self.model, self.isTruncated, self.remarks) = (model, isTruncated, remarks)
  }
}
