internal import Foundation

/// How strongly points belong together, by Gaussians whose widths give each point the same number of neighbours.
///
/// `pⱼ|ᵢ ∝ exp(−βᵢ d²ᵢⱼ)` with βᵢ such that the entropy of the row is the logarithm of the perplexity, and
/// `pᵢⱼ = (pⱼ|ᵢ + pᵢ|ⱼ) / 2n`.
///
/// - Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008, section 2 and 3.1.
struct PerplexityAffinities: Sendable {
  /// `P`: symmetric, of sum 1, no entry below 1e-12 but those of points that are no neighbours.
  let matrix: SparseSymmetricMatrix
  /// `βᵢ`; 0 where all neighbours are equally far.
  let precisions: [Double]

  /// Weighs neighbours.
  ///
  /// - Parameter perplexity: from 1 to the number of neighbours.
  init(_ neighbors: NearestNeighbors, perplexity: Double) throws(ConceptError) {
    let n = neighbors.count
    let parts = try parallelMap(PointChunks.count(n)) { chunk in
      PointChunks.range(chunk, of: n).map { Row(neighbors.distances(of: $0), perplexity: perplexity) }
    }
    let rows = parts.flatMap { $0 }
    precisions = rows.map(\.precision)
    let joined = DirectedWeights(neighbors, rows.flatMap(\.probabilities)).joined {
      max(($0 + $1) / Double(2 * n), 1e-12)
    }
    let total = joined.values.reduce(0, +)
    matrix = SparseSymmetricMatrix(
      count: n, rowStarts: joined.rowStarts, columns: joined.columns, values: joined.values.map { $0 / total }
    )
  }

  /// `Σ p log p`, what a divergence owes to the affinities alone.
  var negativeEntropy: Double { matrix.values.reduce(0) { $0 + $1 * log($1) } }

  /// The neighbours of one point.
  private struct Row: Sendable {
    var probabilities: [Double]
    var precision: Double

    /// Finds the precision by bisection; distances ascend.
    init(_ distances: ArraySlice<Double>, perplexity: Double) {
      let nearest = distances.first ?? 0
      // Only differences matter, and in units of their mean the search starts near its end.
      var squares = distances.map { $0 * $0 - nearest * nearest }
      let mean = squares.reduce(0, +) / Double(squares.count)
      probabilities = Array(repeating: 1 / Double(squares.count), count: squares.count)
      precision = 0
      guard mean > 0 else { return }
      for j in squares.indices { squares[j] /= mean }
      var (beta, lower, upper) = (1.0, 0.0, Double.infinity)
      // Far points may be so much farther that the mean says nothing of the near ones; float32 leaves room for 2⁵⁵⁴.
      for _ in 0..<700 {
        let excess = weigh(squares, beta) - log(perplexity)
        precision = beta / mean
        // More points are nearest than the perplexity asks for: nothing else has a weight.
        let isLeast = excess > 0 && zip(squares, probabilities).allSatisfy { $0 == 0 || $1 == 0 }
        if abs(excess) <= 1e-5 || isLeast { break }
        if excess > 0 { lower = beta } else { upper = beta }
        beta = upper.isInfinite ? 2 * beta : (lower + upper) / 2
      }
      let total = probabilities.reduce(0, +)
      for j in probabilities.indices { probabilities[j] /= total }
    }

    /// Sets probabilities up to their sum, and returns their entropy.
    private mutating func weigh(_ squares: [Double], _ beta: Double) -> Double {
      var (total, along) = (0.0, 0.0)
      for j in squares.indices {
        let weight = exp(-beta * squares[j])
        probabilities[j] = weight
        total += weight
        along += weight * squares[j]
      }
      return log(total) + beta * along / total
    }
  }
}
