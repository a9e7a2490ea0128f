internal import NoemaTensor

/// The leading singular values of a matrix that fits neither way, from `2 + 2 q` passes over blocks of rows.
///
/// The range is sampled with Gaussian vectors, sharpened by power iterations and re-orthonormalised each time;
/// the mean is subtracted from products, never from the data.
///
/// - Source: Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 2011,
///   algorithms 4.4 and 5.1.
struct RandomisedSVD {
  /// How many values are wanted.
  var rank: Int
  /// How many directions are sampled beyond them.
  var oversampling = 10
  /// How often the spectrum is squared to set the leading values apart.
  var powerIterations = 2
  /// The seed of the sample.
  var seed: UInt64 = 0

  init(rank: Int, seed: UInt64 = 0) {
    self.rank = rank
    self.seed = seed
  }

  /// Decomposes; `count` components are kept beside `rank` values.
  func decompose(
    _ features: some FeatureMatrix, count: Int, centre: Bool
  ) throws -> PrincipalComponents.Parts {
    let (n, d) = (features.rowCount, features.columnCount)
    guard rank > 0 else {
      throw ConceptError(.parameters("the rank of a randomised spectrum is \(rank); give 1 or more"))
    }
    let width = min(rank + oversampling, n, d)
    let moments = try Moments(features, centre: centre)

    var random = RandomNumbers(seed: seed)
    var sample = Matrix(rowCount: d, columnCount: width)
    for i in sample.elements.indices { sample.elements[i] = random.normal() }
    var basis = try orthonormal(try product(features, sample, moments.mean))
    for _ in 0..<powerIterations {
      let back = try orthonormal(try transposedProduct(features, basis, moments.mean))
      basis = try orthonormal(try product(features, back, moments.mean))
    }
    // (Qᵀ X)ᵀ = Xᵀ Q; its left vectors are the right vectors of X.
    let reduced = try transposedProduct(features, basis, moments.mean)
    let svd = try solving("randomised spectrum") { () throws(TensorError) in try SingularValues(reduced) }
    let listed = min(rank, svd.values.count)
    let largest = svd.values.first ?? 0
    let kept = svd.values.prefix(min(count, listed)).prefix { $0 > 1e-12 * largest && $0 > 0 }.count
    var scores = basis.times(svd.right.firstColumns(kept))
    scores.scaleColumns(Array(svd.values.prefix(kept)))
    return PrincipalComponents.Parts(
      method: .randomised, values: Array(svd.values.prefix(listed)), total: moments.total,
      right: svd.left.firstColumns(kept).transposed, scores: scores, mean: moments.mean)
  }

  /// `(X − 1μᵀ) A`.
  private func product(_ features: some FeatureMatrix, _ a: Matrix, _ mean: [Double]) throws -> Matrix {
    let width = a.columnCount
    let along = a.transposed.times(mean)
    var result = Matrix(rowCount: features.rowCount, columnCount: width)
    try features.forEachRowBlock { rows, block in
      var part = block.times(a)
      part.subtractFromRows(along)
      result.elements.replaceSubrange(
        (rows.lowerBound * width)..<(rows.upperBound * width), with: part.elements)
    }
    return result
  }

  /// `(X − 1μᵀ)ᵀ Q`.
  private func transposedProduct(_ features: some FeatureMatrix, _ q: Matrix, _ mean: [Double]) throws
    -> Matrix
  {
    let width = q.columnCount
    var result = Matrix(rowCount: features.columnCount, columnCount: width)
    try features.forEachRowBlock { rows, block in
      let part = Matrix(
        rowCount: rows.count, columnCount: width,
        elements: Array(q.elements[(rows.lowerBound * width)..<(rows.upperBound * width)]))
      result.add(block.transposedTimes(part))
    }
    let sums = q.columnMeans.map { $0 * Double(q.rowCount) }
    for i in mean.indices where mean[i] != 0 { for j in 0..<width { result[i, j] -= mean[i] * sums[j] } }
    return result
  }

  private func orthonormal(_ matrix: Matrix) throws(ConceptError) -> Matrix {
    try solving("randomised spectrum") { () throws(TensorError) in try matrix.orthonormalised() }
  }

  /// The mean and the sum of squares about it (or about the origin), from one pass.
  private struct Moments {
    var mean: [Double]
    var total: Double

    init(_ features: some FeatureMatrix, centre: Bool) throws {
      var (mean, total) = ([Double](repeating: 0, count: features.columnCount), 0.0)
      try features.forEachRowBlock { rows, block in
        var block = block
        if centre {
          let blockMean = block.columnMeans
          block.subtractFromRows(blockMean)
          let (seen, added) = (Double(rows.lowerBound), Double(rows.count))
          for j in mean.indices {
            let shift = blockMean[j] - mean[j]
            total += shift * shift * seen * added / (seen + added)
            mean[j] += shift * added / (seen + added)
          }
        }
        total += block.dot(block)
      }
      (self.mean, self.total) = (mean, total)
    }
  }
}
