internal import NoemaTensor

/// Non-negative matrix factorisation `A ≈ U W`, `U` and `W` of 0 or more, the least
/// `‖A − U W‖² + λ (‖U‖² + ‖W‖²)`.
///
/// Coefficients and concepts take turns. A turn minimises over one concept's numbers after the other (hierarchical
/// alternating least squares), and goes round again as long as that is cheap against the product with `A` and
/// still moves much. The objective never rises.
///
/// - Sources: Cichocki and Phan, "Fast Local Algorithms for Large Scale Nonnegative Matrix and Tensor
///   Factorizations", 2009; Gillis and Glineur, "Accelerated Multiplicative Updates and Hierarchical ALS
///   Algorithms for Nonnegative Matrix Factorization", Neural Computation 2012, for going round again.
public struct NonNegativeFactorisation: DictionaryLearner, Hashable, Codable {
  /// How factors begin.
  public enum Start: String, Sendable, Codable, CaseIterable {
    /// From singular vectors (NNDSVD).
    case singularVectors
    /// From singular vectors, what is 0 of them replaced by the mean of all activations (NNDSVDa).
    case singularVectorsFilled
    /// Random numbers.
    case random
  }

  public var conceptCount: Int
  /// How factors begin.
  public var start = Start.singularVectorsFilled
  /// The most iterations, of one turn each.
  public var iterationLimit = 200
  /// Iterations end when the projected gradient is this share of the first one; 0 to take them all.
  public var tolerance = 1e-4
  /// The weight of the factors' squares, λ.
  public var penalty = 0.0
  /// The seed of random numbers; singular vectors need few of them.
  public var seed: UInt64 = 0

  /// Makes a learner.
  public init(_ conceptCount: Int) { self.conceptCount = conceptCount }

  /// Learns concepts.
  ///
  /// - Throws: `ConceptError.parameters` for negative activations, activations that are all 0, more concepts
  ///   than features and settings out of range; `.tooFew` for fewer rows than concepts.
  /// - Complexity: 4 n d k operations an iteration, in products.
  public func learn(_ rows: PointSet) throws(ConceptError) -> NonNegativeDictionary {
    try check(rows)
    try validate(rows)
    var factors = try NonNegativeStart(self).factors(rows)
    var (iterations, first) = (0, 0.0)
    while iterations < iterationLimit {
      let gradient = try factors.step(rows, penalty: penalty)
      if iterations == 0 { first = gradient }
      iterations += 1
      if gradient <= tolerance * first { break }
    }
    return NonNegativeDictionary(
      atoms: factors.concepts.transposed, coefficients: factors.coefficients, error: factors.error(rows),
      iterations: iterations, penalty: penalty)
  }

  public func seeded(_ seed: UInt64) -> NonNegativeFactorisation {
    var copy = self
    copy.seed = seed
    return copy
  }

  private func validate(_ rows: PointSet) throws(ConceptError) {
    guard iterationLimit >= 1, tolerance >= 0, penalty >= 0, penalty.isFinite else {
      throw ConceptError(
        .parameters(
          "non-negative factors need 1 or more iterations and a tolerance and a penalty of 0 or more, found "
            + "\(iterationLimit), \(tolerance) and \(penalty)"))
    }
    guard conceptCount <= rows.dimension else {
      throw ConceptError(
        .parameters(
          "\(conceptCount) concepts of \(rows.dimension) features; give no more concepts than features"))
    }
    if let bad = rows.values.firstIndex(where: { $0 < 0 }) {
      throw ConceptError(
        .parameters(
          "row \(bad / rows.dimension), feature \(bad % rows.dimension) is \(rows.values[bad]); "
            + "non-negative factors need activations of 0 or more: "
            + "choose a layer after a ReLU, or principal components"))
    }
    guard rows.values.contains(where: { $0 > 0 }) else {
      throw ConceptError(
        .parameters("all activations are 0, so there is nothing to learn; choose another layer"))
    }
  }
}

/// The two factors on their way.
struct NonNegativeFactors: Sendable {
  /// `U`, rows × concepts.
  var coefficients: Matrix
  /// `Wᵀ`, features × concepts.
  var concepts: Matrix

  /// Rows that one thread takes at once; a number of its own, so that sums do not depend on threads.
  private static let block = 256

  /// Moves first the coefficients, then the concepts.
  ///
  /// - Returns: the norm of the projected gradient that the two turns met.
  mutating func step(_ rows: PointSet, penalty: Double) throws(ConceptError) -> Double {
    let (n, d, k) = (rows.count, rows.dimension, concepts.columnCount)
    // Rounds beyond the first few pay where they are cheap against the product with A.
    let descent = NonNegativeDescent(count: k, penalty: penalty, rounds: 4 + min(n, d) / (16 * k))
    let gram = concepts.transposedTimes(concepts), old = coefficients
    let atoms = concepts.transposed.elements.map { Float($0) }
    let parts = try parallelMap((n + Self.block - 1) / Self.block) { block in
      let range = (block * Self.block)..<min((block + 1) * Self.block, n)
      return Part(rows, range, old, atoms, gram, descent)
    }
    coefficients.elements = Array(parts.map(\.coefficients).joined())
    var targets = Matrix(rowCount: d, columnCount: k)
    for part in parts { for i in part.products.indices { targets.elements[i] += Double(part.products[i]) } }

    let sums = targets, before = concepts, spread = coefficients.transposedTimes(coefficients)
    let turned = try parallelMap((d + Self.block - 1) / Self.block) { block in
      let range = (block * Self.block * k)..<(min((block + 1) * Self.block, d) * k)
      var numbers = Array(before.elements[range])
      let square = descent.descend(&numbers, towards: Array(sums.elements[range]), gram: spread)
      return (numbers: numbers, square: square)
    }
    concepts.elements = Array(turned.map(\.numbers).joined())
    return (parts.reduce(0) { $0 + $1.square } + turned.reduce(0) { $0 + $1.square }).squareRoot()
  }

  /// What one block of rows comes to.
  private struct Part: Sendable {
    /// `U` after its turn.
    var coefficients: [Double]
    /// `Aᵀ U`, features × concepts, multiplied in float32.
    var products: [Float]
    /// The square of the projected gradient before.
    var square: Double

    init(
      _ rows: PointSet, _ range: Range<Int>, _ old: Matrix, _ atoms: [Float], _ gram: Matrix,
      _ descent: NonNegativeDescent
    ) {
      let (n, d, k) = (range.count, rows.dimension, old.columnCount)
      var targets = [Float](repeating: 0, count: n * k)
      var products = [Float](repeating: 0, count: d * k)
      var coefficients = Array(old.elements[(range.lowerBound * k)..<(range.upperBound * k)])
      square = rows.values.withUnsafeBufferPointer { values in
        let block = UnsafeBufferPointer(rebasing: values[(range.lowerBound * d)..<(range.upperBound * d)])
        targets.withUnsafeMutableBufferPointer { targets in
          atoms.withUnsafeBufferPointer { atoms in
            SinglePrecision.product(block, n, atoms, k, width: d, chunk: 512, into: targets)
          }
        }
        let square = descent.descend(&coefficients, towards: targets.map { Double($0) }, gram: gram)
        products.withUnsafeMutableBufferPointer { products in
          coefficients.map { Float($0) }.withUnsafeBufferPointer { coefficients in
            SinglePrecision.transposedProduct(
              block, left: d, coefficients, right: k, count: n, into: products)
          }
        }
        return square
      }
      (self.coefficients, self.products) = (coefficients, products)
    }
  }

  /// `‖A − U W‖`, summed in float64.
  func error(_ rows: PointSet) -> Double {
    let d = rows.dimension
    var sum = 0.0
    for start in stride(from: 0, to: rows.count, by: 1024) {
      let range = start..<min(start + 1024, rows.count)
      let part = coefficients.selecting(rows: Array(range), columns: Array(0..<coefficients.columnCount))
      let found = part.timesTransposed(concepts)
      for i in found.elements.indices {
        let gap = Double(rows.values[range.lowerBound * d + i]) - found.elements[i]
        sum += gap * gap
      }
    }
    return sum.squareRoot()
  }
}

/// Minimises `½ uᵀ (G + λI) u − pᵀ u` over u of 0 or more, one number after the other, round and round.
struct NonNegativeDescent: Sendable {
  /// The numbers of a row.
  let count: Int
  /// λ.
  let penalty: Double
  /// The most rounds.
  let rounds: Int

  /// Moves some rows.
  ///
  /// - Parameters:
  ///   - numbers: the rows u, one after the other.
  ///   - targets: a p for each.
  ///   - gram: G.
  /// - Returns: the sum of the squares of the projected gradient before.
  func descend(_ numbers: inout [Double], towards targets: [Double], gram: Matrix) -> Double {
    var (slopes, square) = ([Double](repeating: 0, count: count), 0.0)
    numbers.withUnsafeMutableBufferPointer { numbers in
      targets.withUnsafeBufferPointer { targets in
        gram.elements.withUnsafeBufferPointer { gram in
          slopes.withUnsafeMutableBufferPointer { slopes in
            for start in stride(from: 0, to: numbers.count, by: count) {
              square += descend(
                numbers.baseAddress! + start, targets.baseAddress! + start, gram.baseAddress!,
                slopes.baseAddress!)
            }
          }
        }
      }
    }
    return square
  }

  private func descend(
    _ numbers: UnsafeMutablePointer<Double>, _ target: UnsafePointer<Double>, _ gram: UnsafePointer<Double>,
    _ slopes: UnsafeMutablePointer<Double>
  ) -> Double {
    // The gradient is kept up to date, so that a number that stays costs nothing.
    for i in 0..<count { slopes[i] = -target[i] }
    for j in 0..<count where numbers[j] != 0 {
      let number = numbers[j]
      for i in 0..<count { slopes[i] += number * gram[j * count + i] }
    }
    var square = 0.0
    for i in 0..<count {
      let slope = slopes[i] + penalty * numbers[i]
      if numbers[i] > 0 || slope < 0 { square += slope * slope }
    }
    var first = 0.0
    for round in 0..<rounds {
      var moved = 0.0
      for i in 0..<count {
        let curvature = gram[i * count + i] + penalty
        guard curvature > 0 else { continue }
        let next = max(0, numbers[i] - (slopes[i] + penalty * numbers[i]) / curvature)
        let step = next - numbers[i]
        guard step != 0 else { continue }
        numbers[i] = next
        moved += step * step
        for j in 0..<count { slopes[j] += step * gram[i * count + j] }
      }
      if round == 0 { first = moved }
      // A tenth of the first round's way.
      if moved <= 0.01 * first { break }
    }
    return square
  }
}
