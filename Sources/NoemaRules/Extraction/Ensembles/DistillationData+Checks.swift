extension DistillationData {
  /// Examples and queries with what an oracle says of them, after the settings were found to fit.
  ///
  /// - Parameters:
  ///   - queryCount: the number of queries; nil for 10 an example, but `queryLimit` at most.
  ///   - queryLimit: the most queries when their number is not given.
  ///   - heldOutShare: the share of rows to judge by.
  /// - Throws: `RuleError.parameters` for settings out of range; others as extractors do, and what asking throws.
  init(
    _ queryCount: Int?, upTo queryLimit: Int, from distribution: QueryDistribution, heldOutShare: Double,
    seed: UInt64, _ oracle: any TableOracle, _ examples: RuleTable
  ) throws {
    try RuleError.require(
      (queryCount ?? 0) >= 0, "the number of queries must be 0 or more, found \(queryCount ?? 0)")
    try RuleError.require(
      heldOutShare >= 0 && heldOutShare < 1,
      "the held-out share must be from 0 to below 1, found \(heldOutShare)")
    try distribution.check()
    var settings = DistilledTree()
    settings.queryCount = queryCount ?? min(10 * examples.rowCount, queryLimit)
    settings.distribution = distribution
    settings.heldOutShare = heldOutShare
    settings.seed = seed
    try self.init(settings, oracle, examples)
  }

  /// A model's agreement with the oracle on held-out rows, in words; none without such rows.
  func agreement(of model: any RuleModel) throws(RuleError) -> [String] {
    guard heldOut.rowCount > 0 else { return [] }
    let hits = zip(try model.labels(on: heldOut), heldOutAnswers.labels).count { $0 == $1 }
    return [ExtractedRules.remark(fidelity: hits, of: heldOut.rowCount, rows: heldOutName)]
  }
}

extension RuleError {
  /// Refuses a setting out of its range.
  static func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
    guard condition else { throw RuleError(.parameters(text())) }
  }
}
