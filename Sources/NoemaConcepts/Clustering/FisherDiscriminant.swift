internal import NoemaTensor

/// How well clusters are separated by a linear function of the features: Fisher's discriminant with a ridge.
///
/// With the pooled covariance within groups `S_w` (divided by examples less groups) and
/// `γ = ridge · tr(S_w) / p`, a cluster is set against the rest by
/// `w = (S_w + γI)⁻¹ (μ_c − μ_rest)`, `J = (wᵀ(μ_c − μ_rest))² / (wᵀ S_w w)`, and all clusters at once by
/// `tr((S_w + γI)⁻¹ S_b)` with `S_b = Σ (n_c / n) (μ_c − μ)(μ_c − μ)ᵀ`. Fewer examples than features are solved among
/// the examples, which gives the same numbers.
///
/// Clusters were fitted to the same data, so separabilities are large even where there is nothing: compare them with
/// those of surrogate data that went through the same clustering.
///
/// - Sources: Fisher, Annals of Eugenics 1936; Anders et al., Information Fusion 2022, for ranking classes by it.
public struct FisherDiscriminant: Sendable, Hashable, Codable {
  /// γ as a share of the mean variance within groups.
  public var ridge: Double
  /// The most examples or features, whichever are fewer; the memory is some 64 bytes times their square.
  public var sizeLimit = 8192

  /// Makes an analysis.
  public init(ridge: Double = 1e-3) { self.ridge = ridge }

  /// A cluster against the rest.
  public struct Contrast: Sendable, Hashable {
    /// The cluster's label.
    public let cluster: Int
    /// The number of its examples.
    public let size: Int
    /// `J`; infinite when nothing varies along the direction.
    public let separability: Double
    /// `w`, one number a feature.
    public let direction: [Double]
  }

  /// How well clusters are separated.
  public struct Outcome: Sendable, Hashable {
    /// Each cluster against all other examples, noise among them, in the order of their labels.
    public let contrasts: [Contrast]
    /// `tr((S_w + γI)⁻¹ S_b)` over all clusters, without noise.
    public let separability: Double
  }

  /// Analyses clusters.
  ///
  /// - Parameters:
  ///   - points: the examples.
  ///   - labels: their clusters; negative for noise. A single cluster needs noise to be set against.
  /// - Throws: `ConceptError.mismatch` when labels and points differ in number; `.parameters` unless the ridge is
  ///   positive, when both examples and features are more than the limit, without clusters, or without anything to set
  ///   a cluster against; `.tooFew` for fewer than 3 examples, or no more than clusters; `.algebra` when nothing varies
  ///   inside the groups.
  /// - Complexity: memory of 16 bytes a value, besides products among the fewer of examples and features.
  public func analyse(_ points: PointSet, labels: [Int]) throws(ConceptError) -> Outcome {
    guard ridge > 0, ridge.isFinite else {
      throw ConceptError(.parameters("found a ridge of \(ridge); give a positive number, such as 0.001"))
    }
    let groups = try ClusterLabels(labels, count: points.count, needed: 1)
    let (n, k) = (points.count, groups.sizes.count)
    let clustered = groups.sizes.reduce(0, +)
    guard n >= 3, clustered > k else {
      throw ConceptError(.tooFew(set: "the clustering", found: clustered, needed: max(3, k + 1)))
    }
    guard min(n, points.dimension) <= sizeLimit else {
      throw ConceptError(
        .parameters(
          "\(n) examples of \(points.dimension) features are more than \(sizeLimit) of both; take fewer of either"
        ))
    }
    guard k > 1 || clustered < n else {
      throw ConceptError(.parameters("all examples are of one cluster; there is nothing to set it against"))
    }
    var rows = points.matrix
    rows.subtractFromRows(rows.columnMeans)
    let centred = rows
    let scatter =
      n <= points.dimension ? centred.timesTransposed(centred) : centred.transposedTimes(centred)
    let contrasts = try parallelMap(k) { cluster throws(ConceptError) -> Contrast in
      let split = Groups(groups.clusters.map { $0 == cluster ? 0 : 1 }, count: 2)
      let system = try WithinSystem(centred, scatter, split, ridge: ridge)
      let difference = split.meanWeights(0, less: 1)
      let (direction, rise, spread) = system.direction(difference)
      return Contrast(
        cluster: groups.names[cluster], size: groups.sizes[cluster],
        separability: spread > 0 ? rise * rise / spread : .infinity, direction: direction)
    }
    return Outcome(contrasts: contrasts, separability: try separability(centred, scatter, groups))
  }

  /// `tr((S_w + γI)⁻¹ S_b)` of the clustered examples.
  private func separability(
    _ rows: Matrix, _ scatter: Matrix, _ groups: ClusterLabels
  ) throws(ConceptError) -> Double {
    guard groups.sizes.count > 1 else { return 0 }
    var (rows, scatter, clusters) = (rows, scatter, groups.clusters)
    let kept = clusters.indices.filter { clusters[$0] >= 0 }
    if kept.count < clusters.count {
      rows = rows.selecting(rows: kept, columns: Array(0..<rows.columnCount))
      clusters = kept.map { clusters[$0] }
      scatter =
        rows.rowCount <= rows.columnCount ? rows.timesTransposed(rows) : rows.transposedTimes(rows)
    }
    let split = Groups(clusters, count: groups.sizes.count)
    let system = try WithinSystem(rows, scatter, split, ridge: ridge)
    return groups.sizes.indices.reduce(0) { total, cluster in
      let weights = split.meanWeights(cluster, less: nil)
      return total + Double(groups.sizes[cluster]) / Double(clusters.count) * system.direction(weights).rise
    }
  }
}

/// Examples in groups.
private struct Groups: Sendable {
  let members: [Int]
  let sizes: [Double]

  init(_ members: [Int], count: Int) {
    self.members = members
    var sizes = [Double](repeating: 0, count: count)
    for group in members { sizes[group] += 1 }
    self.sizes = sizes
  }

  /// The weights of the examples in the mean of one group less that of another, or that of all.
  func meanWeights(_ group: Int, less other: Int?) -> [Double] {
    members.map { member in
      let subtracted: Double =
        if let other { member == other ? 1 / sizes[other] : 0 } else { 1 / Double(members.count) }
      return (member == group ? 1 / sizes[group] : 0) - subtracted
    }
  }

  /// Subtracts from each row the mean row of its group.
  func centre(_ rows: Matrix) -> Matrix {
    let width = rows.columnCount
    var means = Matrix(rowCount: sizes.count, columnCount: width)
    var result = rows
    for (i, group) in members.enumerated() { for j in 0..<width { means[group, j] += rows[i, j] } }
    for (group, size) in sizes.enumerated() { for j in 0..<width { means[group, j] /= size } }
    for (i, group) in members.enumerated() { for j in 0..<width { result[i, j] -= means[group, j] } }
    return result
  }
}

/// `S_w + γI`, factorised among the features or, when they are more, among the examples.
private struct WithinSystem: Sendable {
  private let rows: Matrix
  private let groups: Groups
  /// `X Xᵀ` in the case of examples.
  private let gram: Matrix?
  /// `X − X_group mean` in the case of features.
  private let within: Matrix?
  private let factor: Cholesky
  private let gamma: Double
  private let degrees: Double

  /// - Parameter scatter: `X Xᵀ` when there are no more examples than features, else `Xᵀ X`.
  init(_ rows: Matrix, _ scatter: Matrix, _ groups: Groups, ridge: Double) throws(ConceptError) {
    let (n, p) = (rows.rowCount, rows.columnCount)
    self.rows = rows
    self.groups = groups
    degrees = Double(n - groups.sizes.count)
    var system: Matrix
    if n <= p {
      // H G H with the projection H that subtracts group means; G is symmetric.
      system = groups.centre(groups.centre(scatter).transposed)
      gram = scatter
      within = nil
    } else {
      let centred = groups.centre(rows)
      system = centred.transposedTimes(centred)
      gram = nil
      within = centred
    }
    // Both have the trace of the scatter within groups.
    gamma = ridge * system.trace / degrees / Double(p)
    guard gamma > 0, system.trace > 1e-12 * scatter.trace else {
      throw ConceptError(
        .algebra(
          "examples do not vary inside their groups, so their separability is infinite; take fewer clusters"))
    }
    for i in 0..<system.rowCount { system[i, i] += degrees * gamma }
    let matrix = system
    factor = try solving("Fisher discriminant") { () throws(TensorError) in try Cholesky(matrix) }
  }

  /// `w = (S_w + γI)⁻¹ δ` for `δ = Xᵀ a`, with `wᵀ δ` and `wᵀ S_w w`.
  func direction(_ a: [Double]) -> (direction: [Double], rise: Double, spread: Double) {
    func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
    func combined(_ weights: [Double]) -> [Double] {
      Matrix(rowCount: 1, columnCount: weights.count, elements: weights).times(rows).elements
    }
    if let gram {
      // (ZᵀZ/ν + γI)⁻¹ = (I − Zᵀ (Z Zᵀ + νγI)⁻¹ Z) / γ with Z = H X, and Z w = ν t.
      let along = gram.times(a)
      let inside = groups.centre(column: along)
      let t = factor.solve(inside)
      let rise = (dot(a, along) - dot(inside, t)) / gamma
      let weights = zip(a, groups.centre(column: t)).map { ($0 - $1) / gamma }
      return (combined(weights), rise, degrees * dot(t, t))
    }
    let difference = combined(a)
    let direction = factor.solve(difference).map { $0 * degrees }
    let moved = within?.times(direction) ?? []
    return (direction, dot(direction, difference), dot(moved, moved) / degrees)
  }
}

extension Groups {
  /// Subtracts from each number the mean of its group.
  fileprivate func centre(column: [Double]) -> [Double] {
    centre(Matrix(rowCount: column.count, columnCount: 1, elements: column)).elements
  }
}
