internal import Glibc
internal import NoemaTensor

/// Directional derivatives of class inputs along the CAVs of some runs, and what is told from them.
struct RunScores {
  /// Derivatives along the unit CAVs, `inputs × runs`.
  private let derivatives: Matrix
  /// The share of positive derivatives of each run.
  let scores: [Double]
  /// How far the share of positive derivatives of each run exceeds that of negative ones, halved; the score
  /// minus ½ where no derivative is exactly zero.
  private let balances: [Double]
  /// The mean derivative along the unit CAV of each run.
  private let unitMeans: [Double]
  /// The mean over runs of each input's derivative along the unit CAV.
  let meanDerivatives: [Double]
  /// `Σ max(S, 0) / Σ |S|`; ½ when all are zero.
  let positiveMass: Double
  /// The share of derivatives that are exactly zero.
  let zeroShare: Double
  /// The mean cosine between gradient and CAV.
  let meanCosine: Double

  var runCount: Int { scores.count }
  var inputCount: Int { derivatives.rowCount }
  /// The mean derivative along the unit CAV over inputs and runs.
  var meanDerivative: Double { Statistics.mean(unitMeans) }

  /// - Parameters:
  ///   - gradients: products of the pool with gradients, `examples × inputs`.
  ///   - norms: the gradients' norms.
  init(_ runs: [FittedRun], gradients: Matrix, norms: [Double]) {
    let (m, r) = (gradients.columnCount, runs.count)
    // Each run touches few rows of the pool, so rows are added up instead of multiplying matrices.
    var along = [Double](repeating: 0, count: r * m)
    gradients.elements.withUnsafeBufferPointer { source in
      along.withUnsafeMutableBufferPointer { target in
        for (run, fitted) in runs.enumerated() {
          for (row, weight) in zip(fitted.rows, fitted.alpha) {
            for input in 0..<m { target[run * m + input] += weight * source[row * m + input] }
          }
        }
      }
    }
    var derivatives = Matrix(rowCount: m, columnCount: r)
    var below = [Double](repeating: 0, count: r)
    var (hits, sums) = ([Double](repeating: 0, count: r), [Double](repeating: 0, count: r))
    var perInput = [Double](repeating: 0, count: m)
    var (mass, total, zeros, cosine) = (0.0, 0.0, 0, 0.0)
    for input in 0..<m {
      for run in 0..<r {
        let value = along[run * m + input]
        let unit = runs[run].norm > 0 ? value / runs[run].norm : 0
        derivatives[input, run] = unit
        if value > 0 {
          hits[run] += 1
          mass += unit
        }
        if value < 0 { below[run] += 1 }
        if value == 0 { zeros += 1 }
        total += abs(unit)
        sums[run] += unit
        perInput[input] += unit
        if norms[input] > 0 { cosine += unit / norms[input] }
      }
    }
    self.derivatives = derivatives
    scores = hits.map { $0 / Double(m) }
    balances = zip(hits, below).map { ($0 - $1) / Double(2 * m) }
    unitMeans = sums.map { $0 / Double(m) }
    meanDerivatives = perInput.map { $0 / Double(max(1, r)) }
    positiveMass = total > 0 ? mass / total : 0.5
    zeroShare = Double(zeros) / Double(max(1, m * r))
    meanCosine = cosine / Double(max(1, m * r))
  }

  /// How far the mean score of the first runs lies from ½.
  func extremity(runs: Int) -> Extremity {
    Extremity(
      score: abs(Statistics.mean(Array(balances.prefix(runs)))),
      derivative: abs(Statistics.mean(Array(unitMeans.prefix(runs)))))
  }

  /// 95 % bootstrap intervals over runs and class inputs.
  ///
  /// Where all derivatives have one sign the bootstrap has no width; the score's interval is then that of
  /// Clopper and Pearson (1934) for the class inputs.
  func intervals(
    resamples: Int, using numbers: inout RandomNumbers
  ) -> (score: [Double], meanDerivative: [Double], positiveMass: [Double]) {
    var (positives, masses) = (derivatives, derivatives)
    for index in derivatives.elements.indices {
      let value = derivatives.elements[index]
      positives.elements[index] = value > 0 ? 1 : 0
      masses.elements[index] = max(value, 0)
    }
    let totals = Bootstrap.totals(
      of: [positives, derivatives, masses], resamples: resamples, using: &numbers)
    let scale = Double(max(1, inputCount * runCount))
    var score = Bootstrap.percentiles(of: totals[0].map { $0 / scale })
    let tail = pow(0.025, 1 / Double(max(1, inputCount)))
    if scores.allSatisfy({ $0 == 1 }) { score = [tail, 1] }
    if scores.allSatisfy({ $0 == 0 }) { score = [0, 1 - tail] }
    // Σ |S| = 2 Σ max(S, 0) − Σ S.
    let mass = zip(totals[2], totals[1]).map { positive, sum in
      2 * positive - sum > 0 ? positive / (2 * positive - sum) : 0.5
    }
    return (score, Bootstrap.percentiles(of: totals[1].map { $0 / scale }), Bootstrap.percentiles(of: mass))
  }
}

/// The statistic of the permutation test, ordered lexicographically, so that the test stays exact.
struct Extremity: Comparable {
  /// How far a score lies from ½.
  var score: Double
  /// The size of the mean derivative along the unit CAV, which breaks ties.
  var derivative: Double

  static func < (left: Extremity, right: Extremity) -> Bool {
    // Means of the same counts in another order differ by rounding only.
    abs(left.score - right.score) > 1e-12 ? left.score < right.score : left.derivative < right.derivative
  }
}

/// The derivatives of the class inputs along the mean of some unit CAVs: one direction, to be compared with the
/// one direction of each pseudo-concept.
///
/// The mean score of runs alone can mislead. The CAVs of a pseudo-concept differ from run to run and their mean
/// score is drawn towards ½, while a represented concept's CAVs agree, so that it seems extreme even where its
/// direction has nothing to do with the class.
struct DirectionScore: Sendable {
  /// The share of positive derivatives, exact zeros counted half.
  let score: Double
  /// The size of the mean derivative along the unit mean CAV; 0 unless it is needed to break a tie.
  private let derivative: Double

  /// - Parameters:
  ///   - runs: the runs that are averaged.
  ///   - gradients: products of the pool with gradients, `examples × inputs`.
  ///   - observed: what this one will be compared with; the length of the mean CAV, which costs most, is
  ///     worked out only if the scores are equally far from ½.
  init(
    _ runs: ArraySlice<FittedRun>, gradients: Matrix, gram: Matrix, tiedWith observed: DirectionScore? = nil
  ) {
    var coefficients: [Int: Double] = [:]
    for run in runs where run.norm > 0 {
      for (row, weight) in zip(run.rows, run.alpha) { coefficients[row, default: 0] += weight / run.norm }
    }
    // Sorted, so that sums come out the same every time.
    let terms = coefficients.sorted { $0.key < $1.key }
    var derivatives = [Double](repeating: 0, count: gradients.columnCount)
    gradients.elements.withUnsafeBufferPointer { source in
      for (row, weight) in terms {
        for input in derivatives.indices {
          derivatives[input] += weight * source[row * derivatives.count + input]
        }
      }
    }
    let (above, below) = (derivatives.count { $0 > 0 }, derivatives.count { $0 < 0 })
    let score = 0.5 + Double(above - below) / Double(2 * max(1, derivatives.count))
    self.score = score
    if let observed, !observed.isTied(with: score) {
      derivative = 0
      return
    }
    let square = gram.elements.withUnsafeBufferPointer { kernel in
      terms.enumerated().reduce(0.0) { sum, term in
        let start = term.element.key * gram.columnCount
        var along = kernel[start + term.element.key] * term.element.value
        for other in terms[..<term.offset] { along += 2 * kernel[start + other.key] * other.value }
        return sum + term.element.value * along
      }
    }
    derivative = square > 0 ? abs(Statistics.mean(derivatives)) / square.squareRoot() : 0
  }

  private func isTied(with other: Double) -> Bool { abs(abs(score - 0.5) - abs(other - 0.5)) <= 1e-12 }

  var extremity: Extremity { Extremity(score: abs(score - 0.5), derivative: derivative) }
}

/// What is told of a pseudo-concept.
struct NullScores: Sendable {
  var runs: RunScores
  var direction: DirectionScore
}

extension [FittedRun] {
  /// The mean of the unit CAVs, by coefficients over the pool that add up to zero.
  ///
  /// Only the linear SVC's do not by themselves. Its direction is `Σ α (x − μ)`, which coefficients of sum zero
  /// give whatever `μ` is.
  func meanUnitCoefficients(count: Int) -> [Double] {
    var mean = [Double](repeating: 0, count: count)
    for run in self where run.norm > 0 {
      for (row, value) in zip(run.rows, run.alpha) { mean[row] += value / (run.norm * Double(self.count)) }
    }
    let offset = mean.reduce(0, +) / Double(Swift.max(1, count))
    if abs(offset) > 1e-15 { for row in mean.indices { mean[row] -= offset } }
    return mean
  }
}

extension Matrix {
  /// Cosines between directions given by coefficients, the columns of `A`, in a space with this Gram matrix.
  ///
  /// A direction of length zero has cosine 0 with all others.
  func cosines(of coefficients: Matrix) -> Matrix {
    var products = coefficients.transposedTimes(self.times(coefficients))
    let norms = (0..<products.rowCount).map { Swift.max(products[$0, $0], 0).squareRoot() }
    for i in norms.indices {
      for j in norms.indices {
        let scale = norms[i] * norms[j]
        products[i, j] = scale > 0 ? Swift.min(1, Swift.max(-1, products[i, j] / scale)) : 0
      }
    }
    return products
  }
}
