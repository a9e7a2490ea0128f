/// What `result.json` holds of a spectral relevance analysis (schema `noema.spray/1`).
///
/// Numbers that were not computed are nil, and left out of the file.
public struct SpRAYRecord: Encodable, Sendable {
  /// A group of examples that the network decides alike: a strategy.
  public struct Cluster: Encodable, Sendable {
    /// How many examples belong to it.
    public var size: Int
    /// Their share of the class's examples, 0 to 1.
    public var share: Double
    /// How well it comes back in resampled data: mean Jaccard index with the most similar cluster, 0 to 1.
    public var stability: Double?
    /// The 95 % interval of the stability: two numbers.
    public var stabilityInterval: [Double]?
    /// The mean silhouette of its examples, −1 to 1.
    public var silhouette: Double?
    /// The share of absolute relevance near the border of the image, 0 to 1.
    public var borderShare: Double?
    /// Where relevance sits, in words that follow "in", such as "the lower left corner"; nil for no one place.
    public var region: String?
    /// The examples that stand for it, nearest to its middle first.
    public var prototypes: [Prototype] = []
    /// How often each label occurs inside.
    public var labels: [String: Int] = [:]
    /// How often each prediction occurs inside.
    public var predictions: [String: Int] = [:]
    /// What happens when its region is hidden from the network; nil when that was not tried.
    public var maskingEffect: MaskingEffect?
    /// Where its mean map begins in `mean-maps.npy`; set when the result is written.
    var meanMapIndex: Int?

    /// Makes a cluster of a size.
    public init(size: Int, share: Double) {
      self.size = size
      self.share = share
    }
  }

  /// An example that stands for its cluster.
  public struct Prototype: Codable, Sendable, Hashable {
    /// Its number in the data set.
    public var example: Int
    /// Its file or name.
    public var name: String

    /// Makes a prototype.
    public init(example: Int, name: String) {
      self.example = example
      self.name = name
    }
  }

  /// What hiding a cluster's region does to the class's score: the test of a suspicion on the network itself.
  public struct MaskingEffect: Codable, Sendable, Hashable {
    /// How far the score drops on the cluster's examples, and on others of the class; negative when it rises.
    public var drop, dropElsewhere: Double
    /// The 95 % interval of the difference of the drops: two numbers.
    public var differenceInterval: [Double]?
    /// The probability of such a difference, or a larger one, by chance.
    public var p: Double?
    /// The share of the image that is hidden, 0 to 1.
    public var maskedShare: Double?
    /// Whether the network needs the region on these examples and not on the others.
    public var isConfirmed: Bool

    /// Makes an effect.
    public init(
      drop: Double, dropElsewhere: Double, differenceInterval: [Double]? = nil, p: Double? = nil,
      maskedShare: Double? = nil, isConfirmed: Bool
    ) {
      self.drop = drop
      self.dropElsewhere = dropElsewhere
      self.differenceInterval = differenceInterval
      self.p = p
      self.maskedShare = maskedShare
      self.isConfirmed = isConfirmed
    }
  }

  /// The largest step between neighbouring eigenvalues.
  public struct Eigengap: Codable, Sendable, Hashable {
    /// How many eigenvalues lie below it: the number of clusters that it suggests.
    public var clusterCount: Int
    /// The step.
    public var gap: Double
    /// Its share of the eigenvalue above it.
    public var relativeGap: Double?
    /// The 95 % interval of the number in resampled data: two numbers.
    public var clusterCountInterval: [Int]?
    /// The share of resampled data that suggest the same number.
    public var agreement: Double?

    /// Makes a gap.
    public init(
      clusterCount: Int, gap: Double, relativeGap: Double? = nil, clusterCountInterval: [Int]? = nil,
      agreement: Double? = nil
    ) {
      self.clusterCount = clusterCount
      self.gap = gap
      self.relativeGap = relativeGap
      self.clusterCountInterval = clusterCountInterval
      self.agreement = agreement
    }
  }

  /// How much a class deserves a look.
  public struct Suspicion: Encodable, Sendable, Hashable {
    /// Its place among the classes, 1 for the most suspicious.
    public var rank: Int
    /// What classes are ranked by; larger is more suspicious.
    public var score: Double
    /// The index of the cluster that the suspicion is about.
    public var cluster: Int?
    /// Fisher's discriminant of the clusters, and how many standard deviations it lies above surrogate data.
    public var fisher, fisherZ: Double?
    /// How well clusters can be told apart linearly, 0.5 to 1.
    public var separability: Double?
    /// How much of the relevance sits in few places, 0 to 1.
    public var localisation: Double?
    /// What it is about, in a sentence; made of the cluster's numbers when empty.
    public var sentence = ""

    /// Makes a suspicion.
    public init(rank: Int, score: Double, cluster: Int? = nil) {
      self.rank = rank
      self.score = score
      self.cluster = cluster
    }
  }

  /// What was found for one class.
  public struct ClassResult: Encodable, Sendable {
    /// Its name.
    public var name: String
    /// The number of its output.
    public var classIndex: Int
    /// How many examples were analysed.
    public var exampleCount: Int
    /// The clusters, by the numbers that examples are assigned to.
    public var clusters: [Cluster]
    /// How many examples belong to no cluster.
    public var unclusteredCount = 0
    /// The smallest eigenvalues of the normalised Laplacian, ascending, 0 to 2.
    public var eigenvalues: [Double]
    /// The largest gap between them; nil where there is none.
    public var eigengap: Eigengap?
    /// How many parts the graph of neighbours falls into.
    public var componentCount: Int?
    /// The mean silhouette of all examples, −1 to 1.
    public var silhouette: Double?
    /// Agreement of clusterings of resampled data: mean adjusted Rand index.
    public var stability: Double?
    /// Its 95 % interval: two numbers.
    public var stabilityInterval: [Double]?
    /// How suspicious the class is.
    public var suspicion: Suspicion
    /// What the reader should know of this class, in sentences.
    public var remarks: [String] = []

    /// Makes the result of a class.
    public init(
      name: String, classIndex: Int, exampleCount: Int, clusters: [Cluster], eigenvalues: [Double],
      eigengap: Eigengap?, suspicion: Suspicion
    ) {
      self.name = name
      self.classIndex = classIndex
      self.exampleCount = exampleCount
      self.clusters = clusters
      self.eigenvalues = eigenvalues
      self.eigengap = eigengap
      self.suspicion = suspicion
    }
  }

  /// The schema's name and version.
  public let schema = "noema.spray/1"
  /// The method that made the relevance maps, and the layer that received them.
  public var method, layer: String
  /// How clusters were found, and how examples were laid out in the plane.
  public var clustering, embedding: String
  /// The classes.
  public var classes: [ClassResult]
  /// Examples that were left out, and why.
  public var skipped: [String]

  /// Makes a record.
  public init(
    method: String, layer: String, clustering: String, embedding: String, classes: [ClassResult],
    skipped: [String] = []
  ) {
    self.method = method
    self.layer = layer
    self.clustering = clustering
    self.embedding = embedding
    self.classes = classes
    self.skipped = skipped
  }
}

extension SpRAYRecord.ClassResult {
  /// What the suspicion is about, in a sentence.
  public var sentence: String {
    if !suspicion.sentence.isEmpty { return suspicion.sentence }
    if clusters.count < 2 { return "class '\(name)': one strategy, nothing to tell apart" }
    guard let index = suspicion.cluster, clusters.indices.contains(index) else {
      return "class '\(name)': \(clusters.count) strategies, none that stands out"
    }
    return sentence(about: index)
  }

  /// What one strategy rests on, in a sentence.
  ///
  /// - Precondition: there is a cluster of that index.
  public func sentence(about index: Int) -> String {
    let cluster = clusters[index]
    let share = NumberText.fixed(100 * cluster.share, 0)
    let start =
      "class '\(name)', strategy \(index + 1) (\(share) % of images): relevance sits in "
      + (cluster.region ?? "no one place")
    guard let effect = cluster.maskingEffect else { return start + "; not tested by masking" }
    let isDrop = effect.drop >= 0
    let here = NumberText.compact(abs(effect.drop))
    let elsewhere = NumberText.compact(isDrop ? effect.dropElsewhere : -effect.dropElsewhere)
    return start
      + "; masking that region \(isDrop ? "drops" : "raises") the score by \(here) on these images and "
      + "\(elsewhere) elsewhere" + (effect.isConfirmed ? "" : ", which confirms nothing")
  }

  /// Whether masking confirms the suspicion.
  var isConfirmed: Bool {
    guard let index = suspicion.cluster, clusters.indices.contains(index) else { return false }
    return clusters[index].maskingEffect?.isConfirmed == true
  }
}
