internal import Foundation
internal import NoemaTensor

/// Multinomial logistic regression, `min Σ −log p(yᵢ) + λ/2 ‖W‖²`, the intercepts free.
///
/// L-BFGS in the spectral basis, where the diagonal of the Hessian is known beforehand: variables are scaled by
/// it, after which a few dozen steps suffice. λ is chosen on a grid by the log loss of a held-out fifth of the
/// training rows.
///
/// - Source: Liu and Nocedal, Mathematical Programming 1989.
struct MultinomialLogistic: MulticlassProbe {
  /// λ in units of the mean square of a centred row, the largest first.
  static let grid = [10, 1, 0.1, 0.01, 1e-3, 1e-4]
  /// What is left of the loss, an example, when iterations end.
  var tolerance = 1e-11
  /// The seed of the held-out fifth.
  var seed: UInt64 = 0

  func fit(
    _ basis: SpectralBasis, _ labels: [Int], classCount: Int, penalty: Double?, groups: [Int]?
  ) throws(ConceptError) -> LinearScores {
    let counts = ProbeLabels.counts(labels, classCount)
    let present = counts.indices.filter { counts[$0] > 0 }
    var compact = [Int](repeating: 0, count: classCount)
    for (position, c) in present.enumerated() { compact[c] = position }
    let known = labels.map { compact[$0] }
    let lambda: Double
    if let penalty {
      lambda = penalty
    } else {
      lambda = choose(basis, known, present.count, groups) * basis.unit
    }
    var problem = Problem(
      rows: basis.rows, squares: basis.squares, labels: known, classCount: present.count, lambda: lambda)
    problem.minimise(tolerance: tolerance)
    var result = LinearScores(
      weights: Matrix(rowCount: basis.squares.count, columnCount: classCount),
      intercepts: Array(repeating: -.infinity, count: classCount), penalty: lambda)
    for (position, c) in present.enumerated() {
      for k in basis.squares.indices { result.weights[k, c] = problem.weights[k, position] }
      result.intercepts[c] = problem.intercepts[position]
    }
    return result
  }

  /// The factor of the grid that predicts a held-out fifth best; 0.01 when rows are too few to hold any out.
  private func choose(_ basis: SpectralBasis, _ labels: [Int], _ classCount: Int, _ groups: [Int]?) -> Double
  {
    var random = RandomNumbers(seed: seed)
    let folds = [5, 3, 2].lazy.compactMap { count -> ProbeFolds? in
      guard
        let all = try? ProbeLabels(classes: (0..<classCount).map { "\($0)" }, indices: labels, groups: groups)
      else { return nil }
      return try? ProbeFolds(all, count: count, using: &random)
    }.first
    guard let (train, test) = folds?.split(0) else { return 0.01 }
    let columns = Array(0..<basis.rows.columnCount)
    let held = basis.rows.selecting(rows: test, columns: columns)
    let share = Double(train.count) / Double(labels.count)
    var problem = Problem(
      rows: basis.rows.selecting(rows: train, columns: columns), squares: basis.squares.map { $0 * share },
      labels: train.map { labels[$0] }, classCount: classCount, lambda: 0)
    var best = (factor: 0.01, bits: Double.infinity)
    for factor in Self.grid {
      // Each solution is a good start for the next smaller penalty.
      problem.lambda = factor * basis.unit
      problem.minimise(tolerance: 1e-7)
      let scores = LinearScores(weights: problem.weights, intercepts: problem.intercepts, penalty: 0).scores(
        held)
      let bits = Self.bits(scores, test.map { labels[$0] }).reduce(0, +)
      if bits < best.bits { best = (factor, bits) }
    }
    return best.factor
  }

  /// `−log₂ p(yᵢ)` for each row of scores, at most 1024.
  static func bits(_ scores: Matrix, _ labels: [Int]) -> [Double] {
    labels.enumerated().map { i, label in
      let row = scores.row(i)
      let top = row.max() ?? 0
      let total = top + log(row.reduce(0) { $0 + exp($1 - top) })
      return min((total - scores[i, label]) / M_LN2, 1024)
    }
  }
}

extension MultinomialLogistic {
  /// The loss over weights and intercepts, and its minimiser.
  struct Problem {
    let rows: Matrix
    let squares: [Double]
    let labels: [Int]
    let classCount: Int
    var lambda: Double
    private(set) var weights: Matrix
    private(set) var intercepts: [Double]

    init(rows: Matrix, squares: [Double], labels: [Int], classCount: Int, lambda: Double) {
      (self.rows, self.squares, self.labels) = (rows, squares, labels)
      (self.classCount, self.lambda) = (classCount, lambda)
      weights = Matrix(rowCount: rows.columnCount, columnCount: classCount)
      intercepts = ProbeLabels.counts(labels, classCount).map {
        log(max(Double($0), 0.5) / Double(labels.count))
      }
    }

    /// The loss and its gradient at scaled variables: weights row after row, then intercepts.
    private func loss(_ variables: [Double], _ scales: [Double]) -> (value: Double, gradient: [Double]) {
      let size = weights.elements.count
      var w = weights
      for i in 0..<size { w.elements[i] = variables[i] * scales[i] }
      let b = (0..<classCount).map { variables[size + $0] * scales[size + $0] }
      var scores = rows.times(w)
      var value = lambda / 2 * w.dot(w)
      var sums = [Double](repeating: 0, count: classCount)
      for (i, label) in labels.enumerated() {
        let start = i * classCount
        var top = -Double.infinity
        for c in 0..<classCount {
          scores.elements[start + c] += b[c]
          top = max(top, scores.elements[start + c])
        }
        let own = scores.elements[start + label]
        var total = 0.0
        for c in 0..<classCount {
          scores.elements[start + c] = exp(scores.elements[start + c] - top)
          total += scores.elements[start + c]
        }
        value += top + log(total) - own
        for c in 0..<classCount {
          scores.elements[start + c] = scores.elements[start + c] / total - (c == label ? 1 : 0)
          sums[c] += scores.elements[start + c]
        }
      }
      var gradient = rows.transposedTimes(scores).elements
      for i in 0..<size { gradient[i] = (gradient[i] + lambda * w.elements[i]) * scales[i] }
      for c in 0..<classCount { gradient.append(sums[c] * scales[size + c]) }
      return (value, gradient)
    }

    /// L-BFGS with ten pairs and a halving step, from where the last call ended.
    mutating func minimise(tolerance: Double) {
      let n = Double(labels.count)
      let curvature = ProbeLabels.counts(labels, classCount).map {
        max(Double($0) / n * (1 - Double($0) / n), 1 / n)
      }
      var scales = squares.flatMap { square in curvature.map { 1 / (square * $0 + lambda).squareRoot() } }
      scales += curvature.map { 1 / (n * $0).squareRoot() }
      var x = zip(weights.elements + intercepts, scales).map { $0 / $1 }
      var (value, gradient) = loss(x, scales)
      var pairs: [(s: [Double], y: [Double], rho: Double)] = []
      for _ in 0..<500 {
        let size = dot(gradient, gradient)
        guard size > tolerance * n, size.isFinite else { break }
        var direction = gradient
        var factors: [Double] = []
        for pair in pairs.reversed() {
          let factor = pair.rho * dot(pair.s, direction)
          add(pair.y, -factor, to: &direction)
          factors.append(factor)
        }
        if let last = pairs.last {
          let scale = 1 / (last.rho * dot(last.y, last.y))
          for i in direction.indices { direction[i] *= scale }
        }
        for (pair, factor) in zip(pairs, factors.reversed()) {
          add(pair.s, factor - pair.rho * dot(pair.y, direction), to: &direction)
        }
        let slope = dot(gradient, direction)
        guard slope > 0 else {
          if pairs.isEmpty { break }
          pairs = []
          continue
        }
        var step = 1.0
        var next = x
        add(direction, -step, to: &next)
        var result = loss(next, scales)
        while !(result.value <= value - 1e-4 * step * slope + 1e-14 * abs(value)), step > 1e-10 {
          step /= 2
          next = x
          add(direction, -step, to: &next)
          result = loss(next, scales)
        }
        guard step > 1e-10 else { break }
        let s = zip(next, x).map { $0 - $1 }
        let y = zip(result.gradient, gradient).map { $0 - $1 }
        let product = dot(s, y)
        if product > 1e-300 {
          pairs.append((s, y, 1 / product))
          if pairs.count > 10 { pairs.removeFirst() }
        }
        (x, value, gradient) = (next, result.value, result.gradient)
      }
      for i in weights.elements.indices { weights.elements[i] = x[i] * scales[i] }
      for c in 0..<classCount {
        intercepts[c] = x[weights.elements.count + c] * scales[weights.elements.count + c]
      }
    }

    private func dot(_ a: [Double], _ b: [Double]) -> Double {
      var sum = 0.0
      for i in a.indices { sum += a[i] * b[i] }
      return sum
    }

    private func add(_ a: [Double], _ factor: Double, to b: inout [Double]) {
      for i in a.indices { b[i] += factor * a[i] }
    }
  }
}
