internal import NoemaTensor

/// The support vector machine with the hinge loss and a free intercept (LIBSVM's form):
/// `min ½‖w‖² + C Σ sᵢ max(0, 1 − tᵢ fᵢ)`.
///
/// Sequential minimal optimisation on the maximal violating pair, chosen by second-order information.
///
/// - Source: Platt 1998; Fan, Chen and Lin, JMLR 2005, working set selection 2.
public struct HingeSVM: Probe, Hashable {
  /// What bounds the coefficients.
  public enum Cost: Sendable, Hashable {
    /// `C` itself.
    case fixed(Double)
    /// `1 / (alpha · n)`: the optimum that scikit-learn's `SGDClassifier(alpha:)` approaches, which other TCAV
    /// tools train.
    case stochasticGradient(alpha: Double)
    /// `100 n / trace(K_c)`, which does not depend on the scale of the features.
    case scaleFree
  }

  /// What bounds the coefficients.
  public var cost: Cost
  /// The largest violation of the optimality conditions that is accepted.
  public var tolerance: Double

  /// Makes the probe.
  public init(_ cost: Cost = .scaleFree, tolerance: Double = 1e-8) {
    self.cost = cost
    self.tolerance = tolerance
  }

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    let n = problem.count
    let scale: Double
    switch cost {
    case .fixed(let value): scale = value
    case .stochasticGradient(let alpha): scale = 1 / (alpha * Double(n))
    case .scaleFree: scale = problem.scaleFreeInversePenalty()
    }
    guard scale > 0, scale.isFinite else {
      throw ConceptError(.parameters("the cost of a support vector machine must be positive, found \(scale)"))
    }
    let bounds = problem.weights.map { $0 * scale }
    let t = problem.targets
    let kernel = problem.kernel.elements
    var a = [Double](repeating: 0, count: n)
    // Gradient of ½ aᵀQa − 1ᵀa with Q = t tᵀ ∘ K.
    var gradient = [Double](repeating: -1, count: n)
    let limit = max(1_000_000, 2_000 * n)
    var converged = false
    for _ in 0..<limit {
      var (i, highest, lowest) = (-1, -Double.infinity, Double.infinity)
      for k in 0..<n {
        let value = -t[k] * gradient[k]
        if t[k] > 0 ? a[k] < bounds[k] : a[k] > 0, value > highest { (i, highest) = (k, value) }
        if t[k] > 0 ? a[k] > 0 : a[k] < bounds[k], value < lowest { lowest = value }
      }
      guard i >= 0, highest - lowest > tolerance else {
        converged = true
        break
      }
      var (j, gain) = (-1, -Double.infinity)
      for k in 0..<n where t[k] > 0 ? a[k] > 0 : a[k] < bounds[k] {
        let difference = highest + t[k] * gradient[k]
        guard difference > 0 else { continue }
        let curvature = max(kernel[i * n + i] + kernel[k * n + k] - 2 * kernel[i * n + k], 1e-12)
        if difference * difference / curvature > gain { (j, gain) = (k, difference * difference / curvature) }
      }
      guard j >= 0 else {
        converged = true
        break
      }
      let curvature = max(kernel[i * n + i] + kernel[j * n + j] - 2 * kernel[i * n + j], 1e-12)
      // Move along t_i e_i − t_j e_j as far as the box allows.
      var step = (highest + t[j] * gradient[j]) / curvature
      step = min(step, t[i] > 0 ? bounds[i] - a[i] : a[i])
      step = min(step, t[j] > 0 ? a[j] : bounds[j] - a[j])
      a[i] = min(max(a[i] + t[i] * step, 0), bounds[i])
      a[j] = min(max(a[j] - t[j] * step, 0), bounds[j])
      for k in 0..<n { gradient[k] += t[k] * step * (kernel[i * n + k] - kernel[j * n + k]) }
    }
    guard converged else {
      throw ConceptError(.algebra("the support vector machine did not converge; lower the cost or use ridge"))
    }
    // The intercept from free vectors, or the middle of what the others allow.
    var (sum, free, upper, lower) = (0.0, 0, Double.infinity, -Double.infinity)
    for k in 0..<n {
      let value = -t[k] * gradient[k]
      if a[k] > 0, a[k] < bounds[k] {
        sum += value
        free += 1
      } else if (a[k] == 0) == (t[k] > 0) {
        lower = max(lower, value)
      } else {
        upper = min(upper, value)
      }
    }
    let intercept = free > 0 ? sum / Double(free) : (upper + lower) / 2
    return DualProbe(alpha: zip(t, a).map(*), intercept: intercept.isFinite ? intercept : 0)
  }
}

/// The support vector machine with the squared hinge loss and a penalised intercept (LIBLINEAR's `LinearSVC`):
/// `min ½(‖w‖² + b²) + C Σ sᵢ max(0, 1 − tᵢ fᵢ)²`.
///
/// Newton's method on the active set, exact after finitely many steps. Because the intercept is penalised, the
/// coefficients do not sum to zero and moving all rows by a constant changes the result.
///
/// - Source: Chapelle, "Training a Support Vector Machine in the Primal", 2007.
public struct SquaredHingeSVM: Probe, Hashable {
  /// `C`; nil for `100 n / trace(K_c)`.
  public var cost: Double?

  /// Makes the probe.
  public init(cost: Double? = nil) { self.cost = cost }

  public func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe {
    let n = problem.count
    let cost = self.cost ?? problem.scaleFreeInversePenalty()
    guard cost > 0, cost.isFinite else {
      throw ConceptError(.parameters("the cost of a support vector machine must be positive, found \(cost)"))
    }
    var kernel = problem.kernel
    for i in kernel.elements.indices { kernel.elements[i] += 1 }
    let t = problem.targets

    func loss(_ beta: [Double], _ f: [Double]) -> Double {
      var sum = zip(beta, f).reduce(0) { $0 + $1.0 * $1.1 } / 2
      for i in 0..<n {
        let slack = max(0, 1 - t[i] * f[i])
        sum += cost * problem.weights[i] * slack * slack
      }
      return sum
    }

    var beta = [Double](repeating: 0, count: n)
    var f = beta
    var active = Array(0..<n)
    var current = loss(beta, f)
    for _ in 0..<200 {
      var system = kernel.selecting(rows: active, columns: active)
      for (k, row) in active.enumerated() { system[k, k] += 1 / (2 * cost * problem.weights[row]) }
      let matrix = system
      let factor = try solving("squared-hinge machine") { () throws(TensorError) in try Cholesky(matrix) }
      var target = [Double](repeating: 0, count: n)
      for (row, value) in zip(active, factor.solve(active.map { t[$0] })) { target[row] = value }
      let targetF = kernel.times(target)
      var step = 1.0
      var next = (beta: target, f: targetF)
      var value = loss(next.beta, next.f)
      while value > current * (1 + 1e-14), step > 1e-10 {
        step /= 2
        next.beta = zip(beta, target).map { $0 + step * ($1 - $0) }
        next.f = zip(f, targetF).map { $0 + step * ($1 - $0) }
        value = loss(next.beta, next.f)
      }
      let nextActive = (0..<n).filter { t[$0] * next.f[$0] < 1 }
      let settled = step == 1 && nextActive == active
      (beta, f, current) = (next.beta, next.f, value)
      if settled || nextActive.isEmpty { break }
      active = nextActive
    }
    return DualProbe(alpha: beta, intercept: beta.reduce(0, +))
  }
}
