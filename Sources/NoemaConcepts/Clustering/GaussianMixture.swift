internal import Foundation
public import NoemaTensor

/// A mixture of normal distributions, fitted by expectation and maximisation from k-means centres.
///
/// - Sources: Dempster, Laird and Rubin, Journal of the Royal Statistical Society B 1977; as prototypes of a class:
///   Dreyer et al., CVPR Workshops 2024 (PCX).
public struct GaussianMixture: Sendable, Hashable, Codable {
  /// The shape of the components.
  public enum Shape: String, Sendable, Codable, CaseIterable {
    /// Any covariance. Needs several examples for every coordinate; reduce the dimension first.
    case full
    /// Independent coordinates.
    case diagonal
  }

  /// The number of components.
  public var componentCount: Int
  /// Their shape.
  public var shape: Shape
  /// What is added to every variance, as a share of the mean variance of the coordinates.
  public var ridge = 1e-6
  /// How often to start anew; the result with the highest likelihood is kept.
  public var restarts = 5
  /// The most iterations of a restart.
  public var iterationLimit = 300
  /// A restart ends when the mean log-likelihood of an example rises by no more than this.
  public var tolerance = 1e-5
  /// The seed of all restarts.
  public var seed: UInt64 = 0

  /// Makes a mixture to be fitted.
  public init(_ componentCount: Int, shape: Shape = .full, restarts: Int = 5, seed: UInt64 = 0) {
    self.componentCount = componentCount
    self.shape = shape
    self.restarts = restarts
    self.seed = seed
  }

  /// Fits the mixture.
  ///
  /// - Throws: `ConceptError.parameters` for counts below 1 or a negative ridge or tolerance; `.tooFew` for fewer than
  ///   2 examples or fewer distinct ones than components; `.algebra` when a covariance degenerates, as all do when
  ///   examples do not vary.
  public func fit(_ points: PointSet) throws(ConceptError) -> GaussianMixtureModel {
    guard componentCount >= 1, restarts >= 1, iterationLimit >= 1, ridge >= 0, tolerance >= 0 else {
      throw ConceptError(
        .parameters(
          "a mixture needs 1 or more components, restarts and iterations and a ridge and tolerance of 0 or more, "
            + "found \(componentCount), \(restarts), \(iterationLimit), \(ridge) and \(tolerance)"))
    }
    guard points.count >= 2 else {
      throw ConceptError(.tooFew(set: "the set of points", found: points.count, needed: 2))
    }
    var rows = points.matrix
    // Without the mean, squares lose no digits; it is added again in the end.
    let origin = rows.columnMeans
    rows.subtractFromRows(origin)
    let centred = rows
    let floor = ridge * centred.dot(centred) / Double(points.count * points.dimension)
    let random = RandomNumbers(seed: seed)
    let runs = try parallelMap(restarts) { restart throws(ConceptError) -> Run in
      var numbers = random.split(restart)
      return try run(points, centred, floor: floor, seed: numbers.next())
    }
    var best = 0
    for index in runs.indices where runs[index].logLikelihood > runs[best].logLikelihood { best = index }
    return GaussianMixtureModel(
      runs[best], shape: shape, origin: origin, logLikelihoods: runs.map(\.logLikelihood), count: points.count
    )
  }

  struct Run: Sendable {
    var parameters: MixtureParameters
    var responsibilities: Matrix
    var logLikelihood: Double
    var iterations: Int
    var hasConverged: Bool
  }

  private func run(
    _ points: PointSet, _ rows: Matrix, floor: Double, seed: UInt64
  ) throws(ConceptError) -> Run {
    let labels = try KMeans(componentCount, restarts: 1, seed: seed).fit(points).labels
    var responsibilities = Matrix(rowCount: rows.rowCount, columnCount: componentCount)
    for (i, label) in labels.enumerated() { responsibilities[i, label] = 1 }
    var before = -Double.infinity
    var iteration = 1
    while true {
      let parameters = try MixtureParameters(rows, responsibilities, shape, floor: floor)
      let expected = try parameters.expectation(rows)
      let mean = Statistics.mean(expected.logDensities)
      let hasConverged = mean - before <= tolerance
      responsibilities = expected.responsibilities
      if hasConverged || iteration == iterationLimit {
        return Run(
          parameters: parameters, responsibilities: responsibilities,
          logLikelihood: mean * Double(rows.rowCount), iterations: iteration, hasConverged: hasConverged)
      }
      before = mean
      iteration += 1
    }
  }
}

/// A fitted mixture.
public struct GaussianMixtureModel: Sendable {
  /// The shape of the components.
  public let shape: GaussianMixture.Shape
  /// The weights of the components, which sum to 1.
  public let weights: [Double]
  /// Their means, components × coordinates.
  public let means: Matrix
  /// Their covariances with the ridge, coordinates × coordinates.
  public let covariances: [Matrix]
  /// The probability of each component given each example of the fit, examples × components.
  public let responsibilities: Matrix
  /// The log-likelihood of the examples of the fit.
  public let logLikelihood: Double
  /// The log-likelihood of every restart.
  public let logLikelihoods: [Double]
  /// The number of free parameters.
  public let parameterCount: Int
  /// Schwarz's criterion `−2 ln L + p ln n`; the smaller the better.
  public let bayesianInformation: Double
  /// The iterations of the best restart.
  public let iterations: Int
  /// Whether it ended by the tolerance.
  public let hasConverged: Bool
  private let parameters: MixtureParameters
  private let origin: [Double]

  init(
    _ run: GaussianMixture.Run, shape: GaussianMixture.Shape, origin: [Double], logLikelihoods: [Double],
    count: Int
  ) {
    let (k, d) = (run.parameters.weights.count, origin.count)
    self.shape = shape
    self.origin = origin
    parameters = run.parameters
    weights = parameters.weights
    var means = parameters.means
    means.subtractFromRows(origin.map { -$0 })
    self.means = means
    covariances = parameters.covariances.map { covariance -> Matrix in
      switch covariance {
      case .full(let matrix): return matrix
      case .diagonal(let variances):
        var matrix = Matrix(rowCount: d, columnCount: d)
        for j in 0..<d { matrix[j, j] = variances[j] }
        return matrix
      }
    }
    responsibilities = run.responsibilities
    logLikelihood = run.logLikelihood
    self.logLikelihoods = logLikelihoods
    parameterCount = k - 1 + k * d + k * (shape == .full ? d * (d + 1) / 2 : d)
    bayesianInformation = -2 * logLikelihood + Double(parameterCount) * log(Double(count))
    iterations = run.iterations
    hasConverged = run.hasConverged
  }

  /// The most probable component of each example of the fit, the first of equals.
  public var labels: [Int] { Self.labels(responsibilities) }

  /// The probability of each component given each of further points, points × components.
  ///
  /// - Throws: `ConceptError.mismatch` when they have another number of coordinates.
  public func responsibilities(_ points: PointSet) throws(ConceptError) -> Matrix {
    try parameters.expectation(try rows(points)).responsibilities
  }

  /// The most probable component of each of further points.
  ///
  /// - Throws: `ConceptError.mismatch` when they have another number of coordinates.
  public func assign(_ points: PointSet) throws(ConceptError) -> [Int] {
    Self.labels(try responsibilities(points))
  }

  /// The logarithm of the mixture's density at each of further points; low where nothing like it was seen.
  ///
  /// - Throws: `ConceptError.mismatch` when they have another number of coordinates.
  public func logDensities(_ points: PointSet) throws(ConceptError) -> [Double] {
    try parameters.expectation(try rows(points)).logDensities
  }

  /// The Mahalanobis distance of each of further points to each mean, points × components.
  ///
  /// - Throws: `ConceptError.mismatch` when they have another number of coordinates.
  public func distances(_ points: PointSet) throws(ConceptError) -> Matrix {
    try parameters.distances(try rows(points))
  }

  private func rows(_ points: PointSet) throws(ConceptError) -> Matrix {
    guard points.dimension == origin.count else {
      throw ConceptError(
        .mismatch(
          "points of \(points.dimension) coordinates do not fit a mixture of \(origin.count); give the same features "
            + "as to the fit"))
    }
    var rows = points.matrix
    rows.subtractFromRows(origin)
    return rows
  }

  private static func labels(_ responsibilities: Matrix) -> [Int] {
    (0..<responsibilities.rowCount).map { i in
      var best = 0
      for k in 0..<responsibilities.columnCount
      where responsibilities[i, k] > responsibilities[i, best] { best = k }
      return best
    }
  }
}
