/// Sums over examples of the products of columns and a target: all that least squares asks of data.
///
/// Moments of parts of the examples add to those of the whole, so that a cross-validation reads each example once.
struct LeastSquaresMoments: Sendable {
  /// The number of columns.
  let width: Int
  /// The number of examples.
  private(set) var count: Double
  /// `Σ xⱼ`.
  private(set) var sums: [Double]
  /// `Σ xᵢ xⱼ`, row after row.
  private(set) var products: [Double]
  /// `Σ y`.
  private(set) var targetSum: Double
  /// `Σ y²`.
  private(set) var targetSquares: Double
  /// `Σ xⱼ y`.
  private(set) var targetProducts: [Double]

  /// Takes sums that were made elsewhere.
  init(
    count: Int, sums: [Double], products: [Double], targetProducts: [Double], target: some Sequence<Double>
  ) {
    width = sums.count
    self.count = Double(count)
    (self.sums, self.products, self.targetProducts) = (sums, products, targetProducts)
    (targetSum, targetSquares) = target.reduce((0, 0)) { ($0.0 + $1, $0.1 + $1 * $1) }
  }

  /// Sums over columns of equal length.
  init(columns: [[Double]], target: [Double]) {
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    self.init(
      count: target.count, sums: columns.map { $0.reduce(0, +) },
      products: columns.flatMap { a in columns.map { product(a, $0) } },
      targetProducts: columns.map { product($0, target) }, target: target)
  }

  /// The moments of these examples and others.
  mutating func add(_ other: LeastSquaresMoments) { combine(other, sign: 1) }

  /// The moments of these examples without some of them.
  func subtracting(_ part: LeastSquaresMoments) -> LeastSquaresMoments {
    var result = self
    result.combine(part, sign: -1)
    return result
  }

  private mutating func combine(_ other: LeastSquaresMoments, sign: Double) {
    count += sign * other.count
    targetSum += sign * other.targetSum
    targetSquares += sign * other.targetSquares
    for place in sums.indices {
      sums[place] += sign * other.sums[place]
      targetProducts[place] += sign * other.targetProducts[place]
    }
    for place in products.indices { products[place] += sign * other.products[place] }
  }

  // MARK: What follows from them

  /// The covariances of the columns, row after row; that of a constant column is 0.
  var covariances: [Double] {
    var result = products
    for i in 0..<width {
      for j in 0..<width {
        result[i * width + j] = products[i * width + j] / count - sums[i] / count * (sums[j] / count)
      }
    }
    return result
  }

  /// The covariance of each column and the target.
  var targetCovariances: [Double] {
    (0..<width).map { targetProducts[$0] / count - sums[$0] / count * (targetSum / count) }
  }

  /// The variance of the target.
  var targetVariance: Double {
    max(0, targetSquares / count - targetSum / count * (targetSum / count))
  }

  /// The intercept that goes best with coefficients.
  func intercept(_ coefficients: [Double]) -> Double {
    (targetSum - zip(coefficients, sums).reduce(0) { $0 + $1.0 * $1.1 }) / count
  }

  /// The mean of `(y − intercept − Σ aⱼ xⱼ)²`.
  func meanSquaredError(_ intercept: Double, _ coefficients: [Double]) -> Double {
    let used = coefficients.indices.filter { coefficients[$0] != 0 }
    var sum = targetSquares - 2 * intercept * targetSum + intercept * intercept * count
    for i in used {
      var cross = 2 * (intercept * sums[i] - targetProducts[i])
      for j in used { cross += coefficients[j] * products[i * width + j] }
      sum += coefficients[i] * cross
    }
    return max(0, sum) / count
  }
}
