public import NoemaTensor

/// One layer's answer to a list of examples, made ready to be compared with others.
///
/// Everything comparisons need of a layer lives among its examples: the inner products of the centred rows, and
/// their eigenvectors. The features are read again only for projection weights.
public struct Representation: Sendable {
  /// The layer, for results and errors.
  public let name: String
  /// What tells one list of examples from another, such as a hash of their identifiers; nil when unknown.
  public let exampleKey: String?
  /// The number of features.
  public let featureCount: Int
  /// Inner products of the centred rows, examples × examples.
  let gram: Matrix
  let features: any FeatureMatrix

  /// The number of examples.
  public var exampleCount: Int { gram.rowCount }
  /// Whether the layer is the same for all examples, up to rounding.
  public let isConstant: Bool

  /// Reads a layer.
  ///
  /// - Parameters:
  ///   - name: the layer.
  ///   - features: examples × features, streamed; rows in the same order for all layers to be compared.
  ///   - exampleKey: two layers are only compared if their keys agree or one is nil.
  ///   - maximumExamples: the memory of a layer is eight bytes times its square.
  /// - Throws: `ConceptError.tooFew` without two examples, `.parameters` above the maximum, `.notFinite`, and what
  ///   reading a block throws.
  public init(
    _ name: String, _ features: any FeatureMatrix, exampleKey: String? = nil, maximumExamples: Int = 8192
  ) throws {
    let n = features.rowCount
    guard n >= 2 else { throw ConceptError(.tooFew(set: "the layer", found: n, needed: 2), at: name) }
    guard n <= maximumExamples else {
      throw ConceptError(
        .parameters("\(n) examples are more than \(maximumExamples); compare a sample of them (FeatureRows)"),
        at: name)
    }
    guard features.columnCount >= 1 else {
      throw ConceptError(.parameters("the layer has no features"), at: name)
    }
    self.name = name
    self.features = features
    self.exampleKey = exampleKey
    featureCount = features.columnCount
    do {
      gram = try features.gram()
      // Centring a constant leaves about the rounding of its values.
      let example = try features.block(rows: 0..<1, columns: 0..<features.columnCount)
      isConstant = gram.trace <= 1e-12 * Double(n) * example.dot(example)
    } catch let error as ConceptError { throw ConceptError(error.kind, at: name) }
  }

  /// Eigenvectors of the Gram matrix and square roots of its eigenvalues: `U` and `S` of the centred rows.
  struct Directions {
    /// Orthonormal columns, each orthogonal to the constant.
    var left: Matrix
    /// Singular values in descending order, without those that are rounding.
    var values: [Double]

    /// The fewest leading directions that hold a share of the variance.
    func truncated(toVariance share: Double) -> Directions {
      guard share < 1 else { return self }
      let total = values.reduce(0) { $0 + $1 * $1 }
      var (sum, count) = (0.0, 0)
      while count < values.count, sum < share * total * (1 - 1e-12) {
        sum += values[count] * values[count]
        count += 1
      }
      return Directions(left: left.firstColumns(count), values: Array(values.prefix(count)))
    }
  }

  /// Decomposes the layer.
  ///
  /// - Throws: `ConceptError.algebra`.
  func directions() throws -> Directions {
    if featureCount < exampleCount, Double(exampleCount) * Double(featureCount) <= 0x1p26 {
      // The thin decomposition keeps the digits that a Gram matrix squares away.
      var rows = try features.block(rows: 0..<exampleCount, columns: 0..<featureCount)
      rows.subtractColumnMeans()
      let centred = rows
      let svd = try solving(name) { () throws(TensorError) in try SingularValues(centred) }
      let kept = svd.values.prefix { $0 > 1e-7 * (svd.values.first ?? 0) }.count
      return Directions(left: svd.left.firstColumns(kept), values: Array(svd.values.prefix(kept)))
    }
    let gram = gram
    let eigen = try solving(name) { () throws(TensorError) in try SymmetricEigen(gram) }
    let kept = eigen.values.prefix(min(exampleCount - 1, featureCount))
      .prefix { $0 > 1e-7 * (eigen.values.first ?? 0) }
    return Directions(left: eigen.vectors.firstColumns(kept.count), values: kept.map { $0.squareRoot() })
  }
}
