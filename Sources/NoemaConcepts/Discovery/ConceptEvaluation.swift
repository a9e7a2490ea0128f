public import NoemaData

/// What discovered concepts are worth to their class: importance in several senses, how far they suffice and how stable
/// they are. All of it on examples of the class in which no concept was sought.
///
/// ```swift
/// let worth = try ConceptEvaluation().evaluate(found, in: subject, random: .init(examples: others))
/// for concept in worth.layers[0].ranked { print(concept.name, concept.tcav?.verdict ?? .tooLittleData) }
/// ```
///
/// - Sources: Kim et al., ICML 2018 (TCAV); Ghorbani et al., NeurIPS 2019 (SSC, SDC); Fel et al., CVPR 2023 (Sobol);
///   Yeh et al., NeurIPS 2020 (ConceptSHAP).
public struct ConceptEvaluation: Sendable, Hashable, Codable {
  /// The test of concepts against random examples; nil for none.
  public var test: TCAV? = TCAV()
  /// The most random patches that concepts are held against.
  public var randomPatchCount = 500
  /// The most random examples that those are cut from.
  public var randomExampleCount = 100
  /// How concepts that are dimmed at random share the variance of the class output; nil for not at all.
  public var totalIndices: TotalIndices? = TotalIndices()
  /// The most held-out examples that are dimmed.
  public var indexExampleCount = 8
  /// Whether what the dictionary leaves of activations is shown beside dimmed concepts. With it, the output under no
  /// dimming is the network's own; CRAFT shows concepts alone.
  public var showsRest = true
  /// How fast the network recovers and fails as concepts are shown and hidden; nil for not at all.
  public var curves: ConceptCurves? = ConceptCurves()
  /// How often concepts are dealt anew to the segments of each example, to compare curves with; 0 for never.
  public var randomConceptSets = 19
  /// The most held-out examples in which concepts are shown and hidden.
  public var sceneCount = 20
  /// How complete concepts are, and the share of each in that; nil for not at all.
  public var completeness: ConceptShapley?
  /// How often concepts are sought anew with other seeds, and in examples drawn anew; 0 for never.
  public var stabilityRuns = 10
  /// The seed of all random choices but those of the test, the indices and the curves, which have their own.
  public var seed: UInt64 = 0

  /// Makes an evaluation with the defaults above.
  public init() {}

  /// Gives all steps one seed.
  public mutating func reseed(_ seed: UInt64) {
    self.seed = seed
    test?.seed = seed
    totalIndices?.seed = seed
    curves?.seed = seed
    completeness?.seed = seed
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    try test?.validate()
    guard randomPatchCount >= 2, randomExampleCount >= 1, indexExampleCount >= 1, sceneCount >= 1 else {
      throw ConceptError(
        .parameters(
          "an evaluation needs 2 or more random patches and 1 or more examples of each kind, found "
            + "\(randomPatchCount), \(randomExampleCount), \(indexExampleCount) and \(sceneCount)"))
    }
    guard randomConceptSets >= 0, stabilityRuns >= 0 else {
      throw ConceptError(
        .parameters(
          "random concepts and stability have 0 or more runs, found \(randomConceptSets) and \(stabilityRuns)"
        ))
    }
  }
}

/// What concepts are held against.
public struct RandomMaterial: Sendable {
  /// Examples of anything but the class.
  public var examples: any ExampleSource
  /// What divides them; nil for what divides examples of the class.
  public var segmenter: (any Segmenter)?
  /// Whether concepts are held against patches of the examples, cut as theirs are, and not against whole examples as
  /// the paper has it: what all patches share is then no part of any concept.
  public var isCut: Bool

  /// Names examples.
  public init(examples: any ExampleSource, segmenter: (any Segmenter)? = nil, isCut: Bool = true) {
    (self.examples, self.segmenter, self.isCut) = (examples, segmenter, isCut)
  }
}
