internal import Foundation

/// The neighbour graph of UMAP: how certainly two points are neighbours, measured by each with a ruler of its own.
///
/// The weight that i gives to its neighbour j is `exp(−max(0, dᵢⱼ − ρᵢ) / σᵢ)` with ρᵢ its least distance above zero
/// and σᵢ such that its weights sum to `log₂ k`, where k counts the point itself; σᵢ is no less than a thousandth of
/// the mean distance, so the sum is larger where many neighbours are equally near. Of both weights of a pair follows
/// `a + b − a b`.
///
/// - Source: McInnes, Healy and Melville, "UMAP", 2018, section 3.1.
struct FuzzyGraph: Sendable {
  /// The weights of pairs, in [0, 1].
  let weights: SparseSymmetricMatrix
  /// The weights that points give their neighbours, in the order of these.
  let memberships: [Double]

  /// Weighs neighbours.
  init(_ neighbors: NearestNeighbors) throws(ConceptError) {
    let (n, k) = (neighbors.count, neighbors.k)
    // The mean over all k + 1 columns of the field's table, the first of which is the point itself.
    let overall = neighbors.distances.reduce(0, +) / Double(n * (k + 1))
    let parts = try parallelMap(PointChunks.count(n)) { chunk in
      PointChunks.range(chunk, of: n).map {
        Self.weights(neighbors.distances(of: $0), overallMean: overall)
      }
    }
    memberships = Array(parts.joined().joined())
    // Rounding may pass 1 by a hair.
    weights = DirectedWeights(neighbors, memberships).joined { min($0 + $1 - $0 * $1, 1) }
  }

  /// The weights that one point gives its neighbours.
  private static func weights(_ distances: ArraySlice<Double>, overallMean: Double) -> [Double] {
    let count = Double(distances.count + 1)
    let mean = distances.reduce(0, +) / count
    let nearest = distances.first { $0 > 0 } ?? 0
    let excess = distances.map { max(0, $0 - nearest) }
    func weights(_ scale: Double) -> [Double] {
      excess.map { $0 == 0 ? 1 : exp(-$0 / scale) }
    }
    // The search starts at the mean, so that the unit of distances does not matter.
    var (scale, lower, upper) = (mean > 0 ? mean : 1, 0.0, Double.infinity)
    for _ in 0..<64 {
      let surplus = weights(scale).reduce(0, +) - log2(count)
      if abs(surplus) < 1e-5 { break }
      if surplus > 0 { upper = scale } else { lower = scale }
      scale = upper.isInfinite ? 2 * scale : (lower + upper) / 2
    }
    return weights(max(scale, 1e-3 * (nearest > 0 ? mean : overallMean)))
  }
}
