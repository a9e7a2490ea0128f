internal import NoemaTensor

/// Ridge regressions on the first column, the first two, the first three, … from one factorisation.
///
/// The leading part of a Cholesky factor is the factor of the leading part, and so are solutions of
/// triangular systems: with `L u = x` and `L c = b`, the model of `q` columns predicts `Σ_{j ≤ q} u_j c_j`.
struct LeadingRidge {
  /// What the models of 1, 2, … columns add to the mean at a point.
  ///
  /// - Parameters:
  ///   - gram: `Zᵀ Π Z` about the means, columns in their order.
  ///   - moments: `Zᵀ Π y` about the means.
  ///   - point: the point, less the means.
  static func predictions(gram: Matrix, moments: [Double], penalty: Double, at point: [Double]) -> [Double] {
    let n = moments.count
    var factor = gram.elements, c = moments, u = point, sum = 0.0, found: [Double] = []
    factor.withUnsafeMutableBufferPointer { l in
      for i in 0..<n {
        for j in 0...i {
          var rest = l[i * n + j] + (i == j ? penalty : 0)
          for k in 0..<j { rest -= l[i * n + k] * l[j * n + k] }
          // Rounding may leave a pivot below the penalty, which is the least it can be.
          l[i * n + j] = i == j ? max(rest, penalty).squareRoot() : rest / l[j * n + j]
        }
        for k in 0..<i {
          c[i] -= l[i * n + k] * c[k]
          u[i] -= l[i * n + k] * u[k]
        }
        c[i] /= l[i * n + i]
        u[i] /= l[i * n + i]
        sum += c[i] * u[i]
        found.append(sum)
      }
    }
    return found
  }
}
