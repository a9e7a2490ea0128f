internal import ArgumentParser
internal import Noema

/// How concepts are found.
struct DiscoveryOptions: ParsableArguments {
  @Option(help: "kmeans, nmf (after a ReLU) or pca.") var dictionary = DictionaryKind.kMeans
  @Option(help: "How many concepts are sought.") var concepts = 25
  @Option(
    help: "Which clusters count, by the examples that they come from: reference, paper or none (all).")
  var keep = ClusterFilter.Policy.reference
  @Option(
    name: .customLong("min-size"), help: "Concepts have more patches than this; 20 for reference, else 0.")
  var minimumSize: Int?
  @Option(help: "The most patches that stand for a concept.") var patches = 40
  @Option(help: "The most examples of the class that are searched.") var search = 50
  @Option(
    name: .customLong("held-out"),
    help: "The most examples that are held out; fewer are shared out in the proportion of both.")
  var heldOut = 50
  @Option(name: .customLong("min-examples"), help: "Fewer examples of the class are refused.")
  var minimumExamples = 10

  /// The settings that the flags describe.
  func discovery(_ segments: SegmentOptions, seed: UInt64) throws -> ConceptDiscovery {
    var discovery = ConceptDiscovery()
    discovery.fit = segments.fit
    (discovery.dictionary, discovery.conceptCount) = (dictionary, concepts)
    discovery.filter = keep == .reference ? .reference : ClusterFilter(keep)
    if let minimumSize { discovery.filter.minimumSize = minimumSize }
    (discovery.prunedSize, discovery.minimumExamples) = (patches, minimumExamples)
    (discovery.discoveryCount, discovery.heldOutCount) = (search, heldOut)
    discovery.seed = seed
    try discovery.validate()
    return discovery
  }

  var record: [(name: String, value: String)] {
    [
      ("dictionary", dictionary.rawValue), ("concepts", String(concepts)), ("keep", keep.rawValue),
      ("min-size", minimumSize.map(String.init) ?? "by default"), ("patches", String(patches)),
      ("search", String(search)), ("held-out", String(heldOut)), ("min-examples", String(minimumExamples)),
    ]
  }
}

/// What is asked about the concepts that were found.
struct ConceptWorthOptions: ParsableArguments {
  @Option(help: "CAVs per concept, each against its own random patches; 0 leaves out the test.") var runs = 50
  @Option(
    name: .customLong("pseudo-concepts"),
    help: "Pseudo-concepts of the permutation test; 199 by default, more for many concepts.")
  var pseudoConcepts: Int?
  @Option(name: .customLong("null-runs"), help: "Runs per pseudo-concept.") var nullRuns = 20
  @Option(help: "holm, bonferroni, bh or none.") var correction = MultipleTesting.holm
  @Option(help: "The level up to which an adjusted p-value counts.") var alpha = 0.05
  @Option(name: .customLong("min-auc"), help: "The AUC below which a concept counts as not represented.")
  var minimumAUC = 0.6
  @Flag(
    name: .customLong("whole-random"), help: "Hold concepts against whole random examples, as the paper does."
  )
  var wholeRandom = false
  @Option(
    help: "Masks of the design of total indices, a power of 2; 0 leaves out indices.") var masks = 32
  @Option(help: "Held-out examples in which concepts are shown and hidden; 0 leaves out curves.") var scenes =
    20
  @Option(name: .customLong("random-concepts"), help: "Sets of random concepts beside the curves.")
  var randomConcepts = 19
  @Option(name: .customLong("random-orders"), help: "Random orders beside the curves.") var randomOrders = 39
  @Option(help: "How often the search is repeated, with other seeds and in other examples.") var stability =
    10
  @Flag(help: "How complete concepts are, and the share of each in that (ConceptSHAP).") var completeness =
    false

  /// The settings that the flags describe.
  func evaluation(seed: UInt64) throws -> ConceptEvaluation {
    var evaluation = ConceptEvaluation()
    if runs == 0 { evaluation.test = nil }
    evaluation.test?.runs = runs
    evaluation.test?.pseudoConcepts = pseudoConcepts
    evaluation.test?.nullRuns = nullRuns
    evaluation.test?.correction = correction
    evaluation.test?.significance = alpha
    evaluation.test?.minimumAUC = minimumAUC
    if masks == 0 { evaluation.totalIndices = nil }
    evaluation.totalIndices?.designSize = masks
    if scenes == 0 { evaluation.curves = nil }
    evaluation.sceneCount = max(1, scenes)
    evaluation.curves?.randomOrders = randomOrders
    evaluation.randomConceptSets = randomConcepts
    evaluation.stabilityRuns = stability
    if completeness { evaluation.completeness = ConceptShapley() }
    evaluation.reseed(seed)
    try evaluation.validate()
    return evaluation
  }

  func validate() throws {
    guard scenes >= 0 else { throw ValidationError("--scenes must be 0 or more, found \(scenes).") }
    guard masks == 0 || masks >= 2 && masks & (masks - 1) == 0 else {
      throw ValidationError("--masks must be 0 or a power of 2, found \(masks).")
    }
    guard randomOrders >= 1 else {
      throw ValidationError("--random-orders must be 1 or more, found \(randomOrders).")
    }
  }

  var record: [(name: String, value: String)] {
    [
      ("runs", String(runs)), ("pseudo-concepts", pseudoConcepts.map(String.init) ?? "as needed"),
      ("null-runs", String(nullRuns)), ("correction", correction.rawValue), ("alpha", String(alpha)),
      ("min-auc", String(minimumAUC)), ("random examples", wholeRandom ? "whole" : "cut as the class's are"),
      ("masks", String(masks)), ("scenes", String(scenes)), ("random-concepts", String(randomConcepts)),
      ("random-orders", String(randomOrders)), ("stability", String(stability)),
      ("completeness", String(completeness)),
    ]
  }
}
