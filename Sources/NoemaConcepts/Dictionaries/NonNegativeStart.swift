internal import NoemaTensor

/// Where non-negative factors begin.
///
/// - Source: Boutsidis and Gallopoulos, "SVD based initialization: A head start for nonnegative matrix factorization",
///   Pattern Recognition 2008.
struct NonNegativeStart {
  private let settings: NonNegativeFactorisation
  private var count: Int { settings.conceptCount }

  init(_ settings: NonNegativeFactorisation) { self.settings = settings }

  /// Rows and features beyond which singular vectors are found by random projections.
  private static let exactLimit = 512

  func factors(_ rows: PointSet) throws(ConceptError) -> NonNegativeFactors {
    let mean = rows.values.reduce(0.0) { $0 + Double($1) } / Double(rows.values.count)
    var factors = random(rows, mean)
    if settings.start != .random { try fill(&factors, rows) }
    if settings.start == .singularVectorsFilled {
      for i in factors.coefficients.elements.indices where factors.coefficients.elements[i] == 0 {
        factors.coefficients.elements[i] = mean
      }
      for i in factors.concepts.elements.indices where factors.concepts.elements[i] == 0 {
        factors.concepts.elements[i] = mean
      }
    }
    return factors
  }

  /// Absolute normal numbers whose products are about as large as the activations.
  private func random(_ rows: PointSet, _ mean: Double) -> NonNegativeFactors {
    var numbers = RandomNumbers(seed: settings.seed)
    let scale = (mean / Double(count)).squareRoot()
    func draw(_ height: Int) -> Matrix {
      Matrix(
        rowCount: height, columnCount: count,
        elements: (0..<height * count).map { _ in scale * abs(numbers.normal()) })
    }
    return NonNegativeFactors(coefficients: draw(rows.count), concepts: draw(rows.dimension))
  }

  /// Of each pair of singular vectors the positive or the negative parts, whichever weigh more. Where rows have a lower
  /// rank than there are concepts, the last of them stay random.
  private func fill(_ factors: inout NonNegativeFactors, _ rows: PointSet) throws(ConceptError) {
    let isLarge = min(rows.count, rows.dimension) > Self.exactLimit
    let found = try PrincipalComponents.of(
      rows, count: count, centre: false,
      route: isLarge ? .randomised(rank: count, seed: settings.seed) : .exact)
    let right = try solving("start of the factors") { () throws(TensorError) in try Matrix(found.components) }
    for k in 0..<right.rowCount {
      let value = found.spectrum.singularValues[k]
      let (x, y) = ((0..<rows.count).map { found.scores[$0, k] / value }, Array(right.row(k)))
      let sides = [1.0, -1.0].map { sign in
        (x: x.map { max(0, sign * $0) }, y: y.map { max(0, sign * $0) })
      }
      func norm(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
      let weights = sides.map { norm($0.x) * norm($0.y) }
      let side = weights[0] >= weights[1] ? 0 : 1
      guard weights[side] > 0 else { continue }
      let scale = (value * weights[side]).squareRoot()
      // What is smaller than the rounding of the vectors counts as zero.
      let (xScale, yScale) = (scale / norm(sides[side].x), scale / norm(sides[side].y))
      let (left, right) = sides[side]
      for i in left.indices { factors.coefficients[i, k] = left[i] > 1e-6 ? xScale * left[i] : 0 }
      for j in right.indices { factors.concepts[j, k] = right[j] > 1e-6 ? yScale * right[j] : 0 }
    }
  }
}
