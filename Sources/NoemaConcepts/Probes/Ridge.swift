internal import Foundation
internal import NoemaTensor

/// Ridge regression on `t = ±1`: `min Σ sᵢ (tᵢ − w·xᵢ − b)² + λ ‖w‖²`, the intercept free.
///
/// On two-valued targets its direction is that of linear discriminant analysis with covariance `S_w + λ I`; it
/// tends to the mean difference as λ grows.
///
/// - Source: Hoerl and Kennard 1970; leave-one-out by Allen's PRESS identity, exact for any weights.
public struct Ridge: Probe, Hashable {
  /// How λ is chosen.
  public enum Penalty: Sendable, Hashable {
    /// λ itself.
    case fixed(Double)
    /// `κ · trace(K_c) / n`, which does not depend on the scale of the features.
    case relative(Double)
    /// The κ with the least leave-one-out error.
    case leaveOneOut([Double])
  }

  /// How λ is chosen.
  public var penalty: Penalty

  /// κ from 10⁻⁴ to 10², four a decade.
  public static let grid = (0...24).map { pow(10, -4 + Double($0) / 4) }

  /// Makes the probe; λ by leave-one-out unless told otherwise.
  public init(_ penalty: Penalty = .leaveOneOut(Ridge.grid)) { self.penalty = penalty }

  public func tuned(on problem: ProbeProblem) throws(ConceptError) -> any Probe {
    guard case .leaveOneOut(let factors) = penalty else { return self }
    let path = try RidgePath(problem)
    var best = (factor: factors.first ?? 0.01, error: Double.infinity)
    for factor in factors {
      let predictions = path.leaveOneOut(penalty: factor * path.unit)
      let error = zip(zip(predictions, problem.targets), problem.weights).reduce(0) { sum, item in
        sum + item.1 * (item.0.0 - item.0.1) * (item.0.0 - item.0.1)
      }
      if error < best.error { best = (factor, error) }
    }
    return Ridge(.relative(best.factor))
  }

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    var kernel = problem.centredKernel()
    let unit = kernel.trace / Double(problem.count)
    let lambda: Double
    switch penalty {
    case .fixed(let value): lambda = value
    case .relative(let factor): lambda = factor * unit
    case .leaveOneOut: return try tuned(on: problem).fit(problem)
    }
    guard unit > 0 else {
      // No direction exists when all rows are the same.
      return DualProbe(alpha: Array(repeating: 0, count: problem.count), intercept: 0)
    }
    guard lambda > 0, lambda.isFinite else {
      throw ConceptError(.parameters("the ridge penalty must be positive, found \(lambda)"))
    }
    let shares = problem.shares
    let targets = problem.targets
    let mean = zip(shares, targets).reduce(0) { $0 + $1.0 * $1.1 }
    for i in 0..<problem.count { kernel[i, i] += lambda / problem.weights[i] }
    let factor = try solving("ridge") { () throws(TensorError) in try Cholesky(kernel) }
    var alpha = factor.solve(targets.map { $0 - mean })
    let sum = alpha.reduce(0, +)
    for i in alpha.indices { alpha[i] -= shares[i] * sum }
    let products = problem.kernel.times(alpha)
    return DualProbe(alpha: alpha, intercept: mean - zip(shares, products).reduce(0) { $0 + $1.0 * $1.1 })
  }
}

/// All ridge solutions of a problem from one eigendecomposition.
public struct RidgePath: Sendable {
  /// `trace(K_c) / n`: the unit in which relative penalties are given.
  public let unit: Double
  private let eigen: SymmetricEigen
  private let problem: ProbeProblem
  /// `Uᵀ S^½ t_c`.
  private let projected: [Double]
  private let mean: Double

  /// Decomposes a problem.
  ///
  /// - Throws: `ConceptError.algebra` when LAPACK does not converge.
  public init(_ problem: ProbeProblem) throws(ConceptError) {
    self.problem = problem
    var kernel = problem.centredKernel()
    unit = kernel.trace / Double(problem.count)
    let roots = problem.weights.map { $0.squareRoot() }
    for i in 0..<problem.count { for j in 0..<problem.count { kernel[i, j] *= roots[i] * roots[j] } }
    let scaled = kernel
    let eigen = try solving("ridge path") { () throws(TensorError) in try SymmetricEigen(scaled) }
    self.eigen = eigen
    let mean = zip(problem.shares, problem.targets).reduce(0) { $0 + $1.0 * $1.1 }
    self.mean = mean
    projected = eigen.vectors.transposed.times(zip(roots, problem.targets).map { $0 * ($1 - mean) })
  }

  /// What each row is predicted to be by the probe that was fitted to all others.
  ///
  /// `t − e / (1 − h)` with the diagonal `h` of the hat matrix; rows centred by weights have `√s` in the
  /// kernel's null space, so that the intercept only adds the row's share.
  public func leaveOneOut(penalty: Double) -> [Double] {
    let n = problem.count
    let shrink = eigen.values.map { max($0, 0) / (max($0, 0) + penalty) }
    let shares = problem.shares
    return (0..<n).map { i in
      var (fit, leverage) = (0.0, shares[i])
      for k in 0..<n {
        let u = eigen.vectors[i, k]
        fit += u * shrink[k] * projected[k]
        leverage += u * u * shrink[k]
      }
      let target = problem.isPositive[i] ? 1.0 : -1.0
      let residual = target - (mean + fit / problem.weights[i].squareRoot())
      return target - residual / max(1 - leverage, 1e-12)
    }
  }
}
