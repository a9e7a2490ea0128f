internal import NoemaTensor

/// The training of a ``SoftTree`` on what a network says.
///
/// For an example x with the network's probabilities T it makes `Σ_ℓ P^ℓ(x) CE(T, Q^ℓ)` small, the expected
/// cross-entropy of the leaf that x comes to, which bounds that of the mixture from above; and a penalty that keeps
/// inner nodes from sending everything one way, `−λ 2^−d · ½ (log α + log(1 − α))` at the depth d, where the share α
/// that goes right is averaged over a window of about 2^d batches. Steps are Adam's on small batches, the rate falls
/// linearly to 0.
///
/// ```swift
/// let fit = try SoftTreeDistillation(depth: 4).distil(network, examples: table)
/// print(fit.tree.text())
/// ```
///
/// - The paper prints the loss as the logarithm of a negative number; the expectation is what was meant.
/// - Results are the same for any number of threads.
/// - Source: Frosst and Hinton, "Distilling a neural network into a soft decision tree", 2017.
public struct SoftTreeDistillation: Sendable, Hashable, Codable {
  /// The number of questions on each way, 1 to ``SoftTree/maximumDepth``.
  public var depth: Int
  /// β: the greater, the harder the decisions at first.
  public var inverseTemperature = 1.0
  /// How much balanced nodes count, λ; 0 for not at all.
  public var penalty = 0.1
  /// How much the true label counts in the target, from 0 to 1; above 0 labels are needed.
  public var labelShare = 0.0
  /// How often each example is seen; nil for 60 times, and of few examples as often as makes 4000 steps.
  public var epochs: Int?
  /// The examples of a step.
  public var batchSize = 64
  /// The size of the first step.
  public var learningRate = 0.02
  /// How many trees are trained from different numbers; that of least loss is kept.
  public var starts = 1
  /// The seed of first numbers and of the order of examples.
  public var seed: UInt64

  /// Makes a training.
  public init(depth: Int = 4, seed: UInt64 = 0) { (self.depth, self.seed) = (depth, seed) }

  /// A trained tree, and how training went.
  public struct Fit: Sendable, Hashable, Codable {
    /// The tree.
    public let tree: SoftTree
    /// The mean loss of each epoch, in nats, without the penalty.
    public let losses: [Double]
    /// The share that each inner node sends right of the examples that come to it, 0.5 of none; near 0 or 1, the node
    /// asks nothing.
    public let balance: [Double]
    /// Which start was kept.
    public let start: Int
  }

  /// Trains a tree on a network's probabilities.
  ///
  /// - Parameters:
  ///   - oracle: the network.
  ///   - examples: rows like those that it will be asked about.
  ///   - labels: the true class of each row, for ``labelShare``.
  /// - Throws: `RuleError` for settings out of range, examples or labels that do not fit, probabilities that are none
  ///   and a loss that is not finite; and what asking throws.
  public func distil(
    _ oracle: any TableOracle, examples: RuleTable, labels: [Int]? = nil
  ) throws -> Fit {
    try check()
    try examples.check(matches: oracle.features)
    let count = oracle.classes.count
    var targets = try OracleAnswers(of: oracle, on: examples).probabilities
    if labelShare > 0 {
      guard let labels else {
        throw RuleError(
          .parameters("true labels count for \(labelShare) of the target, but none are given; pass them"))
      }
      let truth = try LabeledTable(examples, classes: oracle.classes, labels: labels)
      for index in targets.indices { targets[index] *= 1 - labelShare }
      for (row, label) in truth.labels.enumerated() { targets[row * count + label] += labelShare }
    }
    return try fit(TrainingTable(examples, .probabilities(targets), classes: oracle.classes))
  }

  /// Trains a tree on labels or probabilities.
  ///
  /// - Throws: `RuleError` for settings out of range, targets that are numbers, and a loss that is not finite.
  /// - Complexity: O(starts · epochs · rows · 2^depth · (columns + classes)).
  public func fit(_ examples: TrainingTable) throws(RuleError) -> Fit {
    try check()
    let training = try SoftTreeTraining(self, examples)
    var best: (outcome: SoftTreeTraining.Outcome, start: Int)?
    for start in 0..<starts {
      let outcome = try training.run(RandomNumbers(seed: seed).split(start))
      if (outcome.losses.last ?? 0) < (best?.outcome.losses.last ?? .infinity) { best = (outcome, start) }
    }
    guard let best else { throw RuleError(.notFinite("the loss of no start is finite")) }
    let tree = training.tree(best.outcome.numbers)
    return Fit(
      tree: tree, losses: best.outcome.losses, balance: training.balance(of: tree), start: best.start)
  }

  private func check() throws(RuleError) {
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(
      (1...SoftTree.maximumDepth).contains(depth),
      "the depth of a soft tree must be 1 to \(SoftTree.maximumDepth), found \(depth)")
    try require(
      inverseTemperature > 0 && inverseTemperature.isFinite,
      "the inverse temperature must be above 0, found \(inverseTemperature)")
    try require(penalty >= 0 && penalty.isFinite, "the penalty must be 0 or more, found \(penalty)")
    try require((0...1).contains(labelShare), "the share of labels must be 0 to 1, found \(labelShare)")
    try require(
      learningRate > 0 && learningRate.isFinite, "the learning rate must be above 0, found \(learningRate)")
    try require(
      (epochs ?? 1) >= 1 && batchSize >= 1 && starts >= 1,
      "epochs, the batch and starts must be 1 or more, found \(epochs ?? 1), \(batchSize) and \(starts)")
  }

  /// How often each of some examples is seen.
  ///
  /// Adam moves a number by about its rate a step, so the steps say how far filters can come, and not the epochs.
  func epochCount(rows: Int) -> Int {
    let batches = max(1, (rows + batchSize - 1) / batchSize)
    return epochs ?? max(60, (4000 + batches - 1) / batches)
  }
}
