internal import NoemaTensor

/// The support vector machine with the hinge loss and a free intercept (LIBSVM's form):
/// `min ½‖w‖² + C Σ sᵢ max(0, 1 − tᵢ fᵢ)`.
///
/// Solved exactly by a primal-dual interior-point method on the dual problem, about 15 Cholesky factorisations
/// whatever the cost; first-order solvers need more steps the harder the margin.
///
/// - Source: Cortes and Vapnik 1995 for the machine; Mehrotra, SIAM J. Optim. 1992, for the solver.
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

  /// Makes the probe.
  public init(_ cost: Cost = .scaleFree) { self.cost = cost }

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
    let solution = try BoxedQuadraticProgram(
      kernel: problem.kernel, targets: problem.targets, bounds: problem.weights.map { $0 * scale }
    ).solve()
    return DualProbe(alpha: zip(problem.targets, solution.a).map(*), intercept: solution.intercept)
  }
}

/// `min ½ aᵀQa − 1ᵀa` with `Q = t tᵀ ∘ K`, `tᵀa = 0` and `0 ≤ a ≤ bounds`.
private struct BoxedQuadraticProgram {
  let kernel: Matrix
  let targets, bounds: [Double]

  /// Mehrotra's predictor and corrector until the duality gap vanishes.
  func solve() throws(ConceptError) -> (a: [Double], intercept: Double) {
    let n = targets.count
    var q = kernel
    for i in 0..<n { for j in 0..<n { q[i, j] *= targets[i] * targets[j] } }
    // Start inside the box, balanced between the classes.
    let positives = Double(targets.count { $0 > 0 })
    let level = bounds.min()! / 2
    var a = targets.map {
      level * min(1, $0 > 0 ? (Double(n) - positives) / positives : positives / (Double(n) - positives))
    }
    var (z, w) = (Array(repeating: 1.0, count: n), Array(repeating: 1.0, count: n))
    var y = 0.0
    // Kept apart from `a`: near the bound the difference would lose all digits.
    var room = zip(bounds, a).map { $0 - $1 }
    for _ in 0..<100 {
      let qa = q.times(a)
      let dual = (0..<n).map { 1 - qa[$0] - y * targets[$0] + z[$0] - w[$0] }
      let balance = zip(targets, a).reduce(0) { $0 + $1.0 * $1.1 }
      let mu = (0..<n).reduce(0) { $0 + a[$1] * z[$1] + room[$1] * w[$1] } / Double(2 * n)
      let worst = dual.reduce(abs(balance)) { max($0, abs($1)) }
      if mu < 1e-15 * max(1, level), worst < 1e-9 { break }

      var system = q
      for i in 0..<n { system[i, i] += z[i] / a[i] + w[i] / room[i] }
      let matrix = system
      let factor = try solving("support vector machine") { () throws(TensorError) in try Cholesky(matrix) }
      let along = factor.solve(targets)
      let curvature = zip(targets, along).reduce(0) { $0 + $1.0 * $1.1 }
      func step(_ lower: [Double], _ upper: [Double]) -> (a: [Double], y: Double, z: [Double], w: [Double]) {
        let base = factor.solve((0..<n).map { dual[$0] + lower[$0] - upper[$0] })
        let dy = (zip(targets, base).reduce(0) { $0 + $1.0 * $1.1 } + balance) / curvature
        let da = (0..<n).map { base[$0] - dy * along[$0] }
        return (
          da, dy, (0..<n).map { lower[$0] - z[$0] / a[$0] * da[$0] },
          (0..<n).map { upper[$0] + w[$0] / room[$0] * da[$0] }
        )
      }
      let space = room
      func length(_ move: (a: [Double], y: Double, z: [Double], w: [Double])) -> Double {
        var length = 1.0
        for i in 0..<n {
          if move.a[i] < 0 { length = min(length, -a[i] / move.a[i]) }
          if move.a[i] > 0 { length = min(length, space[i] / move.a[i]) }
          if move.z[i] < 0 { length = min(length, -z[i] / move.z[i]) }
          if move.w[i] < 0 { length = min(length, -w[i] / move.w[i]) }
        }
        return length
      }
      let predictor = step(z.map { -$0 }, w.map { -$0 })
      let reach = length(predictor)
      let predicted =
        (0..<n).reduce(0) { sum, i in
          sum + (a[i] + reach * predictor.a[i]) * (z[i] + reach * predictor.z[i])
            + (room[i] - reach * predictor.a[i]) * (w[i] + reach * predictor.w[i])
        } / Double(2 * n)
      let centre = mu * (predicted / mu) * (predicted / mu) * (predicted / mu)
      let move = step(
        (0..<n).map { (centre - predictor.a[$0] * predictor.z[$0]) / a[$0] - z[$0] },
        (0..<n).map { (centre + predictor.a[$0] * predictor.w[$0]) / room[$0] - w[$0] })
      let distance = min(1, 0.995 * length(move))
      guard distance > 1e-10 else { break }
      for i in 0..<n {
        a[i] += distance * move.a[i]
        room[i] -= distance * move.a[i]
        z[i] += distance * move.z[i]
        w[i] += distance * move.w[i]
      }
      y += distance * move.y
    }
    guard a.allSatisfy(\.isFinite), y.isFinite else {
      throw ConceptError(.algebra("the support vector machine did not converge; lower the cost or use ridge"))
    }
    // What the gap leaves of inactive coefficients is not theirs.
    for i in 0..<n {
      if a[i] < 1e-9 * bounds[i] { a[i] = 0 }
      if bounds[i] - a[i] < 1e-9 * bounds[i] { a[i] = bounds[i] }
    }
    return (a, y)
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
