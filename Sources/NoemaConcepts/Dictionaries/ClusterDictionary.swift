public import NoemaTensor

/// The centres of clusters as concepts: each row is one of them.
public struct ClusterDictionary: ConceptDictionary, Hashable {
  /// The clustering.
  public let model: KMeansModel
  /// The mean of the rows that were clustered.
  public let mean: [Double]

  /// The centres, `[concepts, features]`.
  public var atoms: Matrix { model.centres }
  /// Never: a row belongs to a concept or does not.
  public var isSigned: Bool { false }

  /// From the mean of all rows to each centre; what all rows share says nothing about a concept.
  public var directions: Matrix {
    var directions = atoms
    directions.subtractFromRows(mean)
    return directions
  }

  /// Which concept each row is: 1 at its nearest centre and 0 elsewhere, `[rows, concepts]`.
  ///
  /// - Throws: `ConceptError.mismatch` for rows of another length, and as ``KMeansModel/assign(_:)``.
  public func encode(_ rows: PointSet) throws(ConceptError) -> Matrix {
    try check(rows)
    var coefficients = Matrix(rowCount: rows.count, columnCount: conceptCount)
    for (row, cluster) in try model.assign(rows).enumerated() { coefficients[row, cluster] = 1 }
    return coefficients
  }

  /// Which centres rows of several concepts at once are sums of: the coefficients of 0 or more that leave the least of
  /// each row, `[rows, concepts]`.
  ///
  /// - Throws: `ConceptError.mismatch` for rows of another length.
  func mixture(_ rows: PointSet) throws(ConceptError) -> Matrix {
    try check(rows)
    return try NonNegativeLeastSquares.coefficients(of: rows, atoms, penalty: 0)
  }

  /// The sum of the centres by their coefficients, `[rows, features]`.
  ///
  /// - Throws: `ConceptError.mismatch` for another number of concepts.
  public func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix {
    try check(coefficients)
    return coefficients.times(atoms)
  }
}

extension KMeans: DictionaryLearner {
  /// One concept for each cluster.
  public var conceptCount: Int { clusterCount }

  /// Clusters rows and takes the centres.
  ///
  /// - Throws: `ConceptError.tooFew` for fewer rows than concepts, and as ``KMeans/fit(_:)``.
  public func learn(_ rows: PointSet) throws(ConceptError) -> ClusterDictionary {
    try check(rows)
    return ClusterDictionary(model: try fit(rows), mean: rows.matrix.columnMeans)
  }

  /// The same with another seed.
  public func seeded(_ seed: UInt64) -> KMeans {
    var copy = self
    copy.seed = seed
    return copy
  }
}
