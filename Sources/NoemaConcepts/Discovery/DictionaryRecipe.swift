public import NoemaTensor

/// How concepts are found among the activations of patches.
public enum DictionaryKind: String, Sendable, Hashable, Codable, CaseIterable {
  /// Clusters by k-means, as ACE does: a patch is one concept.
  case kMeans = "kmeans"
  /// Non-negative factors, as CRAFT and ICE do: a patch is a sum of concepts.
  case nonNegative = "nmf"
  /// Principal components: directions of the most variance.
  case principal = "pca"
}

/// Learns a dictionary of a kind that is chosen when a study runs.
public struct DictionaryRecipe: DictionaryLearner, Hashable, Codable {
  /// The kind.
  public var kind: DictionaryKind
  public var conceptCount: Int
  /// How often k-means starts anew.
  public var restarts = 10
  /// The seed.
  public var seed: UInt64

  /// Makes a learner.
  public init(_ kind: DictionaryKind, conceptCount: Int, seed: UInt64 = 0) {
    (self.kind, self.conceptCount, self.seed) = (kind, conceptCount, seed)
  }

  /// Learns from rows that may repeat each other: there are no more clusters than rows that differ, and no more factors
  /// or components than rows and features.
  ///
  /// - Throws: `ConceptError.degenerate` when all rows are the same, and as the kind's own learner does.
  public func learn(_ rows: PointSet) throws(ConceptError) -> LearnedDictionary {
    let most = min(conceptCount, rows.dimension, rows.count)
    let distinct = rows.distinctCount(upTo: max(2, conceptCount))
    guard distinct > 1 else {
      throw ConceptError(
        .degenerate(
          "all \(rows.count) patches have the same activations, so there is nothing to tell concepts apart by; choose "
            + "another layer, or other segments"))
    }
    switch kind {
    case .kMeans:
      return .clusters(
        try KMeans(min(conceptCount, distinct), restarts: restarts, seed: seed).learn(rows))
    case .nonNegative:
      var factors = NonNegativeFactorisation(most)
      factors.seed = seed
      return .factors(try factors.learn(rows))
    case .principal:
      var axes = PrincipalAxes(most)
      axes.seed = seed
      return .axes(try axes.learn(rows).facingItsExtremes(rows))
    }
  }

  public func seeded(_ seed: UInt64) -> DictionaryRecipe {
    var copy = self
    copy.seed = seed
    return copy
  }
}

/// A dictionary of any of the kinds.
public enum LearnedDictionary: ConceptDictionary, Hashable {
  /// Centres of clusters.
  case clusters(ClusterDictionary)
  /// Non-negative factors.
  case factors(NonNegativeDictionary)
  /// Principal components, each turned towards the side on which patches lie farther out.
  case axes(PrincipalDictionary)

  private var dictionary: any ConceptDictionary {
    switch self {
    case .clusters(let dictionary): dictionary
    case .factors(let dictionary): dictionary
    case .axes(let dictionary): dictionary
    }
  }

  public var atoms: Matrix { dictionary.atoms }
  public var directions: Matrix { dictionary.directions }
  public var isSigned: Bool { dictionary.isSigned }
  /// The kind.
  public var kind: DictionaryKind {
    switch self {
    case .clusters: .kMeans
    case .factors: .nonNegative
    case .axes: .principal
    }
  }

  public func encode(_ rows: PointSet) throws(ConceptError) -> Matrix { try dictionary.encode(rows) }
  public func decode(_ coefficients: Matrix) throws(ConceptError) -> Matrix {
    try dictionary.decode(coefficients)
  }

  /// The coefficients of whole examples that are a row each, and so show all their concepts in it.
  ///
  /// - Throws: as encoding does.
  func mixture(_ rows: PointSet) throws(ConceptError) -> Matrix {
    switch self {
    case .clusters(let clusters): try clusters.mixture(rows)
    case .factors, .axes: try encode(rows)
    }
  }

  /// The concept of each row, and how far the row is from showing it best.
  ///
  /// A row belongs to its nearest centre; where concepts add up, to the one that adds most.
  ///
  /// - Throws: as encoding does.
  public func members(_ rows: PointSet) throws(ConceptError) -> ConceptMembership {
    switch self {
    case .clusters(let clusters):
      try clusters.check(rows)
      let labels = try clusters.model.assign(rows), centres = clusters.atoms
      let costs = labels.enumerated().map { row, label in
        zip(rows.row(row), centres.row(label)).reduce(0.0) { sum, pair in
          let difference = Double(pair.0) - pair.1
          return sum + difference * difference
        }.squareRoot()
      }
      return ConceptMembership(labels: labels, costs: costs)
    case .factors, .axes:
      let coefficients = try encode(rows)
      let lengths = (0..<conceptCount).map { atoms.row($0).reduce(0) { $0 + $1 * $1 }.squareRoot() }
      var (labels, costs) = ([Int](), [Double]())
      for row in 0..<rows.count {
        let parts = zip(coefficients.row(row), lengths).map { $0 * $1 }
        var best = 0
        for concept in parts.indices where parts[concept] > parts[best] { best = concept }
        labels.append(parts[best] > 0 ? best : -1)
        costs.append(-parts[best])
      }
      return ConceptMembership(labels: labels, costs: costs)
    }
  }
}

/// Which concept each row shows.
public struct ConceptMembership: Sendable, Hashable {
  /// The concept's place in the dictionary; −1 for a row that shows none.
  public let labels: [Int]
  /// What members of a concept are ordered by, the best first: the distance to the centre; where concepts add up, the
  /// length of the part that the concept adds, negative.
  public let costs: [Double]
}

extension PrincipalDictionary {
  /// Turns each component so that the sum of the cubes of its coefficients is not negative: the sign of a component
  /// means nothing, its far end does.
  fileprivate func facingItsExtremes(_ rows: PointSet) throws(ConceptError) -> PrincipalDictionary {
    let coefficients = try encode(rows)
    var atoms = atoms
    for concept in 0..<atoms.rowCount {
      var cubes = 0.0
      for row in 0..<rows.count {
        let value = coefficients[row, concept]
        cubes += value * value * value
      }
      guard cubes < 0 else { continue }
      for feature in 0..<atoms.columnCount { atoms[concept, feature] = -atoms[concept, feature] }
    }
    return PrincipalDictionary(atoms: atoms, mean: mean, explainedRatio: explainedRatio)
  }
}
