/// What a concept study says about one concept at one layer for one target class.
///
/// Written as `results[]` of `result.json` (schema `noema.tcav/1`).
public struct TCAVResult: Sendable, Hashable, Codable {
  /// How good the probe is that separates the concept from random examples.
  public struct ProbeQuality: Sendable, Hashable, Codable {
    /// The kind of probe, such as `ridge`.
    public var kind: String
    /// Area under the ROC curve on held-out rows, mean over runs, in [0, 1].
    public var auc: Double
    /// Mean of sensitivity and specificity on held-out rows, in [0, 1].
    public var balancedAccuracy: Double
    /// The level that a probe of random labels reaches, in [0, 1].
    public var chance: Double
    /// The AUC that 95 % of random labels stay below; a concept below it counts as not represented.
    public var chanceAUC: Double

    /// Makes a statement of quality.
    public init(kind: String, auc: Double, balancedAccuracy: Double, chance: Double, chanceAUC: Double) {
      self.kind = kind
      self.auc = auc
      self.balancedAccuracy = balancedAccuracy
      self.chance = chance
      self.chanceAUC = chanceAUC
    }
  }

  /// What the numbers amount to.
  public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
    /// The concept is decodable and moving towards it changes the class output more than random directions do.
    case used
    /// The concept is decodable, but its direction moves the output no more than random directions.
    case representedButNotUsed = "represented but not used"
    /// A linear probe cannot tell the concept from random examples here.
    case notRepresented = "not represented"
    /// Too few examples for a statement.
    case tooLittleData = "too little data"
    /// All activations are identical, so that no direction exists.
    case degenerate
  }

  /// Facts that help to judge the score.
  public struct Diagnostics: Sendable, Hashable, Codable {
    /// Concept examples, class inputs, random examples.
    public var conceptCount, inputCount, randomCount: Int
    /// Mean pairwise cosine of the CAVs of the runs: near 1 is stable.
    public var stability: Double
    /// Cosine of the mean CAV with the mean CAV of each other concept at this layer.
    public var entanglement: [String: Double]
    /// Cosine between the mean CAV and the mean difference direction.
    public var cosineToMeanDifference: Double
    /// ‖mean gradient‖ / mean ‖gradient‖ of the class inputs: near 1 pushes every score towards 0 or 1.
    public var gradientAlignment: Double
    /// p of the mean CAV alone among the mean CAVs of the pseudo-concepts, uncorrected: whether this direction
    /// moves the class more consistently than random directions do, however stable its runs are.
    public var pDirection: Double
    /// Mean and standard deviation of the pseudo-concepts' scores.
    public var nullMean, nullStd: Double
    /// The score of each pseudo-concept, mean over its runs.
    public var nullScores: [Double]
    /// Share of directional derivatives that are exactly 0.
    public var zeroDerivatives: Double
    /// Mean cosine between gradients and CAV, comparable between layers, in [-1, 1].
    public var meanCosine: Double
    /// Things the reader should know, in sentences.
    public var warnings: [String]

    /// Concepts whose mean CAV has a cosine beyond ±0.9 with this one's, by name.
    public var indistinguishable: [String] {
      entanglement.filter { abs($0.value) > 0.9 }.map(\.key).sorted()
    }
  }

  /// The layer's name, the target class, the concept.
  public var layer, target, concept: String
  /// Share of class inputs whose directional derivative is positive, mean over runs, in [0, 1].
  public var score: Double
  /// Standard deviation of the score over runs.
  public var scoreStd: Double
  /// 95 % bootstrap interval over runs and class inputs: lower and upper end.
  public var scoreInterval: [Double]
  /// The score of each run.
  public var scores: [Double]
  /// Mean derivative along the unit CAV, in output units per activation unit.
  public var meanDerivative: Double
  /// Its 95 % bootstrap interval over runs and class inputs.
  public var meanDerivativeInterval: [Double]
  /// Σ max(S, 0) / Σ |S|, in [0, 1].
  public var positiveMass: Double
  /// Its 95 % bootstrap interval over runs and class inputs.
  public var positiveMassInterval: [Double]
  /// Probe quality.
  public var probe: ProbeQuality
  /// p of the pseudo-concept permutation test, and after correction over all hypotheses of the study.
  public var pPermutation, pPermutationAdjusted: Double
  /// p of the paper's t-test over runs, and after correction.
  public var pRunTTest, pRunTTestAdjusted: Double
  /// What the numbers amount to.
  public var verdict: Verdict
  /// Facts that help to judge the score.
  public var diagnostics: Diagnostics
  /// Row of this concept's mean CAV in `cavs.npy`'s index, and row of its derivatives in `derivatives.npy`.
  public var cavIndex, derivativeIndex: Int
}
