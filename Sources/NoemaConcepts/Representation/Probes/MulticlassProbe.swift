internal import Foundation
internal import NoemaTensor

/// A classifier with one linear score a class, fitted in a spectral basis.
protocol MulticlassProbe {
  /// Fits labels; some classes may be missing.
  ///
  /// - Parameters:
  ///   - basis: the training rows.
  ///   - labels: the class of each training row.
  ///   - classCount: how many classes there are.
  ///   - penalty: as an earlier fit reported it; nil to choose one.
  ///   - groups: training rows that belong together, for choosing.
  func fit(
    _ basis: SpectralBasis, _ labels: [Int], classCount: Int, penalty: Double?, groups: [Int]?
  ) throws(ConceptError) -> LinearScores
}

/// Ridge regression on one-hot targets; λ by leave-one-out accuracy, the smaller squared error deciding ties.
///
/// - Source: Hoerl and Kennard 1970; leave-one-out by Allen's PRESS identity.
struct MulticlassRidge: MulticlassProbe {
  /// λ in units of the mean square of a centred row: 20 values from 10⁻⁶ to 10².
  static let grid = (0..<20).map { step in pow(10, -6 + 8 * Double(step) / 19) }

  func fit(
    _ basis: SpectralBasis, _ labels: [Int], classCount: Int, penalty: Double?, groups: [Int]?
  ) throws(ConceptError) -> LinearScores {
    let (n, rank) = (labels.count, basis.squares.count)
    let shares = ProbeLabels.counts(labels, classCount).map { Double($0) / Double(n) }
    var targets = Matrix(rowCount: n, columnCount: classCount)
    for (i, label) in labels.enumerated() {
      for c in 0..<classCount { targets[i, c] = (c == label ? 1 : 0) - shares[c] }
    }
    let products = basis.rows.transposedTimes(targets)
    func weights(_ lambda: Double) -> Matrix {
      var result = products
      for k in 0..<rank { for c in 0..<classCount { result[k, c] /= basis.squares[k] + lambda } }
      return result
    }
    var best = (lambda: penalty ?? 0, accuracy: -1.0, error: Double.infinity)
    if penalty == nil {
      var squaredRows = basis.rows
      for i in squaredRows.elements.indices { squaredRows.elements[i] *= squaredRows.elements[i] }
      for factor in Self.grid {
        let lambda = factor * basis.unit
        let fitted = basis.rows.times(weights(lambda))
        let leverage = squaredRows.times(basis.squares.map { 1 / ($0 + lambda) }).map { $0 + 1 / Double(n) }
        var leaveOneOut = fitted
        var error = 0.0
        for i in 0..<n {
          let room = max(1 - leverage[i], 1e-12)
          for c in 0..<classCount {
            let residual = (targets[i, c] - fitted[i, c]) / room
            error += residual * residual
            leaveOneOut[i, c] = targets[i, c] - residual + shares[c]
          }
        }
        let accuracy = Double(zip(leaveOneOut.rowMaxima, labels).count { $0 == $1 }) / Double(n)
        if accuracy > best.accuracy || (accuracy == best.accuracy && error < best.error) {
          best = (lambda, accuracy, error)
        }
      }
    }
    return LinearScores(weights: weights(best.lambda), intercepts: shares, penalty: best.lambda)
  }
}

/// The nearest class mean: the score `−‖x − μ‖²` without what all classes share. It has no penalty.
struct NearestMean: MulticlassProbe {
  func fit(
    _ basis: SpectralBasis, _ labels: [Int], classCount: Int, penalty: Double?, groups: [Int]?
  ) throws(ConceptError) -> LinearScores {
    let counts = ProbeLabels.counts(labels, classCount)
    var members = Matrix(rowCount: labels.count, columnCount: classCount)
    for (i, label) in labels.enumerated() { members[i, label] = 1 / Double(counts[label]) }
    var means = basis.rows.transposedTimes(members)
    var intercepts = [Double](repeating: 0, count: classCount)
    for k in 0..<means.rowCount { for c in 0..<classCount { intercepts[c] -= means[k, c] * means[k, c] } }
    for c in 0..<classCount where counts[c] == 0 { intercepts[c] = -.infinity }
    means.scaleColumns(Array(repeating: 2, count: classCount))
    return LinearScores(weights: means, intercepts: intercepts, penalty: 0)
  }
}

/// One support vector machine a class against the rest; the penalty is its cost `C`.
struct OneVersusRest: MulticlassProbe {
  func fit(
    _ basis: SpectralBasis, _ labels: [Int], classCount: Int, penalty: Double?, groups: [Int]?
  ) throws(ConceptError) -> LinearScores {
    let cost = penalty ?? 100 / basis.unit
    let kernel = basis.rows.timesTransposed(basis.rows)
    let counts = ProbeLabels.counts(labels, classCount)
    let present = counts.indices.filter { counts[$0] > 0 }
    var result = LinearScores(
      weights: Matrix(rowCount: basis.squares.count, columnCount: classCount),
      intercepts: Array(repeating: -.infinity, count: classCount), penalty: cost)
    guard present.count > 1 else {
      for c in present { result.intercepts[c] = 0 }
      return result
    }
    // Two classes are one problem; the second score is the first one's negative.
    for c in present.count == 2 ? [present[0]] : present {
      let problem = try ProbeProblem(kernel: kernel, isPositive: labels.map { $0 == c })
      let probe = try HingeSVM(.fixed(cost)).fit(problem)
      let direction = basis.rows.transposed.times(probe.alpha)
      for k in direction.indices { result.weights[k, c] = direction[k] }
      result.intercepts[c] = probe.intercept
    }
    if present.count == 2 {
      for k in basis.squares.indices { result.weights[k, present[1]] = -result.weights[k, present[0]] }
      result.intercepts[present[1]] = -result.intercepts[present[0]]
    }
    return result
  }
}
