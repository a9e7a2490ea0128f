internal import Glibc

/// Least squares that pays for every coefficient: the least of `½ mean (y − a₀ − Σ aⱼ xⱼ)² + λ Σ |aⱼ|`.
///
/// The coefficients are those of the columns as they are, so that of two columns with the same use the one that varies
/// more is cheaper. Penalties fall from the least that leaves no coefficient, each solution starting at the one before.
///
/// - Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996; Friedman, Hastie and Tibshirani,
///   "Regularization paths for generalized linear models via coordinate descent", 2010, section 2.
struct Lasso: Sendable {
  /// The number of penalties.
  var penaltyCount = 50
  /// The least penalty, as a share of the greatest.
  var leastShare = 1e-3
  /// A solution is found when no coefficient moves the prediction by more than this share of the target's deviation.
  var tolerance = 1e-9
  /// The most passes over the coefficients for one penalty.
  var sweepLimit = 1000

  /// The least of the objective for one penalty.
  struct Solution: Sendable {
    let penalty: Double
    let intercept: Double
    let coefficients: [Double]
    /// Whether the limit on passes was not needed.
    let isConverged: Bool

    /// The number of coefficients other than 0.
    var termCount: Int { coefficients.count { $0 != 0 } }
  }

  /// Solutions for falling penalties.
  struct Path: Sendable {
    var solutions: [Solution]
    /// Whether it ends early because the next solution has too many coefficients.
    var isCut = false
  }

  /// The penalties from the least that leaves no coefficient down, in equal ratios.
  func penalties(_ moments: LeastSquaresMoments) -> [Double] {
    let greatest = moments.targetCovariances.reduce(0) { max($0, abs($1)) }
    guard greatest > 0, penaltyCount > 1 else { return [greatest] }
    return (0..<penaltyCount).map { greatest * pow(leastShare, Double($0) / Double(penaltyCount - 1)) }
  }

  /// Solves for each of the penalties, which fall.
  ///
  /// - Parameter termLimit: the path ends before the first solution with more coefficients; nil for no limit. The first
  ///   solution is always there.
  func path(_ moments: LeastSquaresMoments, penalties: [Double], termLimit: Int? = nil) -> Path {
    var descent = CoordinateDescent(moments, tolerance: tolerance * moments.targetVariance.squareRoot())
    var path = Path(solutions: [])
    for penalty in penalties {
      let isConverged = descent.solve(penalty: penalty, sweepLimit: sweepLimit)
      let solution = Solution(
        penalty: penalty, intercept: moments.intercept(descent.coefficients),
        coefficients: descent.coefficients, isConverged: isConverged)
      if solution.termCount > termLimit ?? Int.max, !path.solutions.isEmpty {
        path.isCut = true
        return path
      }
      path.solutions.append(solution)
    }
    return path
  }
}

// MARK: Cross-validation
extension Lasso {
  /// A path over all examples, and which of its solutions parts of the examples prefer.
  struct Choice: Sendable {
    let path: Path
    /// For each solution the mean squared error on left-out examples.
    let errors: [Double]
    /// The place of the chosen solution.
    let chosen: Int

    var solution: Solution { path.solutions[chosen] }
    /// Whether a limit on coefficients kept the path from going on where errors still fell.
    var isCut: Bool { path.isCut && chosen == path.solutions.count - 1 }
  }

  /// Chooses the penalty whose solutions from all parts but one are best on that one.
  ///
  /// - Parameters:
  ///   - parts: the moments of parts of the examples, none of which is empty.
  ///   - termLimit: as in ``path(_:penalties:termLimit:)``.
  ///   - standardErrors: the greatest penalty is taken whose error exceeds the least by no more than so many of its
  ///     standard errors over the parts.
  /// - Precondition: there is a part. With a single one the least penalty is taken.
  func choose(_ parts: [LeastSquaresMoments], termLimit: Int? = nil, standardErrors: Double = 0) -> Choice {
    var whole = parts[0]
    for part in parts.dropFirst() { whole.add(part) }
    let path = path(whole, penalties: penalties(whole), termLimit: termLimit)
    guard parts.count > 1 else {
      let errors = path.solutions.map { whole.meanSquaredError($0.intercept, $0.coefficients) }
      return Choice(path: path, errors: errors, chosen: errors.count - 1)
    }
    let kept = path.solutions.map(\.penalty)
    // Each part weighs as its examples do.
    var (sums, squares) = (kept.map { _ in 0.0 }, kept.map { _ in 0.0 })
    for part in parts {
      let rest = self.path(whole.subtracting(part), penalties: kept)
      for (place, solution) in rest.solutions.enumerated() {
        let error = part.meanSquaredError(solution.intercept, solution.coefficients)
        sums[place] += part.count / whole.count * error
        squares[place] += part.count / whole.count * error * error
      }
    }
    let best = DecisionTree.largest(sums.map { -$0 })
    let variance = max(0, squares[best] - sums[best] * sums[best])
    let slack = standardErrors * (variance / Double(parts.count - 1)).squareRoot()
    return Choice(
      path: path, errors: sums, chosen: sums.firstIndex { $0 <= sums[best] + slack } ?? best)
  }
}

/// One coefficient after the other moved to where it is best, until none moves.
private struct CoordinateDescent {
  private let width: Int
  private let covariances: [Double]
  /// The covariance of each column and what the coefficients leave of the target.
  private var residual: [Double]
  private(set) var coefficients: [Double]
  /// A column that varies less is constant but for rounding.
  private let leastVariance: [Double]
  private let tolerance: Double

  init(_ moments: LeastSquaresMoments, tolerance: Double) {
    width = moments.width
    covariances = moments.covariances
    residual = moments.targetCovariances
    coefficients = [Double](repeating: 0, count: moments.width)
    leastVariance = (0..<moments.width).map {
      1e-12 * moments.products[$0 * (moments.width + 1)] / moments.count
    }
    self.tolerance = tolerance
  }

  /// Moves the coefficients to the solution for a penalty, from where they are.
  mutating func solve(penalty: Double, sweepLimit: Int) -> Bool {
    var left = sweepLimit
    while left > 0 {
      left -= 1
      if sweep(0..<width, penalty) <= tolerance { return true }
      // Few coefficients are not 0; the others are asked again when these rest.
      let active = coefficients.indices.filter { coefficients[$0] != 0 }
      while left > 0 {
        left -= 1
        if sweep(active, penalty) <= tolerance { break }
      }
    }
    return false
  }

  /// Moves some coefficients once; the greatest move, in deviations of the prediction.
  private mutating func sweep(_ places: some Sequence<Int>, _ penalty: Double) -> Double {
    var greatest = 0.0
    for place in places {
      let variance = covariances[place * (width + 1)]
      guard variance > leastVariance[place] else { continue }
      let old = coefficients[place]
      let slope = residual[place] + variance * old
      let new = abs(slope) <= penalty ? 0 : (slope - (slope > 0 ? penalty : -penalty)) / variance
      guard new != old else { continue }
      coefficients[place] = new
      for other in 0..<width { residual[other] -= (new - old) * covariances[place * width + other] }
      greatest = max(greatest, abs(new - old) * variance.squareRoot())
    }
    return greatest
  }
}
