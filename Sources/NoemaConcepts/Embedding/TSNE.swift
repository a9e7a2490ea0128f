public import NoemaTensor

/// t-distributed stochastic neighbour embedding: a layout in the plane that keeps neighbours together.
///
/// Points belong together by `pᵢⱼ`, from Gaussians that give each the same effective number of neighbours, the
/// perplexity. Places in the plane belong together by `qᵢⱼ ∝ 1 / (1 + ‖yᵢ − yⱼ‖²)`. Gradient descent with momentum and
/// gains lessens `KL(P‖Q) = Σ pᵢⱼ log(pᵢⱼ / qᵢⱼ)`. Sizes of clusters and distances between them mean little.
///
/// Few points are laid out over all pairs; many with affinities to the `⌊3 · perplexity⌋` nearest neighbours and
/// repulsion by a quadtree. The layout depends on the seed, not on the number of threads.
///
/// ```swift
/// let layout = try TSNE(perplexity: 20).embed(points)
/// print(layout.coordinates, layout.divergence)
/// ```
///
/// - Sources: van der Maaten and Hinton, JMLR 2008; van der Maaten, JMLR 2014, for the quadtree; Belkina et al., Nature
///   Communications 2019, for the learning rate; Kobak and Berens, Nature Communications 2019, for the start.
public struct TSNE: Sendable, Hashable, Codable {
  /// Which pairs count.
  public enum Method: String, Sendable, Codable, CaseIterable {
    /// All for at most 500 points.
    case automatic
    /// All, of at most ``exactLimit`` points: memory and time grow with their square.
    case exact
    /// Neighbours attract; distant points repel together.
    case barnesHut = "barnes-hut"
  }

  /// Where points start.
  public enum Start: String, Sendable, Codable, CaseIterable {
    /// Along the two leading principal components, the first with a standard deviation of 1e-4. Keeps some of the
    /// order at large.
    case principalComponents = "pca"
    /// At normal random places with a standard deviation of 1e-4.
    case random
  }

  /// The number of neighbours that a point effectively has; lowered to `(n − 1) / 3` where that is less.
  public var perplexity: Double
  /// What distance means.
  public var metric: Metric
  /// Which pairs count.
  public var method = Method.automatic
  /// θ of the quadtree, from 0 (all pairs) to 0.7: how wide a cell may look that stands for its points.
  public var openingAngle = 0.5
  /// The most steps, with those of exaggeration.
  public var iterations = 1000
  /// What affinities are multiplied by at first, so that clusters form before they are in each other's way.
  public var exaggeration = 12.0
  /// How many steps affinities are multiplied.
  public var exaggerationIterations = 250
  /// The step; nil for `max(n / (4 · exaggeration), 50)`.
  public var learningRate: Double?
  /// Where points start.
  public var start = Start.principalComponents
  /// After exaggeration, the descent ends when the divergence has not sunk for this many steps.
  public var patience = 300
  /// After exaggeration, the descent ends when the norm of the gradient is at most this.
  public var minimumGradient = 1e-7
  /// The seed of random places, and of principal components of large sets.
  public var seed: UInt64 = 0

  /// The most points of which all pairs are looked at: their affinities take some 70 bytes times their square.
  public static let exactLimit = 10_000

  /// Makes an embedding.
  public init(perplexity: Double = 30, metric: Metric = .euclidean, seed: UInt64 = 0) {
    self.perplexity = perplexity
    self.metric = metric
    self.seed = seed
  }

  /// A look at the descent, every 50 steps.
  public struct Check: Sendable, Hashable, Codable {
    /// The steps so far.
    public let iteration: Int
    /// `KL(P‖Q)` before the last of them, without exaggeration.
    public let divergence: Double
    /// The norm of the gradient at the last of them.
    public let gradientNorm: Double
  }

  /// Lays out points.
  ///
  /// - Parameters:
  ///   - points: 4 or more.
  ///   - progress: called every 50 steps.
  /// - Throws: `ConceptError.parameters` for a setting out of its range, for all pairs of too many points, and naming
  ///   a point for which the metric is undefined, `.tooFew` for fewer than 4 points, `.algebra` when the descent
  ///   diverges.
  /// - Complexity: O(n²) memory and time of a step over all pairs; else O(n · perplexity) memory and O(n log n) time,
  ///   after exact neighbours in O(n² d).
  public func embed(
    _ points: PointSet, progress: ((Check) -> Void)? = nil
  ) throws(ConceptError) -> TSNELayout {
    try validate()
    let n = points.count
    guard n >= 4 else { throw ConceptError(.tooFew(set: "the set of points", found: n, needed: 4)) }
    guard method != .exact || n <= Self.exactLimit else {
      throw ConceptError(
        .parameters(
          "all pairs of \(n) points are too many, at most \(Self.exactLimit) points are taken; give the method "
            + "barnes-hut"))
    }
    let limit = Double(n - 1) / 3
    var remarks: [String] = []
    if self.perplexity > limit {
      remarks.append(
        "a perplexity of \(self.perplexity) is too large for \(n) points and was lowered to \(limit)")
    }
    let perplexity = min(self.perplexity, limit)
    let method = self.method == .automatic ? (n <= 500 ? .exact : .barnesHut) : self.method
    let start = try initialLayout(points)
    guard points.distinctCount(upTo: 2) > 1 else {
      remarks.append("all points are identical, so the layout is where they started")
      return TSNELayout(
        coordinates: Matrix(plane: start), divergence: 0, checks: [], iterations: 0, perplexity: perplexity,
        method: method, remarks: remarks)
    }
    // Rounding must not lose the last of n − 1 neighbours.
    let k = method == .exact ? n - 1 : min(n - 1, Int(3 * perplexity + 1e-9))
    let neighbors = try NearestNeighbors.find(points, k: k, metric: metric)
    let affinities = try PerplexityAffinities(neighbors, perplexity: perplexity)
    var descent = TSNEDescent(self, affinities, method: method, start: start)
    try descent.run(progress)
    return TSNELayout(
      coordinates: Matrix(plane: descent.layout), divergence: descent.divergence, checks: descent.checks,
      iterations: descent.iteration, perplexity: perplexity, method: method, remarks: remarks)
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try check(perplexity >= 1 && perplexity.isFinite, "the perplexity must be 1 or more, found \(perplexity)")
    // Beyond 1/√2 a cell could stand for the point that it repels.
    try check(
      (0...0.7).contains(openingAngle), "the opening angle must lie in [0, 0.7], found \(openingAngle)")
    try check(
      iterations >= 0 && exaggerationIterations >= 0,
      "iterations must be 0 or more, found \(iterations) and \(exaggerationIterations) of exaggeration")
    try check(
      exaggeration > 0 && exaggeration.isFinite, "the exaggeration must be above 0, found \(exaggeration)")
    try check(
      learningRate.map { $0 > 0 && $0.isFinite } ?? true,
      "the learning rate must be above 0, found \(learningRate ?? 0)")
    try check(
      patience >= 0 && minimumGradient >= 0,
      "patience and least gradient must be 0 or more, found \(patience) and \(minimumGradient)")
  }

  private func initialLayout(_ points: PointSet) throws(ConceptError) -> [SIMD2<Double>] {
    let deviation = 1e-4
    var random = RandomNumbers(seed: seed)
    guard start == .principalComponents else {
      return PlanarStart.random(points.count, deviation: deviation, using: &random)
    }
    var layout = try PlanarStart.principalComponents(points, seed: seed)
    let variance = layout.reduce(0) { $0 + $1.x * $1.x } / Double(layout.count)
    guard variance > 0 else { return layout }
    let isLine = layout.allSatisfy { $0.y == 0 }
    for i in layout.indices {
      layout[i] *= deviation / variance.squareRoot()
      // No gradient would ever leave the line.
      if isLine { layout[i].y = random.normal() * deviation / 100 }
    }
    return layout
  }
}

/// Points laid out by t-SNE.
public struct TSNELayout: Sendable, Hashable {
  /// The places, points × 2.
  public let coordinates: Matrix
  /// `KL(P‖Q)` at these places, in nats. Comparable among layouts of the same points, perplexity and method.
  public let divergence: Double
  /// The descent, every 50 steps.
  public let checks: [TSNE.Check]
  /// The steps taken.
  public let iterations: Int
  /// The perplexity that was used.
  public let perplexity: Double
  /// Which pairs counted: exact or Barnes–Hut.
  public let method: TSNE.Method
  /// What the reader of the layout should know.
  public let remarks: [String]
}
