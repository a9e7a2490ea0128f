internal import NoemaTensor

/// Least-angle regression from products alone: features enter one by one, each when its correlation with the
/// residual equals that of those already in.
///
/// - Source: Efron et al., "Least Angle Regression", 2004, section 3.1 for the lasso.
struct LeastAngle {
  /// The state after one step.
  struct Step {
    /// The features that are in, in the order in which they entered.
    var active: [Int]
    /// The coefficients of all features.
    var coefficients: [Double]
  }

  /// Whether a feature whose coefficient passes zero leaves again, which makes the path that of the lasso.
  var isLasso: Bool

  /// Walks the path from no feature to all of them.
  ///
  /// - Parameters:
  ///   - gram: `XᵀX`.
  ///   - moments: `Xᵀy`.
  ///   - limit: the largest number of steps.
  func path(gram: Matrix, moments: [Double], limit: Int) throws(TensorError) -> [Step] {
    var steps: [Step] = []
    var state = Step(active: [], coefficients: Array(repeating: 0, count: moments.count))
    var correlations = moments
    let smallest = 1e-12 * (moments.map(abs).max() ?? 0)
    var dropped: Int?
    // Features leave seldom; the bound ends cycles that rounding may cause.
    while steps.count < min(limit, 8 * moments.count + 8) {
      let inactive = moments.indices.filter { !state.active.contains($0) }
      if dropped == nil {
        guard let next = inactive.max(by: { abs(correlations[$0]) < abs(correlations[$1]) }),
          abs(correlations[next]) > smallest
        else { break }
        state.active.append(next)
      }
      let height = state.active.map { abs(correlations[$0]) }.max() ?? 0
      guard height > smallest, let move = try direction(state.active, correlations, gram) else { break }
      var length = height / move.slope
      for feature in inactive where feature != state.active.last {
        for sign in [1.0, -1.0] {
          // The one that just left stands where it left: it may come back only from the other side.
          if feature == dropped, sign * correlations[feature] > 0 { continue }
          let gap = move.slope - sign * move.changes[feature]
          let candidate = (height - sign * correlations[feature]) / gap
          if gap > 0, candidate > 0, candidate < length { length = candidate }
        }
      }
      dropped = nil
      if isLasso {
        for (feature, part) in zip(state.active, move.parts) where part != 0 {
          let candidate = -state.coefficients[feature] / part
          if candidate > 0, candidate < length { (length, dropped) = (candidate, feature) }
        }
      }
      for (feature, part) in zip(state.active, move.parts) { state.coefficients[feature] += length * part }
      for feature in correlations.indices { correlations[feature] -= length * move.changes[feature] }
      if let dropped {
        state.coefficients[dropped] = 0
        state.active.removeAll { $0 == dropped }
      }
      steps.append(state)
    }
    return steps
  }

  /// The direction along which all active correlations shrink alike: how fast, what coefficients gain, and
  /// what correlations lose.
  private func direction(
    _ active: [Int], _ correlations: [Double], _ gram: Matrix
  ) throws(TensorError) -> (slope: Double, parts: [Double], changes: [Double])? {
    let signs = active.map { correlations[$0] < 0 ? -1.0 : 1 }
    let solution = try Cholesky(gram.selecting(rows: active, columns: active)).solve(signs)
    let square = zip(signs, solution).reduce(0) { $0 + $1.0 * $1.1 }
    guard square > 0, square.isFinite else { return nil }
    let slope = 1 / square.squareRoot()
    let parts = solution.map { $0 * slope }
    var changes = [Double](repeating: 0, count: correlations.count)
    for (feature, part) in zip(active, parts) {
      for other in changes.indices { changes[other] += part * gram[feature, other] }
    }
    return (slope, parts, changes)
  }
}
