public import NoemaTensor

/// How many components of a layer stand out from features that have nothing to do with each other.
///
/// Each column is shuffled on its own, which keeps every feature's values and breaks what features share; a
/// component counts while its singular value exceeds a high percentile of the shuffled ones of its rank.
///
/// - Source: Horn, Psychometrika 1965; Buja and Eyuboglu 1992 for permutations.
public struct ParallelAnalysis: Sendable, Codable, Hashable {
  /// The number of leading components above their threshold.
  public let significantCount: Int
  /// The singular values of the data in descending order.
  public let singularValues: [Double]
  /// The percentile of the shuffled singular values, by rank.
  public let thresholds: [Double]
  /// How often the columns were shuffled.
  public let permutations: Int

  /// Analyses a layer that fits in memory.
  ///
  /// - Parameters:
  ///   - features: at most 2²⁴ values.
  ///   - permutations: how often the columns are shuffled.
  ///   - percentile: in (0, 1).
  /// - Throws: `ConceptError.parameters` when too large or out of range, `.tooFew`, `.notFinite`, `.algebra`.
  public init(
    _ features: some FeatureMatrix, permutations: Int = 20, percentile: Double = 0.95, seed: UInt64 = 0
  ) throws {
    let (n, d) = (features.rowCount, features.columnCount)
    guard n >= 2 else { throw ConceptError(.tooFew(set: "the layer", found: n, needed: 2)) }
    guard Double(n) * Double(d) <= 0x1p24, permutations >= 1, percentile > 0, percentile < 1 else {
      throw ConceptError(
        .parameters(
          "parallel analysis takes at most 16777216 values, 1 permutation or more and a percentile inside (0, 1), "
            + "found \(n)×\(d), \(permutations) and \(percentile); pool the layer or take fewer examples"))
    }
    var matrix = try features.block(rows: 0..<n, columns: 0..<d)
    matrix.subtractColumnMeans()
    singularValues = try Self.singularValues(matrix)
    let random = RandomNumbers(seed: seed)
    var shuffled: [[Double]] = []
    for run in 0..<permutations {
      var generator = random.split(run)
      var copy = matrix
      for column in 0..<d {
        for row in stride(from: n - 1, to: 0, by: -1) {
          copy.elements.swapAt(row * d + column, generator.index(below: row + 1) * d + column)
        }
      }
      shuffled.append(try Self.singularValues(copy))
    }
    let thresholds = singularValues.indices.map { rank in
      Statistics.quantile(shuffled.map { $0[rank] }, percentile)
    }
    self.thresholds = thresholds
    significantCount = zip(singularValues, thresholds).prefix { $0.0 > $0.1 }.count
    self.permutations = permutations
  }

  private static func singularValues(_ matrix: Matrix) throws(ConceptError) -> [Double] {
    let small =
      matrix.rowCount <= matrix.columnCount ? matrix.timesTransposed(matrix) : matrix.transposedTimes(matrix)
    let eigen = try solving("parallel analysis") { () throws(TensorError) in try SymmetricEigen(small) }
    return eigen.values.map { max($0, 0).squareRoot() }
  }
}
