public import NoemaTensor

/// The centres of clusters as concepts: each row is one of them.
public struct ClusterDictionary: ConceptDictionary, Hashable {
  /// The clustering.
  public let model: KMeansModel
  /// The mean of the rows that were clustered.
  public let mean: [Double]

  public var atoms: Matrix { model.centres }
  public var isSigned: Bool { false }

  /// From the mean of all rows to each centre; what all rows share says nothing about a concept.
  public var directions: Matrix {
    var directions = atoms
    directions.subtractFromRows(mean)
    return directions
  }

  public func encode(_ rows: PointSet) throws(ConceptError) -> Matrix {
    try check(rows)
    var coefficients = Matrix(rowCount: rows.count, columnCount: conceptCount)
    for (row, cluster) in try model.assign(rows).enumerated() { coefficients[row, cluster] = 1 }
    return coefficients
  }

  public func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix {
    try check(coefficients)
    return coefficients.times(atoms)
  }
}

extension KMeans: DictionaryLearner {
  public var conceptCount: Int { clusterCount }

  public func learn(_ rows: PointSet) throws(ConceptError) -> ClusterDictionary {
    try check(rows)
    return ClusterDictionary(model: try fit(rows), mean: rows.matrix.columnMeans)
  }

  public func seeded(_ seed: UInt64) -> KMeans {
    var copy = self
    copy.seed = seed
    return copy
  }
}
