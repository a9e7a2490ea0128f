internal import NoemaTensor

/// Canonical correlations of two layers from their orthonormal directions: the singular values of `U₁ᵀ U₂`.
///
/// - Sources: Raghu et al., NeurIPS 2017 (SVCCA); Morcos, Raghu and Bengio, NeurIPS 2018 (PWCCA).
struct CanonicalCorrelation {
  /// The correlations in descending order, in [0, 1].
  let correlations: [Double]
  /// The canonical variates of the first layer, examples × correlations.
  private let variates: Matrix

  /// Correlates two layers.
  ///
  /// - Throws: `ConceptError.algebra`.
  init(_ first: Representation.Directions, _ second: Representation.Directions) throws(ConceptError) {
    let product = first.left.transposedTimes(second.left)
    let svd = try solving("canonical correlations") { () throws(TensorError) in try SingularValues(product) }
    correlations = svd.values.map { min(max($0, 0), 1) }
    variates = first.left.times(svd.left)
  }

  /// The mean correlation.
  var mean: Double { Statistics.mean(correlations) }

  /// The mean weighted by how much of the first layer's features lies along each of its variates.
  func projectionWeighted(_ features: some FeatureMatrix) throws -> Double {
    var weights = [Double](repeating: 0, count: correlations.count)
    // Variates are orthogonal to the constant; the mean of a block only costs digits.
    try features.forEachColumnBlock { _, block in
      var block = block
      block.subtractColumnMeans()
      let products = variates.transposedTimes(block)
      for i in weights.indices { weights[i] = products.row(i).reduce(weights[i]) { $0 + abs($1) } }
    }
    let total = weights.reduce(0, +)
    return zip(weights, correlations).reduce(0) { $0 + $1.0 * $1.1 } / total
  }
}

/// The orthogonal Procrustes similarity `‖XᵀY‖_* / (‖X‖ ‖Y‖)`: one minus half the squared distance that is left
/// after the best rotation of two layers of norm one.
///
/// - Source: Schönemann, Psychometrika 1966; Ding, Denain and Steinhardt, NeurIPS 2021, for its use on networks.
enum Procrustes {
  static func similarity(
    _ first: Representation.Directions, _ second: Representation.Directions
  ) throws(ConceptError) -> Double {
    var (a, b) = (first.left, second.left)
    a.scaleColumns(first.values)
    b.scaleColumns(second.values)
    let product = a.transposedTimes(b)
    let svd = try solving("Procrustes similarity") { () throws(TensorError) in try SingularValues(product) }
    let norms = [first.values, second.values].map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    return min(svd.values.reduce(0, +) / (norms[0] * norms[1]), 1)
  }
}
