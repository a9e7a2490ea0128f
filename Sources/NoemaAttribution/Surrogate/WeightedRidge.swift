public import NoemaTensor

/// Weighted ridge regression with a free intercept: `min Σ_j π_j (y_j − a − z_j·β)² + α ‖β‖²`.
///
/// Weights are not normalised, so that α counts less the more they sum to.
public struct WeightedRidge: Sendable, Hashable, Codable {
  /// α.
  public var penalty: Double

  /// Makes a regression; the penalty is 1 unless told otherwise.
  public init(penalty: Double = 1) { self.penalty = penalty }

  /// What a regression found.
  public struct Fit: Sendable {
    /// a.
    public var intercept: Double
    /// β, one for each of the columns fitted.
    public var coefficients: [Double]
    /// Standard errors of β over draws of the rows (sandwich estimate).
    public var standardErrors: [Double]
    /// The weighted R²; 0 where the targets do not vary.
    public var score: Double
  }

  /// Fits targets.
  ///
  /// - Parameters:
  ///   - design: a row for each target.
  ///   - weights: π, one for each row, 0 or more.
  ///   - columns: the columns of the design to use; nil for all.
  /// - Throws: `TensorError` for lists that do not fit, negative weights and values that are not finite.
  public func fit(
    _ design: Matrix, targets: [Double], weights: [Double], columns: [Int]? = nil
  ) throws(TensorError) -> Fit {
    try CentredSystem(design, targets: targets, weights: weights).fit(
      penalty: penalty, columns: columns ?? Array(0..<design.columnCount))
  }
}

/// The normal equations of a weighted regression about its weighted means, from which any part of the columns
/// can be fitted.
struct CentredSystem: Sendable {
  /// `Zᵀ Π Z` about the means.
  let gram: Matrix
  /// `Zᵀ Π y` about the means.
  let moments: [Double]
  /// `yᵀ Π y` about the mean.
  let spread: Double
  let means: [Double]
  let targetMean: Double
  /// `√π (z − z̄)` and `√π (y − ȳ)`.
  private let rows: Matrix
  private let targets: [Double]
  private let roots: [Double]

  /// Sums up rows.
  ///
  /// - Throws: `TensorError` for lists that do not fit, negative weights and values that are not finite.
  init(_ design: Matrix, targets: [Double], weights: [Double]) throws(TensorError) {
    let count = design.rowCount, width = design.columnCount
    guard targets.count == count, weights.count == count else {
      throw TensorError(
        .elementCount(found: min(targets.count, weights.count), expected: count), in: "a regression")
    }
    try design.checkFinite()
    try Matrix(rowCount: count, columnCount: 1, elements: targets).checkFinite()
    let total = weights.reduce(0, +)
    guard total > 0, total.isFinite, weights.allSatisfy({ $0 >= 0 }) else {
      throw TensorError(.argument("the weights must be 0 or more and not all 0, found a sum of \(total)"))
    }
    let shares = weights.map { $0 / total }
    means = width == 0 ? [] : design.transposedTimes(shares)
    targetMean = zip(shares, targets).reduce(0) { $0 + $1.0 * $1.1 }
    roots = weights.map { $0.squareRoot() }
    var rows = design
    rows.elements.withUnsafeMutableBufferPointer { [means, roots] elements in
      for row in 0..<count {
        for column in 0..<width {
          elements[row * width + column] = (elements[row * width + column] - means[column]) * roots[row]
        }
      }
    }
    let centred = zip(targets, roots).map { [targetMean] in ($0 - targetMean) * $1 }
    gram = rows.gram()
    moments = width == 0 ? [] : rows.transposedTimes(centred)
    spread = centred.reduce(0) { $0 + $1 * $1 }
    (self.rows, self.targets) = (rows, centred)
  }

  /// Whether the targets do not vary.
  var isConstant: Bool {
    let sum = roots.reduce(0) { $0 + $1 * $1 }
    return spread <= 1e-24 * sum * max(targetMean * targetMean, 1e-24)
  }

  /// The ridge coefficients of some columns.
  func coefficients(penalty: Double, columns: [Int]) throws(TensorError) -> [Double] {
    try Cholesky(system(penalty, columns)).solve(columns.map { moments[$0] })
  }

  private func system(_ penalty: Double, _ columns: [Int]) -> Matrix {
    var system = gram.selecting(rows: columns, columns: columns)
    let mean = system.trace / Double(max(1, columns.count))
    for index in columns.indices {
      // A column that does not vary has no equation; its coefficient is 0.
      if system[index, index] == 0, penalty == 0 { system[index, index] = mean > 0 ? mean : 1 }
      system[index, index] += penalty
    }
    return system
  }

  /// The whole fit of some columns.
  func fit(penalty: Double, columns: [Int]) throws(TensorError) -> WeightedRidge.Fit {
    guard penalty >= 0, penalty.isFinite else {
      throw TensorError(.argument("the ridge penalty must be 0 or more, found \(penalty)"))
    }
    if columns.isEmpty || isConstant {
      let zeros = [Double](repeating: 0, count: columns.count)
      return WeightedRidge.Fit(intercept: targetMean, coefficients: zeros, standardErrors: zeros, score: 0)
    }
    let factor = try Cholesky(system(penalty, columns))
    let beta = factor.solve(columns.map { moments[$0] })
    let part = rows.selecting(rows: Array(0..<rows.rowCount), columns: columns)
    let residuals = zip(targets, part.times(beta)).map { $0 - $1 }
    let rest = residuals.reduce(0) { $0 + $1 * $1 }
    let intercept = targetMean - zip(columns, beta).reduce(0) { $0 + means[$1.0] * $1.1 }
    return WeightedRidge.Fit(
      intercept: intercept, coefficients: beta, standardErrors: standardErrors(factor, part, residuals),
      score: 1 - rest / spread)
  }

  /// `H⁻¹ (Σ π² e² z zᵀ) H⁻¹`, its diagonal's roots, with residuals corrected for what the fit took.
  private func standardErrors(_ factor: Cholesky, _ part: Matrix, _ residuals: [Double]) -> [Double] {
    let influence = part.scalingRows(zip(roots, residuals).map { $0 * $1 })
    let inner = factor.solve(influence.gram())
    let outer = factor.solve(inner.transposed)
    let count = Double(part.rowCount)
    let correction = count / max(1, count - Double(part.columnCount) - 1)
    return (0..<part.columnCount).map { max(0, outer[$0, $0] * correction).squareRoot() }
  }
}
