/// What a study of concepts found, layer by layer.
public struct DiscoveredConcepts: Sendable {
  /// The settings.
  public let discovery: ConceptDiscovery
  /// The class.
  public let target: DiscoverySubject.Target
  /// The patches of all discovery examples, by which concepts name their members.
  public let patches: PatchExamples
  /// Examples that concepts were sought in, and examples that were held out; indices among those of the class.
  public let discoveryExamples, heldOutExamples: [Int]
  /// How patches were cut.
  let cutting: SegmentCutting
  /// The concepts at each layer.
  public let layers: [LayerConcepts]
  /// Examples that were left out, and why.
  public let skipped: [String]
  /// Things the reader should know, in sentences.
  public let warnings: [String]

  /// The number of patches of each resolution, the coarsest first.
  public var patchCounts: [Int] {
    var counts: [Int] = []
    for patch in patches.patches {
      while counts.count <= patch.level { counts.append(0) }
      counts[patch.level] += 1
    }
    return counts
  }
}

/// The concepts of a class at one layer.
public struct LayerConcepts: Sendable {
  /// The layer's name and ONNX value.
  public let layer, onnxValue: String
  /// The layer's shape for one example.
  public let shape: [Int]
  /// Whether channels come behind the layer's positions.
  public let hasChannelsLast: Bool
  /// What was learned of the patches.
  public let dictionary: LearnedDictionary
  /// The activations of the patches, means over positions.
  public let features: PointSet
  /// Which concept each patch shows.
  public let membership: ConceptMembership
  /// What became of each concept of the dictionary.
  public let clusters: [ConceptCluster]
  /// The concepts that were kept, the largest first.
  public let concepts: [DiscoveredConcept]
  /// How well the dictionary holds the patches.
  public let fit: DictionaryFit

  /// How many concepts of the dictionary each verdict befell.
  public func count(_ verdict: ClusterFilter.Verdict) -> Int { clusters.count { $0.verdict == verdict } }

  /// Each concept's place among those kept, by its place in the dictionary; nil for those dropped.
  var places: [Int?] {
    var places = [Int?](repeating: nil, count: dictionary.conceptCount)
    for (place, concept) in concepts.enumerated() { places[concept.atom] = place }
    return places
  }
}

/// A concept of a dictionary, before it is known whether it is kept.
public struct ConceptCluster: Sendable, Hashable, Codable {
  /// Its place in the dictionary.
  public let atom: Int
  /// Its patches.
  public let size: Int
  /// How many examples they come from.
  public let exampleCount: Int
  /// The mean cost of its patches: how wide a cluster is; 0 without patches.
  public let spread: Double
  /// What became of it.
  public let verdict: ClusterFilter.Verdict
}

/// A concept that was kept.
public struct DiscoveredConcept: Sendable, Hashable, Codable {
  /// A patch that shows it.
  public struct Member: Sendable, Hashable, Codable {
    /// The patch.
    public let patch: Int
    /// How far it is from showing the concept best; see ``ConceptMembership/costs``.
    public let cost: Double
  }

  /// Its name: the example and the segment of its best patch.
  public let name: String
  /// Its place in the dictionary.
  public let atom: Int
  /// Its patches, those pruned counted, and how many examples they come from.
  public let size, exampleCount: Int
  /// The best patches, the best first.
  public let members: [Member]
  /// Patches to show: the best one of each example first, then the others.
  public let exemplars: [Int]
}
