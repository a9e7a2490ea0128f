public import NoemaConcepts

/// What `result.json` says of concepts that were found (`noema.ace/1`).
public struct ACERecord: Sendable, Encodable {
  /// A patch that shows a concept.
  public struct Exemplar: Sendable, Encodable {
    /// The patch's row in `patches.csv`.
    public var patch: Int
    /// The example that it comes from, and its number among the segments of that.
    public var example: String
    public var segment: Int
    /// The resolution, 0 for the coarsest.
    public var resolution: Int
    /// How far it is from showing the concept best.
    public var cost: Double
    /// Pictures of the patch, and of the example with the patch outlined; nil where examples are no images.
    public var picture, place: String?

    /// Makes an entry.
    public init(patch: Int, example: String, segment: Int, resolution: Int, cost: Double) {
      (self.patch, self.example, self.segment) = (patch, example, segment)
      (self.resolution, self.cost) = (resolution, cost)
    }
  }

  /// How surely a concept comes out again: the mean cosine with its partner.
  public struct Stability: Sendable, Encodable {
    /// Under other seeds, and in examples drawn anew.
    public var seeds, examples: Double?
  }

  /// A concept, with what it is worth. What was not asked is nil.
  public struct Concept: Sendable, Encodable {
    /// Its name: the example and the segment of its best patch.
    public var name: String
    /// Its place in the dictionary, and in the order of importance, from 1.
    public var atom, rank: Int
    /// Its patches, those that were pruned counted; the examples that they come from.
    public var size, exampleCount: Int
    /// The test's score with its 95 % interval, and the mean derivative.
    public var score: Double?
    public var scoreInterval: [Double]?
    public var meanDerivative: Double?
    /// p of the permutation test, and corrected over all concepts of all layers.
    public var pPermutation, pPermutationAdjusted: Double?
    /// How well a probe finds it among random patches.
    public var auc: Double?
    /// What the test amounts to.
    public var verdict: String?
    /// The share of the output's variance in which it has a part, and its standard error.
    public var totalIndex, totalIndexError: Double?
    /// What the class loses without it.
    public var loss: ConceptImportance.Loss?
    /// Its share of completeness.
    public var shapley: Double?
    /// How surely it comes out again.
    public var stability: Stability?
    /// The folder that other commands take as a concept.
    public var folder: String
    /// Its patches to show, the best of each example first.
    public var exemplars: [Exemplar]

    /// Makes an entry of a concept of which only the patches are known.
    public init(
      name: String, atom: Int, rank: Int, size: Int, exampleCount: Int, folder: String = "",
      exemplars: [Exemplar] = []
    ) {
      (self.name, self.atom, self.rank) = (name, atom, rank)
      (self.size, self.exampleCount, self.folder, self.exemplars) = (size, exampleCount, folder, exemplars)
    }
  }

  /// Where the worths of others lie after each number of concepts.
  public struct Band: Sendable, Encodable {
    /// The mean, and the ends of the band.
    public var mean, lower, upper: [Double]
    /// How often they do at least as well, the concepts at hand counted.
    public var p: Double

    /// Makes a band.
    public init(mean: [Double], lower: [Double], upper: [Double], p: Double) {
      (self.mean, self.lower, self.upper, self.p) = (mean, lower, upper, p)
    }
  }

  /// A curve over the number of concepts, from none to all.
  public struct Curve: Sendable, Encodable {
    /// The worth after each number of concepts, and the share of the input that they cover.
    public var worths, covered: [Double]
    /// The mean height over the number of concepts, and over the share covered.
    public var area, areaByCover: Double
    /// The same concepts in random orders.
    public var randomOrders: Band
    /// The segments of each example dealt anew among as many concepts; nil where that was not asked.
    public var randomConcepts: Band?

    /// Makes a curve.
    public init(
      worths: [Double], covered: [Double], area: Double, areaByCover: Double, randomOrders: Band,
      randomConcepts: Band? = nil
    ) {
      (self.worths, self.covered, self.area) = (worths, covered, area)
      (self.areaByCover, self.randomOrders, self.randomConcepts) = (areaByCover, randomOrders, randomConcepts)
    }
  }

  /// Both curves.
  public struct Curves: Sendable, Encodable {
    /// Whether worths are the `accuracy` of a classifier or the mean `output` of a network that has one.
    public var measure: String
    /// Concepts are added to an empty input; concepts are taken from the whole one.
    public var sufficient, destroying: Curve

    /// Makes an entry.
    public init(measure: String, sufficient: Curve, destroying: Curve) {
      (self.measure, self.sufficient, self.destroying) = (measure, sufficient, destroying)
    }
  }

  /// What was learned of the patches.
  public struct Dictionary: Sendable, Encodable {
    /// `kmeans`, `nmf` or `pca`.
    public var kind: String
    /// How many concepts it has, kept or not, over how many features.
    public var conceptCount, featureCount: Int
    /// How well it holds the patches.
    public var fit: DictionaryFit?
    /// The mean cosine of all its concepts with their partners.
    public var stability: Stability?
    /// Files: the concepts, `[concepts, features]`, the mean over patches, `[features]`, and the patches,
    /// `[patches, features]`.
    public var atoms, mean, features: String

    /// Makes an entry.
    public init(
      kind: String, conceptCount: Int, featureCount: Int, atoms: String = "", mean: String = "",
      features: String = ""
    ) {
      (self.kind, self.conceptCount, self.featureCount) = (kind, conceptCount, featureCount)
      (self.atoms, self.mean, self.features) = (atoms, mean, features)
    }
  }

  /// One layer.
  public struct Layer: Sendable, Encodable {
    /// The layer's name, its ONNX value, and its shape for one example.
    public var layer, onnxValue: String
    public var shape: [Int]
    /// What was learned.
    public var dictionary: Dictionary
    /// What became of each concept of the dictionary.
    public var clusters: [ConceptCluster]
    /// The concepts that were kept, the most important first.
    public var concepts: [Concept]
    /// The share of the held-out examples for which the class is the network's answer; nil without curves.
    public var accuracy: Double?
    /// How far concepts suffice; nil where that was not asked.
    public var curves: Curves?
    /// How complete the concepts are together; nil where that was not asked.
    public var completeness: Double?
    /// What a reader should know first.
    public var warnings: [String]

    /// Makes an entry.
    public init(
      layer: String, onnxValue: String, shape: [Int], dictionary: Dictionary, clusters: [ConceptCluster] = [],
      concepts: [Concept] = [], warnings: [String] = []
    ) {
      (self.layer, self.onnxValue, self.shape) = (layer, onnxValue, shape)
      (self.dictionary, self.clusters) = (dictionary, clusters)
      (self.concepts, self.warnings) = (concepts, warnings)
    }
  }

  /// The examples that took part.
  public struct Examples: Sendable, Encodable {
    /// Those in which concepts were sought, and those on which they were judged.
    public var search, heldOut: [String]

    /// Makes an entry.
    public init(search: [String], heldOut: [String]) { (self.search, self.heldOut) = (search, heldOut) }
  }

  /// The schema's name and version.
  public let schema = "noema.ace/1"
  /// The class.
  public var target: DiscoverySubject.Target
  /// What examples are: `image`, `signal`, `text` or `table`.
  public var kind: String
  /// The examples that took part.
  public var examples: Examples
  /// The patches of each resolution, the coarsest first.
  public var patchCounts: [Int]
  /// The layers.
  public var layers: [Layer]
  /// What a reader should know first, beside what concerns one layer.
  public var warnings: [String]
  /// What was left out, a sentence each.
  public var skipped: [String]

  /// Makes a record.
  public init(
    target: DiscoverySubject.Target, kind: String, examples: Examples, patchCounts: [Int], layers: [Layer],
    warnings: [String] = [], skipped: [String] = []
  ) {
    (self.target, self.kind, self.examples) = (target, kind, examples)
    (self.patchCounts, self.layers) = (patchCounts, layers)
    (self.warnings, self.skipped) = (warnings, skipped)
  }
}
