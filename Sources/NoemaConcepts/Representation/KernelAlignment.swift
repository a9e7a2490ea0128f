internal import NoemaTensor

/// Linear centred kernel alignment: how alike the inner products of two layers are.
///
/// Both estimators are the cosine of two transformed Gram matrices, so a matrix of similarities costs one
/// transformation a layer and one product of elements a pair.
///
/// - Sources: Kornblith et al., ICML 2019; Song et al., JMLR 2012, for the unbiased estimator, here in the
///   U-centred form of Székely and Rizzo, 2014, which is equal.
enum KernelAlignment {
  /// A centred Gram matrix; with a zero diagonal and rows that sum to zero for the unbiased estimator.
  static func prepare(_ centredGram: Matrix, unbiased: Bool) -> Matrix {
    guard unbiased else { return centredGram }
    var result = centredGram
    let n = result.rowCount
    for i in 0..<n { result[i, i] = 0 }
    let sums = (0..<n).map { result.row($0).reduce(0, +) }
    let total = sums.reduce(0, +) / (Double(n - 1) * Double(n - 2))
    let scale = 1 / Double(n - 2)
    result.elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<n {
        for j in 0..<n where i != j { elements[i * n + j] += total - scale * (sums[i] + sums[j]) }
      }
    }
    return result
  }

  /// The cosine of two prepared matrices; NaN when one vanishes.
  static func cosine(_ a: Matrix, _ b: Matrix) -> Double {
    let norms = (a.dot(a) * b.dot(b)).squareRoot()
    return norms > 0 ? a.dot(b) / norms : .nan
  }

  /// The Gram matrix of some of the examples, centred by their own mean.
  static func restricted(_ gram: Matrix, to rows: [Int]) -> Matrix {
    var result = gram.selecting(rows: rows, columns: rows)
    result.centreGram()
    return result
  }

  /// The middle 95 % of what half the examples give, about the estimate.
  ///
  /// Halves are drawn without replacement: their spread about the whole equals that of the whole about the truth,
  /// and no example meets its own copy, which the unbiased estimator would take for likeness.
  static func interval(
    _ a: Matrix, _ b: Matrix, estimate: Double, unbiased: Bool, resamples: Int,
    using random: inout RandomNumbers
  ) -> [Double] {
    let n = a.rowCount
    let values = (0..<resamples).map { _ in
      let half = random.sample(n / 2, below: n)
      return cosine(
        prepare(restricted(a, to: half), unbiased: unbiased),
        prepare(restricted(b, to: half), unbiased: unbiased))
    }.filter(\.isFinite)
    guard values.count >= 2 else { return [.nan, .nan] }
    let mean = Statistics.mean(values)
    return Bootstrap.percentiles(of: values).map { estimate + $0 - mean }
  }

  /// The chance of an alignment at least as high if the examples of one side were in any order.
  static func pValue(_ a: Matrix, _ b: Matrix, permutations: Int, using random: inout RandomNumbers) -> Double
  {
    let n = a.rowCount
    let observed = a.dot(b)
    var higher = 1
    for _ in 0..<permutations {
      let order = random.sample(n, below: n)
      // Norms do not change under a permutation.
      let value = a.dot(b.selecting(rows: order, columns: order))
      if value >= observed - 1e-12 * abs(observed) { higher += 1 }
    }
    return Double(higher) / Double(permutations + 1)
  }
}

extension Matrix {
  /// Centres inner products by the mean of the rows behind them: `H K H`.
  mutating func centreGram() {
    let n = rowCount
    guard n > 0 else { return }
    let means = columnMeans
    let grand = Statistics.mean(means)
    elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<n { for j in 0..<n { elements[i * n + j] += grand - means[i] - means[j] } }
    }
  }
}
