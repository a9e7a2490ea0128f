public import NoemaTensor

/// Concepts of which activations are sums: coefficients and concepts are 0 or more.
///
/// - Sources: Zhang et al., "Invertible Concept-based Explanations for CNN Models with Non-negative Concept Activation
///   Vectors", AAAI 2021; Fel et al., "CRAFT", CVPR 2023.
public struct NonNegativeDictionary: ConceptDictionary, Hashable {
  /// The concepts, `concepts × features`, 0 or more.
  public let atoms: Matrix
  /// The coefficients of the rows that were learned from, `rows × concepts`.
  public let coefficients: Matrix
  /// `‖A − U W‖`, the Frobenius norm of what is left of those rows.
  public let error: Double
  /// The iterations that it took.
  public let iterations: Int
  /// The weight of `‖U‖²` and of `‖W‖²`, λ.
  public let penalty: Double

  public var isSigned: Bool { false }

  /// The coefficients of 0 or more that leave the least `‖a − u W‖² + λ ‖u‖²` of each row, exactly.
  ///
  /// - Throws: `ConceptError.mismatch` when the rows have another number of features.
  public func encode(_ rows: PointSet) throws(ConceptError) -> Matrix {
    try check(rows)
    return try NonNegativeLeastSquares.coefficients(of: rows, atoms, penalty: penalty)
  }

  public func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix {
    try check(coefficients)
    return coefficients.times(atoms)
  }
}
