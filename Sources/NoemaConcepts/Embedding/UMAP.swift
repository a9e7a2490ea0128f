public import NoemaAttribution
public import NoemaTensor

/// Uniform manifold approximation and projection: a layout in the plane of the graph of fuzzy neighbours.
///
/// Each point measures its neighbours with a ruler of its own; pairs get one weight of both. The layout starts from the
/// graph's Laplacian, and stochastic steps pull pairs together as often as they weigh and push random points apart. As
/// with t-SNE, neighbours mean something in a layout and distances between clusters little.
///
/// ```swift
/// let layout = try UMAP(neighborCount: 15, metric: .correlation).embed(points)
/// ```
///
/// - Source: McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension
///   Reduction", 2018.
public struct UMAP: Sendable, Hashable, Codable {
  /// Where points start.
  public enum Start: String, Sendable, Codable, CaseIterable {
    /// At the eigenvectors of the graph's Laplacian that follow the constant one; along principal components when the
    /// graph has several parts, of whose places to each other its Laplacian knows nothing.
    case spectral
    /// Along the two leading principal components.
    case principalComponents = "pca"
    /// At normal random places.
    case random
  }

  /// The number of neighbours of a point with itself; lowered to the number of points where that is less.
  public var neighborCount: Int
  /// What distance means.
  public var metric: Metric
  /// How close places of neighbours come, from 0 to `spread`.
  public var minimumDistance = 0.1
  /// The scale of the layout.
  public var spread = 1.0
  /// The number of passes over the graph; nil for 500, or 200 beyond 10 000 points.
  public var epochs: Int?
  /// The step of the first pass; it sinks to 0.
  public var learningRate = 1.0
  /// Points that each pull of a pair pushes away.
  public var negativeSamples = 5
  /// γ, the weight of pushes.
  public var repulsion = 1.0
  /// Where points start.
  public var start = Start.spectral
  /// The seed of the start and of the steps.
  public var seed: UInt64 = 0

  /// Makes an embedding.
  public init(neighborCount: Int = 15, metric: Metric = .euclidean, seed: UInt64 = 0) {
    self.neighborCount = neighborCount
    self.metric = metric
    self.seed = seed
  }

  /// Lays out points.
  ///
  /// - Parameters:
  ///   - points: 4 or more.
  ///   - progress: called after each pass.
  /// - Throws: `ConceptError.parameters` for a setting out of its range and naming a point for which the metric is
  ///   undefined, `.tooFew` for fewer than 4 points, `.algebra` when the steps run away.
  /// - Complexity: O(n k) a pass, on one core, so that a seed gives one layout; exact neighbours in O(n² d) before.
  public func embed(_ points: PointSet, progress: Progress? = nil) throws(ConceptError) -> UMAPLayout {
    try validate()
    let curve = try UMAPCurve(minimumDistance: minimumDistance, spread: spread)
    let n = points.count
    guard n >= 4 else { throw ConceptError(.tooFew(set: "the set of points", found: n, needed: 4)) }
    var remarks: [String] = []
    if neighborCount > n {
      remarks.append("\(neighborCount) neighbours are too many for \(n) points and were lowered to \(n)")
    }
    let neighbors = try NearestNeighbors.find(points, k: min(neighborCount, n) - 1, metric: metric)
    let usual = n <= 10_000 ? 500 : 200
    let passes = epochs ?? usual
    let graph = try FuzzyGraph(neighbors).weights.dropping(
      // Too light to be pulled once.
      below: 1 / Double(passes > 10 ? passes : usual))
    let random = RandomNumbers(seed: seed)
    var layout = try initialLayout(points, graph, random.split(0), &remarks)
    if points.distinctCount(upTo: 2) > 1 {
      let descent = UMAPDescent(
        curve: curve, epochs: passes, learningRate: learningRate, negativeSamples: negativeSamples,
        repulsion: repulsion)
      layout = descent.run(layout, along: graph, using: random.split(1)) { progress?("UMAP", $0, passes) }
    } else {
      remarks.append("all points are identical, so the layout is where they started")
    }
    guard layout.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
      throw ConceptError(
        .algebra("UMAP's places ran away with a learning rate of \(learningRate); give a smaller one"))
    }
    return UMAPLayout(coordinates: Matrix(plane: layout), graph: graph, curve: curve, remarks: remarks)
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try check(neighborCount >= 2, "the number of neighbours must be 2 or more, found \(neighborCount)")
    try check(epochs.map { $0 >= 0 } ?? true, "the number of passes must be 0 or more, found \(epochs ?? 0)")
    try check(
      learningRate > 0 && learningRate.isFinite, "the learning rate must be above 0, found \(learningRate)")
    try check(
      (0...1000).contains(negativeSamples), "pushes of a pull must be 0 to 1000, found \(negativeSamples)")
    try check(
      repulsion >= 0 && repulsion.isFinite, "the weight of pushes must be 0 or more, found \(repulsion)")
  }

  /// Places in [0, 10] along both axes.
  private func initialLayout(
    _ points: PointSet, _ graph: SparseSymmetricMatrix, _ random: RandomNumbers, _ remarks: inout [String]
  ) throws(ConceptError) -> [SIMD2<Double>] {
    var random = random
    var layout: [SIMD2<Double>]
    switch start {
    case .random: layout = PlanarStart.random(points.count, deviation: 1, using: &random)
    case .principalComponents: layout = try PlanarStart.principalComponents(points, seed: seed)
    case .spectral:
      if let places = spectralLayout(graph, &remarks) {
        layout = places
      } else {
        layout = try PlanarStart.principalComponents(points, seed: seed)
      }
    }
    let largest = layout.reduce(0) { max($0, max($1.x.magnitude, $1.y.magnitude)) }
    // Noise parts points that start at one place.
    let noise = PlanarStart.random(points.count, deviation: 1e-4, using: &random)
    var (low, high) = (SIMD2<Double>(repeating: .infinity), SIMD2<Double>(repeating: -.infinity))
    for i in layout.indices {
      layout[i] = layout[i] * (largest > 0 ? 10 / largest : 0) + noise[i]
      low = pointwiseMin(low, layout[i])
      high = pointwiseMax(high, layout[i])
    }
    let scale = SIMD2<Double>(repeating: 10) / (high - low)
    return layout.map { ($0 - low) * scale }
  }

  /// The eigenvectors that follow the constant one; nil for a graph of several parts, or one that resists the solver.
  private func spectralLayout(
    _ graph: SparseSymmetricMatrix, _ remarks: inout [String]
  ) -> [SIMD2<Double>]? {
    let parts = ConnectedComponents(graph).count
    guard parts == 1 else {
      remarks.append(
        "the graph of neighbours has \(parts) parts, so points started along principal components")
      return nil
    }
    var embedding = SpectralEmbedding(dimensions: 3)
    // A start needs few digits, and ARPACK finds three vectors sooner than LAPACK reduces the matrix.
    embedding.denseLimit = 300
    embedding.tolerance = 1e-6
    embedding.seed = seed
    do throws(ConceptError) {
      let vectors = try embedding.embed(graph).vectors
      return (0..<graph.count).map { SIMD2(vectors[$0, 1], vectors[$0, 2]) }
    } catch {
      remarks.append("points started along principal components: \(error)")
      return nil
    }
  }
}

/// Points laid out by UMAP.
public struct UMAPLayout: Sendable, Hashable {
  /// The places, points × 2.
  public let coordinates: Matrix
  /// The graph that was laid out: how certainly two points are neighbours, in [0, 1]. Pairs too light to be pulled once
  /// are left out.
  public let graph: SparseSymmetricMatrix
  /// The kernel of the layout.
  public let curve: UMAPCurve
  /// What the reader of the layout should know.
  public let remarks: [String]
}

extension SparseSymmetricMatrix {
  /// The matrix without the entries below a share of the largest.
  fileprivate func dropping(below share: Double) -> SparseSymmetricMatrix {
    let least = share * (values.max() ?? 0)
    var (starts, keptColumns, keptValues) = ([0], [Int32](), [Double]())
    for row in 0..<count {
      for place in entries(of: row) where values[place] > 0 && values[place] >= least {
        keptColumns.append(columns[place])
        keptValues.append(values[place])
      }
      starts.append(keptColumns.count)
    }
    return SparseSymmetricMatrix(count: count, rowStarts: starts, columns: keptColumns, values: keptValues)
  }
}
