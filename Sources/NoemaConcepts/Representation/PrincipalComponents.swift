public import NoemaTensor

/// The leading singular directions of a layer's activations, with the scores of the examples along them.
public struct PrincipalComponents: Sendable {
  /// How the decomposition is found.
  public enum Route: Sendable, Hashable {
    /// Exact while examples or features are at most 4096 in number; else randomised of rank 256 or what is
    /// asked for.
    case automatic
    /// Exact: by the Gram matrix of the examples or the scatter of the features, whichever is smaller.
    case exact
    /// The leading `rank` values by random projections.
    case randomised(rank: Int, seed: UInt64 = 0)
  }

  /// The singular values and what follows from them.
  public let spectrum: Spectrum
  /// The right singular vectors, components × features in float32; the largest entry of each is positive.
  public let components: Tensor
  /// The coordinates of the examples along the components, examples × components: `U diag(σ)`.
  public let scores: Matrix
  /// What was subtracted from every example; zeros when not centred.
  public let mean: [Double]

  /// Decomposes a layer.
  ///
  /// - Parameters:
  ///   - features: examples × features, streamed.
  ///   - count: how many components are kept; fewer when the rank is lower, none for only the spectrum.
  ///   - centre: whether the mean is subtracted.
  ///   - route: how.
  /// - Throws: `ConceptError.tooFew` without two examples or one feature, `.parameters`, `.notFinite`, `.algebra`,
  ///   and what reading a block throws.
  public init(
    _ features: some FeatureMatrix, count: Int, centre: Bool = true, route: Route = .automatic
  ) throws {
    let (n, d) = (features.rowCount, features.columnCount)
    guard n >= 2 else { throw ConceptError(.tooFew(set: "the layer", found: n, needed: 2)) }
    guard d >= 1 else { throw ConceptError(.parameters("the layer has no features")) }
    guard count >= 0 else {
      throw ConceptError(.parameters("the number of components is \(count); give 0 or more"))
    }
    let parts: Parts
    switch route {
    case .randomised(let rank, let seed):
      parts = try RandomisedSVD(rank: rank, seed: seed).decompose(features, count: count, centre: centre)
    case .automatic where min(n, d) > 4096:
      parts = try RandomisedSVD(rank: max(256, count)).decompose(features, count: count, centre: centre)
    default:
      parts =
        n <= d
        ? try Parts(gramOf: features, count: count, centre: centre)
        : try Parts(covarianceOf: features, count: count, centre: centre)
    }
    // Signs are free; the largest entry of each direction decides.
    var (right, scores) = (parts.right, parts.scores)
    for k in 0..<right.rowCount {
      let extreme = right.row(k).max { abs($0) < abs($1) } ?? 0
      guard extreme < 0 else { continue }
      for j in 0..<d { right[k, j].negate() }
      for i in 0..<n { scores[i, k].negate() }
    }
    spectrum = Spectrum(
      singularValues: parts.values, total: parts.total, method: parts.method, exampleCount: n,
      featureCount: d,
      isCentred: centre)
    components = Tensor(shape: [right.rowCount, d], right.elements.map { Float($0) })
    self.scores = scores
    mean = parts.mean
  }

  /// A decomposition before signs are fixed.
  struct Parts {
    var method: Spectrum.Method
    var values: [Double]
    /// The sum of all squares; nil when `values` are complete.
    var total: Double?
    /// Components × features.
    var right: Matrix
    /// Examples × components.
    var scores: Matrix
    var mean: [Double]
  }
}

extension PrincipalComponents.Parts {
  /// By the eigenvectors of the Gram matrix; the directions take a second pass.
  init(gramOf features: some FeatureMatrix, count: Int, centre: Bool) throws {
    let gram = try features.gram(centre: centre)
    let eigen = try solving("spectrum") { () throws(TensorError) in try SymmetricEigen(gram) }
    let values = eigen.values.map { max($0, 0).squareRoot() }
    let kept = values.significant(count)
    var scores = eigen.vectors.firstColumns(kept)
    let inverse = scores.scaled(by: values.prefix(kept).map { 1 / $0 })
    scores.scaleColumns(Array(values.prefix(kept)))
    var right = Matrix(rowCount: kept, columnCount: features.columnCount)
    var mean = [Double](repeating: 0, count: features.columnCount)
    if count > 0 {
      try features.forEachColumnBlock { columns, block in
        var block = block
        if centre {
          let means = block.columnMeans
          mean.replaceSubrange(columns, with: means)
          block.subtractFromRows(means)
        }
        let part = inverse.transposedTimes(block)
        for k in 0..<kept {
          for j in 0..<columns.count { right[k, columns.lowerBound + j] = part[k, j] }
        }
      }
    }
    self.init(method: .gram, values: values, total: nil, right: right, scores: scores, mean: mean)
  }

  /// By the eigenvectors of the scatter matrix; the scores take a second pass.
  init(covarianceOf features: some FeatureMatrix, count: Int, centre: Bool) throws {
    let gathered = try StreamedCovariance(features)
    let scatter = centre ? gathered.scatter : gathered.secondMoment
    let eigen = try solving("spectrum") { () throws(TensorError) in try SymmetricEigen(scatter) }
    let values = eigen.values.map { max($0, 0).squareRoot() }
    let kept = values.significant(count)
    let directions = eigen.vectors.firstColumns(kept)
    var scores = Matrix(rowCount: features.rowCount, columnCount: kept)
    if kept > 0 {
      try features.forEachRowBlock { rows, block in
        var block = block
        if centre { block.subtractFromRows(gathered.mean) }
        let part = block.times(directions)
        scores.elements.replaceSubrange(
          (rows.lowerBound * kept)..<(rows.upperBound * kept), with: part.elements)
      }
    }
    self.init(
      method: .covariance, values: values, total: nil, right: directions.transposed, scores: scores,
      mean: centre ? gathered.mean : Array(repeating: 0, count: features.columnCount))
  }
}

extension [Double] {
  /// How many of the first `count` singular values are more than the rounding of a Gram matrix.
  fileprivate func significant(_ count: Int) -> Int {
    guard let largest = first, largest > 0 else { return 0 }
    return prefix(count).prefix { $0 > 1e-7 * largest }.count
  }
}

extension Matrix {
  fileprivate func scaled(by factors: [Double]) -> Matrix {
    var result = self
    result.scaleColumns(factors)
    return result
  }
}
