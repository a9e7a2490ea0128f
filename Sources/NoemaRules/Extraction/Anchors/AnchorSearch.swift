internal import NoemaTensor

/// A search for the anchor of an example: of the conjunctions of statements about it that keep the network's class with
/// a precision τ, with confidence 1 − δ, the one that holds of most examples.
///
/// From the empty conjunction on, each of B candidates is extended by every statement, the B of highest precision are
/// found by ``BestArms``, and each of these is sampled until its bounds decide whether it reaches τ. What cannot cover
/// more examples than an anchor already found is dropped. Of equal precisions the greater coverage is kept.
///
/// ```swift
/// let sampler = try TableAnchorSampler(network, examples: table, values: table.row(7))
/// print(try AnchorSearch().anchor(of: sampler).text)   // petal length <= 1.75 cm
/// ```
///
/// - Every candidate is judged by examples of its own, which costs more than to share them and favours none.
/// - Of the samples left, choosing may take a quarter at each length, so that some remain for judging.
/// - Source: Ribeiro, Singh and Guestrin, "Anchors: high-precision model-agnostic explanations", AAAI 2018.
public struct AnchorSearch: Sendable, Hashable, Codable {
  /// The precision that an anchor must reach, τ.
  public var precision = 0.95
  /// The chance that it does not, δ.
  public var errorRate = 0.05
  /// How much worse a kept candidate may be than one dropped, ε.
  public var tolerance = 0.1
  /// How far from τ the bounds of an anchor may lie when it is judged.
  public var stopTolerance = 0.05
  /// How many candidates are kept, B.
  public var beamWidth = 10
  /// The most statements; nil for all there are.
  public var maximumLength: Int?
  /// The examples drawn at once.
  public var batchSize = 100
  /// The examples by which coverage is counted.
  public var coverageSamples = 10_000
  /// The most examples shown to the network during the search.
  public var maximumSamples = 50_000
  /// The examples by which the precision is estimated anew; 0 for none.
  public var freshSamples = 1000
  /// The seed of all draws.
  public var seed: UInt64 = 0

  /// Makes a search with the paper's settings.
  public init(precision: Double = 0.95, beamWidth: Int = 10, seed: UInt64 = 0) {
    (self.precision, self.beamWidth, self.seed) = (precision, beamWidth, seed)
  }

  /// Finds the anchor of an example.
  ///
  /// - Throws: `RuleError.parameters` for settings out of range, `RuleError.count` when the sampler does not answer for
  ///   every example, and what asking throws.
  /// - Complexity: at most `maximumSamples + freshSamples` examples are shown to the network.
  public func anchor(of sampler: some AnchorSampler) throws -> Anchor {
    try anchor(of: sampler, using: RandomNumbers(seed: seed))
  }

  /// Finds the anchor of an example with given random numbers.
  func anchor(of sampler: some AnchorSampler, using random: RandomNumbers) throws -> Anchor {
    try check()
    var beam = AnchorBeam(self, sampler, random)
    return try beam.run()
  }

  func check() throws(RuleError) {
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(
      precision > 0 && precision <= 1,
      "the precision of an anchor must be above 0 and at most 1, found \(precision)")
    try require(errorRate > 0 && errorRate < 1, "the error rate must lie between 0 and 1, found \(errorRate)")
    try require(
      tolerance > 0 && tolerance < 1 && stopTolerance > 0 && stopTolerance < 1,
      "the tolerances must lie between 0 and 1, found \(tolerance) and \(stopTolerance)")
    try require(beamWidth >= 1, "the beam must keep 1 candidate or more, found \(beamWidth)")
    try require(
      (maximumLength ?? 0) >= 0, "the length of an anchor must be 0 or more, found \(maximumLength ?? 0)")
    try require(
      batchSize >= 1 && coverageSamples >= 1,
      "batches and coverage need 1 example or more, found \(batchSize) and \(coverageSamples)")
    try require(
      maximumSamples >= batchSize,
      "the most samples must be one batch of \(batchSize) or more, found \(maximumSamples)")
    try require(freshSamples >= 0, "the fresh samples must be 0 or more, found \(freshSamples)")
  }
}
