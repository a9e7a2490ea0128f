public import NoemaTensor

/// The directions along which activations vary most, from their mean.
public struct PrincipalDictionary: ConceptDictionary, Hashable {
  /// Orthonormal directions, `concepts × features`, from the one of the most variance down.
  public let atoms: Matrix
  /// The mean of the rows that were learned from.
  public let mean: [Double]
  /// The share of the variance along each direction.
  public let explainedRatio: [Double]

  public var isSigned: Bool { true }

  public func encode(_ rows: PointSet) throws(ConceptError) -> Matrix {
    try check(rows)
    var centred = rows.matrix
    centred.subtractFromRows(mean)
    return centred.timesTransposed(atoms)
  }

  public func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix {
    try check(coefficients)
    var rows = coefficients.times(atoms)
    rows.subtractFromRows(mean.map { -$0 })
    return rows
  }
}

/// Learns principal components.
public struct PrincipalAxes: DictionaryLearner, Hashable, Codable {
  public var conceptCount: Int
  /// The seed where the decomposition is randomised, beyond 4096 rows and features.
  public var seed: UInt64 = 0

  /// Makes a learner; fewer components are found when the rows have a lower rank.
  public init(_ conceptCount: Int) { self.conceptCount = conceptCount }

  /// Learns directions.
  ///
  /// - Throws: `ConceptError.tooFew` for fewer than 2 rows or fewer than concepts, `.parameters` when rows do not vary.
  public func learn(_ rows: PointSet) throws(ConceptError) -> PrincipalDictionary {
    try check(rows)
    let isLarge = min(rows.count, rows.dimension) > 4096
    let found = try PrincipalComponents.of(
      rows, count: conceptCount, centre: true,
      route: isLarge ? .randomised(rank: max(256, conceptCount), seed: seed) : .exact)
    guard found.components.shape[0] > 0 else {
      throw ConceptError(.parameters("all rows are the same, so there is no direction along which they vary"))
    }
    return PrincipalDictionary(
      atoms: try solving("principal components") { () throws(TensorError) in try Matrix(found.components) },
      mean: found.mean, explainedRatio: Array(found.spectrum.explainedRatio.prefix(found.components.shape[0]))
    )
  }

  public func seeded(_ seed: UInt64) -> PrincipalAxes {
    var copy = self
    copy.seed = seed
    return copy
  }
}

extension PrincipalComponents {
  /// The components of points in memory, which fail in no other way than a study does.
  static func of(
    _ rows: PointSet, count: Int, centre: Bool, route: Route
  ) throws(ConceptError) -> PrincipalComponents {
    do {
      return try PrincipalComponents(rows, count: count, centre: centre, route: route)
    } catch let error as ConceptError {
      throw error
    } catch {
      throw ConceptError(.algebra("principal components: \(error)"))
    }
  }
}
