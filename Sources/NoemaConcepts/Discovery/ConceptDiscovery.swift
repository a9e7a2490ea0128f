internal import NoemaTensor

/// Automatic concept-based explanations (ACE) and their successors: the concepts that a class rests on, found without
/// labels.
///
/// Examples of a class are cut into segments at several resolutions. Each segment becomes an input of its own, a patch;
/// the activations of all patches at a layer are clustered or factorised, clusters that are small or come from few
/// examples are dropped, and the best patches of each stand for a concept. What the concepts are worth to the class is
/// found by ``ConceptEvaluation`` on examples that took no part.
///
/// ```swift
/// let found = try ConceptDiscovery().discover(in: subject)
/// for concept in found.layers[0].concepts { print(concept.name, concept.size) }
/// ```
///
/// - Sources: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019; Zhang et al., "Invertible
///   Concept-based Explanations", AAAI 2021 (ICE); Fel et al., "CRAFT", CVPR 2023.
public struct ConceptDiscovery: Sendable, Hashable, Codable {
  /// How images are divided, unless the subject has a segmenter.
  public var superpixels = SuperpixelSegmenter()
  /// Which segments of the resolutions are taken.
  public var choice = SegmentChoice()
  /// What surrounds segments in patches; nil for the grey of byte 117 on images, and means on signals and tables.
  public var fill: PatchFill?
  /// What becomes of a segment's box; nil to stretch it on images, and to leave it in place elsewhere.
  public var fit: PatchCutter.Fit?
  /// How concepts are found.
  public var dictionary = DictionaryKind.kMeans
  /// How many are sought.
  public var conceptCount = 25
  /// Which of them are kept.
  public var filter = ClusterFilter.reference
  /// The most patches of a concept; the best are kept.
  public var prunedSize = 40
  /// The most examples that concepts are sought in.
  public var discoveryCount = 50
  /// The most examples that are held out for the evaluation; where there are too few for both, they are shared out in
  /// this proportion.
  public var heldOutCount = 50
  /// Fewer examples of the class than this are too few.
  public var minimumExamples = 10
  /// The seed of all random choices.
  public var seed: UInt64 = 0

  /// Makes a study with the paper's settings.
  public init() {}

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try check(
      (2...100_000).contains(conceptCount), "concepts are sought 2 to 100000 at a time, found \(conceptCount)"
    )
    try check(prunedSize >= 2, "concepts keep 2 or more patches, found \(prunedSize)")
    try check(
      discoveryCount >= 1 && heldOutCount >= 0,
      "concepts are sought in 1 or more examples, and 0 or more are held out, found \(discoveryCount) and "
        + "\(heldOutCount)")
    try check(minimumExamples >= 2, "a class needs 2 or more examples, found a least of \(minimumExamples)")
    try check(
      filter.minimumSize >= 0, "the least size of a concept is 0 or more, found \(filter.minimumSize)")
  }

  /// The recipe of the dictionaries.
  var recipe: DictionaryRecipe { DictionaryRecipe(dictionary, conceptCount: conceptCount, seed: seed) }

  /// Draws examples to seek concepts in, and examples to hold out; ascending, with none in both.
  func split(_ indices: [Int]) -> (discovery: [Int], heldOut: [Int]) {
    var random = RandomNumbers(seed: seed).split(1)
    let order = random.sample(indices.count, below: indices.count).map { indices[$0] }
    let wanted = discoveryCount + heldOutCount
    let count =
      order.count >= wanted
      ? discoveryCount : max(1, (order.count * discoveryCount + wanted / 2) / wanted)
    let end = min(order.count, count + heldOutCount)
    return (order[..<count].sorted(), order[count..<end].sorted())
  }
}
