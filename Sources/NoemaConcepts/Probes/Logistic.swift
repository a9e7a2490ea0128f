internal import Foundation
internal import NoemaTensor

/// L2-penalised logistic regression: `min Σ sᵢ log(1 + exp(−tᵢ fᵢ)) + ‖w‖² / (2C)`, the intercept free.
///
/// Newton's method in the dual (iteratively reweighted least squares); at the solution
/// `αᵢ = C sᵢ (yᵢ − pᵢ)`, which certifies it.
public struct Logistic: Probe, Hashable {
  /// The inverse of the penalty, as scikit-learn's `C`; nil for `100 n / trace(K_c)`, which does not depend on
  /// the scale of the features.
  public var inversePenalty: Double?

  /// Makes the probe.
  public init(inversePenalty: Double? = nil) { self.inversePenalty = inversePenalty }

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    let n = problem.count
    let lambda = 1 / (inversePenalty ?? problem.scaleFreeInversePenalty())
    guard lambda > 0, lambda.isFinite else {
      throw ConceptError(.parameters("the logistic penalty must be positive and finite, found \(lambda)"))
    }
    let kernel = problem.kernel
    let labels = problem.isPositive.map { $0 ? 1.0 : 0.0 }
    let share = zip(problem.shares, labels).reduce(0) { $0 + $1.0 * $1.1 }
    var alpha = [Double](repeating: 0, count: n)
    var intercept = log(share / (1 - share))
    var products = [Double](repeating: 0, count: n)

    func loss(_ alpha: [Double], _ products: [Double], _ intercept: Double) -> Double {
      var sum = lambda / 2 * zip(alpha, products).reduce(0) { $0 + $1.0 * $1.1 }
      for i in 0..<n { sum += problem.weights[i] * softplus((products[i] + intercept) * (1 - 2 * labels[i])) }
      return sum
    }

    var current = loss(alpha, products, intercept)
    for _ in 0..<100 {
      var roots = [Double](repeating: 0, count: n)
      var response = roots
      for i in 0..<n {
        let f = products[i] + intercept
        let p = 1 / (1 + exp(-f))
        let curvature = max(problem.weights[i] * p * (1 - p), 1e-10)
        roots[i] = curvature.squareRoot()
        response[i] = f + problem.weights[i] * (labels[i] - p) / curvature
      }
      var system = kernel
      for i in 0..<n {
        for j in 0..<n { system[i, j] *= roots[i] * roots[j] }
        system[i, i] += lambda
      }
      let matrix = system
      let factor = try solving("logistic regression") { () throws(TensorError) in try Cholesky(matrix) }
      func solve(_ right: [Double]) -> [Double] {
        zip(factor.solve(zip(right, roots).map(*)), roots).map(*)
      }
      let u = solve(response)
      let e = solve(Array(repeating: 1, count: n))
      let newIntercept = u.reduce(0, +) / e.reduce(0, +)
      let newAlpha = zip(u, e).map { $0 - newIntercept * $1 }
      let newProducts = kernel.times(newAlpha)

      // Halve the step until the loss falls.
      var step = 1.0
      var next = (alpha: newAlpha, products: newProducts, intercept: newIntercept)
      var value = loss(next.alpha, next.products, next.intercept)
      while value > current + 1e-12 * abs(current), step > 1e-8 {
        step /= 2
        next.alpha = zip(alpha, newAlpha).map { $0 + step * ($1 - $0) }
        next.products = zip(products, newProducts).map { $0 + step * ($1 - $0) }
        next.intercept = intercept + step * (newIntercept - intercept)
        value = loss(next.alpha, next.products, next.intercept)
      }
      let largest = next.alpha.reduce(0) { max($0, abs($1)) }
      let change = zip(alpha, next.alpha).reduce(abs(next.intercept - intercept)) {
        max($0, abs($1.0 - $1.1))
      }
      (alpha, products, intercept, current) = (next.alpha, next.products, next.intercept, value)
      if change < 1e-11 * (1 + largest) { break }
    }
    return DualProbe(alpha: alpha, intercept: intercept)
  }

  private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
}

extension ProbeProblem {
  /// `100 n / trace(K_c)`; 1 for rows that do not vary.
  func scaleFreeInversePenalty() -> Double {
    let trace = centredKernel().trace
    return trace > 0 ? 100 * Double(count) / trace : 1
  }
}
