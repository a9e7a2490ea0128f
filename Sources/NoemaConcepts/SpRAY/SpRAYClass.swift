public import NoemaTensor

/// The prediction strategies of one class.
public struct SpRAYClass: Sendable {
  /// The class's name.
  public let name: String
  /// The class's index among the outputs; nil when not known.
  public let target: Int?
  /// How mean maps lie on the image; nil for vectors.
  public let grid: MapGrid?
  /// What distance meant, with all that follows from the maps fixed.
  public let distance: MapDistance
  /// Neighbours an example.
  public let neighborCount: Int
  /// The eigenvalues, and the number of strategies that they suggest.
  public let spectrum: StrategySpectrum
  /// The strategies from the largest to the smallest; the label of each is its place.
  public let clusters: [SpRAYCluster]
  /// The examples in the order of their maps.
  public let members: [SpRAYMember]
  /// The mean silhouette over all examples but noise; NaN for fewer than two strategies.
  public let silhouette: Double
  /// Whether the same strategies come out of parts of the examples, by the adjusted Rand index and for each strategy by
  /// Jaccard's; nil for fewer than two strategies, and when it was not asked for.
  public let stability: ClusterStability.Outcome?
  /// The eigenvectors as columns, examples × eigenvalues.
  public let eigenvectors: Matrix
  /// Two-dimensional pictures.
  public let pictures: [StrategyPicture]
  /// Maps that were left out.
  public let flawed: [FlawedMap]
  /// What the reader should know, in sentences.
  public let remarks: [String]

  /// The strategy of each example, −1 for noise.
  public var labels: [Int] { members.map { $0.label } }
  /// The number of examples that belong to no strategy.
  public var noiseCount: Int { members.count { $0.label < 0 } }
}

/// One prediction strategy: examples whose relevance maps are alike.
public struct SpRAYCluster: Sendable, Hashable, Codable {
  /// Its label, from 0.
  public let label: Int
  /// The number of its examples.
  public let size: Int
  /// Their share of the class, in [0, 1].
  public let share: Double
  /// How far parts of the examples lead to it again: the mean Jaccard index, in [0, 1]. Below 0.6 it should not be
  /// believed. NaN when that was not asked for, and for the only strategy.
  public let stability: Double
  /// The middle 95 % of that index over parts; empty like it.
  public let stabilityInterval: [Double]
  /// The mean silhouette of its examples in the embedding, in [−1, 1]; NaN for the only strategy.
  public let silhouette: Double
  /// The mean of its prepared maps, laid out as `SpRAYClass.grid` says.
  public let mean: [Float]
  /// Its examples, as places in `SpRAYClass.members`, ascending.
  public let members: [Int]
  /// Those of its examples that lie nearest to its mean in the embedding, nearest first.
  public let prototypes: [Int]
  /// How many of its examples have each class by the data set.
  public let labelCounts: [Int: Int]
  /// How many of its examples have each class by the network.
  public let predictionCounts: [Int: Int]
}

/// An example of a class, and where it belongs.
public struct SpRAYMember: Sendable, Hashable, Codable {
  /// The example.
  public let example: RelevanceExample
  /// By how much its map was moved before it was compared, in positions of the map.
  public let offset: MapOffset
  /// Its strategy, −1 for noise.
  public let label: Int
  /// How surely it belongs there: the share of its edges, by their weights, that lead to the same strategy, in [0, 1].
  public let confidence: Double
  /// Its distance to the mean of its strategy in the embedding; NaN for noise.
  public let distance: Double
  /// How much nearer it is to its own strategy than to the next in the embedding, in [−1, 1]; NaN for noise and for the
  /// only strategy.
  public let silhouette: Double
  /// The mean distance of its map to those of its neighbours.
  public let neighborDistance: Double
}

/// A picture of a class.
public struct StrategyPicture: Sendable, Hashable {
  /// What made it: `tsne` or `umap`.
  public let name: String
  /// The places of the examples, examples × 2.
  public let coordinates: Matrix
  /// What the reader of it should know.
  public let remarks: [String]
}
