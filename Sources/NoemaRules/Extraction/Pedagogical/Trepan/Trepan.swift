internal import NoemaTensor

/// TREPAN: a tree of M-of-N questions, grown where it is most often wrong about the network, whose every node asks the
/// network about examples of its own.
///
/// The leaf comes next that is reached often and agrees little, `reach · (1 − fidelity)`. Its examples are joined by
/// queries until there are ``minimumExamples``: drawn from the marginals of the examples there, on condition that
/// they reach the leaf. It stays a leaf when its class makes up more than `1 − epsilon` of what reaches it, with
/// confidence `1 − delta`; else it asks the question that tells most (``MOfNSearch``).
///
/// - The marginal of a feature is that of the node above, unless the node has 30 examples and they depart from it
///   (χ² or Kolmogorov-Smirnov test at 0.05, divided by the number of features).
/// - How often a leaf is reached is the product of the shares that went its way at each question.
/// - The stopping test is exact: the chance of so many of the class, were its share `1 − epsilon`, is below `delta`.
/// - Of the tree's sizes on the way, the smallest is returned of those that agree most often with the network on
///   held-out examples.
/// - A missing value fails a question that does not ask for it.
///
/// ```swift
/// var trepan = Trepan()
/// trepan.maximumNodes = 10
/// let extracted = try trepan.extract(from: network, examples: table)
/// ```
///
/// Node weights are numbers of examples as the shares on the way estimate them. An oracle that names one class
/// throughout gives a tree of one leaf, and a remark.
///
/// - Source: Craven and Shavlik, "Extracting tree-structured representations of trained networks", 1996; Craven,
///   *Extracting comprehensible models from trained neural networks*, 1996, chapter 4.
public struct Trepan: RuleExtractor, Hashable, Codable {
  /// The fewest examples and queries by which a node is judged. Of more than ten times as many examples at a node, so
  /// many are drawn.
  public var minimumExamples = 1000
  /// The most questions of the tree.
  public var maximumNodes = 50
  /// How impure a leaf may be.
  public var epsilon = 0.05
  /// The chance of taking a leaf for that pure which is not.
  public var delta = 0.05
  /// How questions are found; a ``MOfNSearch/literalLimit`` of 1 leaves questions about one feature.
  public var search = MOfNSearch()
  /// The share of examples by which the size of the tree is chosen, from 0 to below 1. With 0 the largest is taken.
  public var heldOutShare = 0.2
  /// The seed of queries and of what is held out.
  public var seed: UInt64 = 0

  /// Makes an extractor with the defaults.
  public init() {}

  /// Extracts a tree.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range, `.tooFew` for no examples, others when examples or
  ///   answers do not fit the oracle's features and classes; and what asking throws.
  /// - Complexity: at most `minimumExamples · (2 · maximumNodes + 1)` queries, and a search for each question.
  public func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules {
    try check()
    try examples.checkNotEmpty()
    try examples.check(matches: oracle.features)
    var growth = try TrepanGrowth(self, oracle, examples)
    try growth.grow()
    return try growth.result()
  }

  /// Whether a class makes up more than `1 − epsilon`, as far as examples can tell.
  func isPure(_ counts: [Double]) -> Bool {
    let (hits, count) = (counts.max() ?? 0, counts.reduce(0, +))
    // The chance that a binomial number of the share 1 − ε is at least as large.
    return hits > 0
      && Distributions.incompleteBeta(1 - epsilon, a: hits, b: count - hits + 1) < delta
  }

  private func check() throws(RuleError) {
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(
      (1...10_000_000).contains(minimumExamples),
      "the examples of a node must be 1 to 10000000, found \(minimumExamples)")
    try require(maximumNodes >= 1, "the questions must be 1 or more, found \(maximumNodes)")
    try require(epsilon > 0 && epsilon < 1, "epsilon must lie between 0 and 1, found \(epsilon)")
    try require(delta > 0 && delta < 1, "delta must lie between 0 and 1, found \(delta)")
    try require(
      heldOutShare >= 0 && heldOutShare < 1,
      "the held-out share must be from 0 to below 1, found \(heldOutShare)")
  }
}
