internal import NoemaTensor

/// Where examples come from that an oracle is asked about beside the given ones.
///
/// How well rules say what a network says holds for one distribution only: that of the data to come, if the rules are
/// for them.
///
/// ```swift
/// let queries = try QueryDistribution.copula.draw(10_000, like: table, seed: 1)
/// ```
public enum QueryDistribution: Sendable, Hashable, Codable {
  /// The examples themselves, with replacement.
  case examples
  /// New rows that are about as likely as the examples: each feature as among them, numbers smoothed, and features
  /// correlated as they are there (a Gaussian copula). What ties more than two features, or ties two otherwise than
  /// that one rises or falls with the other, is lost.
  case copula
  /// Each feature on its own, numbers smoothed; see ``Marginals``.
  case marginals
  /// Every number between the least and the greatest of the examples, and every level that a feature lists, alike;
  /// values are missing as often as in the examples. For domains that are a box.
  case box
  /// Between an example and one of those nearest to it, levels as in the nearer of both; of more than 4000 examples, so
  /// many are drawn first.
  ///
  /// - Source: Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE", *Journal of Artificial Intelligence Research* 2002.
  case mixes(neighbours: Int = 5)

  /// Draws examples; the same seed gives the same ones.
  ///
  /// - Throws: `RuleError.tooFew` when there are no examples, `RuleError.parameters` for a negative number and for
  ///   fewer than one neighbour.
  /// - Complexity: O(queries · features). For mixes also the square of the examples, of which 4000 at most count; for
  ///   the copula the square of the features for each query and example, of which 10,000 at most count.
  public func draw(_ count: Int, like examples: RuleTable, seed: UInt64 = 0) throws(RuleError) -> RuleTable {
    try examples.checkNotEmpty()
    try check()
    guard count >= 0 else {
      throw RuleError(.parameters("the number of queries must be 0 or more, found \(count)"))
    }
    switch self {
    case .examples:
      var random = RandomNumbers(seed: seed)
      return examples.subset(rows: (0..<count).map { _ in random.index(below: examples.rowCount) })
    case .copula: return GaussianCopula(examples, seed: seed).draw(count, seed: seed)
    case .marginals: return try Marginals(of: examples).draw(count, seed: seed)
    case .box: return try Marginals(boxAround: examples).draw(count, seed: seed)
    case .mixes(let neighbours):
      return NeighbourMixes(examples, neighbours: neighbours, seed: seed).draw(count, seed: seed)
    }
  }

  /// The distribution in words.
  public var name: String {
    switch self {
    case .examples: "the examples, with replacement"
    case .copula: "the examples' marginals and correlations"
    case .marginals: "the examples' marginals"
    case .box: "the box of the examples"
    case .mixes(let neighbours): "mixes of an example and one of its \(neighbours) nearest"
    }
  }

  /// Whether rows are examples or nearly so: then agreement on them says little about others.
  var repeatsExamples: Bool {
    switch self {
    case .examples, .mixes: true
    case .copula, .marginals, .box: false
    }
  }

  func check() throws(RuleError) {
    if case .mixes(let neighbours) = self, neighbours < 1 {
      throw RuleError(.parameters("mixes need 1 neighbour or more, found \(neighbours)"))
    }
  }
}
