public import NoemaTensor

/// The mean and the scatter of features, gathered from blocks of examples in one pass.
///
/// The result does not depend on how examples were cut into blocks beyond rounding, and two halves can be
/// gathered apart and merged.
///
/// - Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
///   variances", 1979.
public struct StreamedCovariance: Sendable {
  /// The number of examples seen.
  public private(set) var count = 0
  /// The mean of each feature.
  public private(set) var mean: [Double]
  /// `Σ (x − μ)(x − μ)ᵀ`, features × features: the covariance times the count.
  public private(set) var scatter: Matrix

  /// Makes an empty one.
  public init(featureCount: Int) {
    mean = Array(repeating: 0, count: featureCount)
    scatter = Matrix(rowCount: featureCount, columnCount: featureCount)
  }

  /// Gathers all examples of a matrix.
  ///
  /// - Parameter blockSize: examples a block; nil for what fits 64 MB.
  /// - Throws: `ConceptError.notFinite` with row and column, and what reading a block throws.
  public init(_ features: some FeatureMatrix, blockSize: Int? = nil) throws {
    self.init(featureCount: features.columnCount)
    let memory = blockSize.map { $0 * 12 * max(1, features.columnCount) } ?? 64 << 20
    try features.forEachRowBlock(memory: memory) { _, block in self.add(block) }
  }

  /// Adds a block of examples, `examples × features`.
  ///
  /// - Precondition: the features agree in number.
  public mutating func add(_ block: Matrix) {
    guard block.rowCount > 0 else { return }
    var centred = block
    let blockMean = block.columnMeans
    centred.subtractFromRows(blockMean)
    merge(count: block.rowCount, mean: blockMean, scatter: centred.transposedTimes(centred))
  }

  /// Adds what was gathered elsewhere.
  ///
  /// - Precondition: the features agree in number.
  public mutating func merge(_ other: StreamedCovariance) {
    merge(count: other.count, mean: other.mean, scatter: other.scatter)
  }

  private mutating func merge(count added: Int, mean addedMean: [Double], scatter addedScatter: Matrix) {
    precondition(addedMean.count == mean.count, "the features agree in number")
    guard added > 0 else { return }
    let total = Double(count + added)
    let shift = zip(addedMean, mean).map { $0 - $1 }
    let weight = Double(count) * Double(added) / total
    scatter.add(addedScatter)
    let width = mean.count
    scatter.elements.withUnsafeMutableBufferPointer { sum in
      for i in 0..<width {
        let factor = weight * shift[i]
        for j in 0..<width { sum[i * width + j] += factor * shift[j] }
      }
    }
    for i in 0..<width { mean[i] += shift[i] * Double(added) / total }
    count += added
  }

  /// `Σ x xᵀ`, about the origin rather than the mean.
  public var secondMoment: Matrix {
    var result = scatter
    for i in mean.indices {
      for j in mean.indices { result[i, j] += Double(count) * mean[i] * mean[j] }
    }
    return result
  }
}
