public import NoemaTensor

/// Concepts as directions in the activations of a layer: a row of activations is about a mixture of them.
///
/// k-means, principal components and non-negative factors all minimise `‖A − U W‖²` for rows `A` of activations; they
/// differ in what the coefficients `U` may be: one concept a row, any numbers, or numbers of 0 or more.
///
/// - Source: Fel et al., "A Holistic Approach to Unifying Automatic Concept Extraction and Concept Importance
///   Estimation", NeurIPS 2023.
public protocol ConceptDictionary: Sendable {
  /// The concepts, `concepts × features`.
  var atoms: Matrix { get }
  /// What a move towards each concept adds to activations, `concepts × features`: what dictionaries are compared by.
  var directions: Matrix { get }
  /// Whether a concept and its opposite are the same.
  var isSigned: Bool { get }

  /// The coefficients of activations, `rows × concepts`.
  ///
  /// - Throws: `ConceptError.mismatch` when the rows have another number of features; `.notFinite`, `.parameters` for
  ///   rows that the dictionary cannot hold.
  func encode(_ rows: PointSet) throws(ConceptError) -> Matrix

  /// The activations of coefficients, `rows × features`.
  ///
  /// - Throws: `ConceptError.mismatch` when there is not one coefficient for each concept.
  func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix
}

/// What learns a dictionary of activations.
public protocol DictionaryLearner: Sendable {
  /// What is learned.
  associatedtype Learned: ConceptDictionary

  /// The number of concepts.
  var conceptCount: Int { get }

  /// Learns from activations.
  ///
  /// - Parameter rows: of patches, or of the positions of whole inputs, one a row.
  /// - Throws: `ConceptError.tooFew` for fewer rows than concepts, `.parameters` for settings out of range.
  func learn(_ rows: PointSet) throws(ConceptError) -> Learned

  /// The same with another seed.
  func seeded(_ seed: UInt64) -> Self
}

/// How well a dictionary holds activations.
public struct DictionaryFit: Sendable, Hashable, Codable {
  /// `‖A − U W‖ / ‖A‖`, Frobenius norms; 0 for rows of zeros that are held exactly.
  public let relativeError: Double
  /// The share of the rows' variance about their mean that is held; NaN when they do not vary.
  public let explainedVariance: Double
  /// The share of coefficients that are zero.
  public let sparsity: Double
}

extension ConceptDictionary {
  /// The number of concepts.
  public var conceptCount: Int { atoms.rowCount }
  /// The number of features.
  public var featureCount: Int { atoms.columnCount }
  public var directions: Matrix { atoms }

  /// How well the dictionary holds activations.
  ///
  /// - Throws: as encoding does.
  public func fit(of rows: PointSet) throws(ConceptError) -> DictionaryFit {
    var (error, total, variance, zeros) = (0.0, 0.0, 0.0, 0)
    var means = [Double](repeating: 0, count: rows.dimension)
    for (i, value) in rows.values.enumerated() { means[i % rows.dimension] += Double(value) }
    for j in means.indices { means[j] /= Double(rows.count) }
    for start in stride(from: 0, to: rows.count, by: 1024) {
      let block = try rows.selecting(Array(start..<min(start + 1024, rows.count)))
      let coefficients = try encode(block)
      let found = try decode(coefficients)
      zeros += coefficients.elements.count { $0 == 0 }
      for (i, value) in block.values.enumerated() {
        let value = Double(value), mean = means[i % rows.dimension]
        error += (value - found.elements[i]) * (value - found.elements[i])
        total += value * value
        variance += (value - mean) * (value - mean)
      }
    }
    return DictionaryFit(
      relativeError: error > 0 ? (error / total).squareRoot() : 0,
      explainedVariance: variance > 1e-12 * total ? 1 - error / variance : .nan,
      sparsity: Double(zeros) / Double(max(1, rows.count * conceptCount)))
  }

  /// Refuses rows of another number of features.
  func check(_ rows: PointSet) throws(ConceptError) {
    guard rows.dimension == featureCount else {
      throw ConceptError(
        .mismatch(
          "rows of \(rows.dimension) features do not fit a dictionary of \(featureCount); give activations "
            + "of the layer that it was learned from"))
    }
  }

  /// Refuses coefficients of another number of concepts.
  func check(_ coefficients: Matrix) throws(ConceptError) {
    guard coefficients.columnCount == conceptCount else {
      throw ConceptError(
        .mismatch("found \(coefficients.columnCount) coefficients a row for \(conceptCount) concepts"))
    }
  }
}

extension DictionaryLearner {
  /// Refuses counts that the rows cannot have.
  func check(_ rows: PointSet) throws(ConceptError) {
    guard conceptCount >= 1 else {
      throw ConceptError(.parameters("a dictionary has 1 or more concepts, found \(conceptCount)"))
    }
    guard rows.count >= conceptCount else {
      throw ConceptError(.tooFew(set: "the set of rows", found: rows.count, needed: conceptCount))
    }
  }
}
