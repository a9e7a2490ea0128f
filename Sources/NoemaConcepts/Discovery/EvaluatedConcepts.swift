/// What concepts turned out to be worth, layer by layer.
public struct EvaluatedConcepts: Sendable {
  /// The settings.
  public let evaluation: ConceptEvaluation
  /// What was found at each layer.
  public let layers: [LayerEvaluation]
  /// Random examples and held-out examples that were left out, and why.
  public let skipped: [String]
}

/// What the concepts of one layer are worth.
public struct LayerEvaluation: Sendable {
  /// The layer's name.
  public let layer: String
  /// The concepts, as they stand in ``LayerConcepts/concepts``.
  public internal(set) var concepts: [ConceptImportance]
  /// The concept test with directions and derivatives; nil without one.
  public internal(set) var study: TCAVStudyResult?
  /// Total indices of all concepts of the dictionary; nil without.
  public let totalIndices: TotalIndices.Outcome?
  /// Curves over the concepts in order of importance; nil without.
  public internal(set) var curves: ConceptCurves.Outcome?
  /// The curves of concepts that mean nothing; nil without.
  public internal(set) var randomConcepts: RandomConceptCurves?
  /// How complete the concepts are; nil without.
  public let completeness: ConceptShapley.Outcome?
  /// How stable the dictionary is under other seeds, and under other examples; nil without.
  public let seedStability, exampleStability: DictionaryStability.Outcome?
  /// The share of the held-out examples for which the class is the network's answer; nil without scenes.
  public internal(set) var accuracy: Double?
  /// Things the reader should know, in sentences.
  public internal(set) var warnings: [String]

  /// The concepts by rank, the most important first.
  public var ranked: [ConceptImportance] { concepts.sorted { $0.rank < $1.rank } }
}

/// How important a concept is, in several senses.
public struct ConceptImportance: Sendable, Hashable, Codable {
  /// What the class loses when a concept is hidden in whole examples.
  public struct Loss: Sendable, Hashable, Codable {
    /// The share of examples that lose the class as the network's answer.
    public let accuracy: Double
    /// The mean fall of the class's probability, or of the one output that the network has.
    public let output: Double
  }

  /// The concept's name and place in the dictionary.
  public let name: String
  public let atom: Int
  /// Its place in the order of importance, from 1: concepts that are used come first, by score, then by the mean
  /// derivative; without a test, the greatest total index, then the greatest loss, then the largest.
  public internal(set) var rank: Int
  /// The test; its `verdict` says whether the network uses the concept. Nil without one.
  public internal(set) var tcav: TCAVResult?
  /// The total index: the share of the class output's variance in which the concept has a part; nil without.
  public internal(set) var totalIndex: Double?
  /// What the class loses without it; nil without scenes.
  public internal(set) var loss: Loss?
  /// Its share of completeness; nil without.
  public internal(set) var shapley: Double?
  /// The mean cosine with its partner under other seeds, and under other examples; nil without.
  public internal(set) var seedStability, exampleStability: Double?
}

/// The curves of concepts that were dealt to segments at random: what a concept must beat to be more than an area.
public struct RandomConceptCurves: Sendable, Hashable, Codable {
  /// One of the two curves.
  public struct Band: Sendable, Hashable, Codable {
    /// The worths after each number of concepts: mean, and the lower and upper end of the band.
    public let mean, lower, upper: [Double]
    /// The area of each set of random concepts.
    public let areas: [Double]
    /// How often random concepts do at least as well, the concepts at hand counted.
    public let p: Double
  }

  /// Concepts are added to an empty input.
  public let sufficient: Band
  /// Concepts are taken from the whole input.
  public let destroying: Band
}
