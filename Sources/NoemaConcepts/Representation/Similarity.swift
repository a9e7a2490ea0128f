internal import NoemaTensor

/// How alike the representations of layers are, of one network or of two.
public struct Similarity: Sendable {
  /// A measure of likeness; 1 for layers that are the same.
  public enum Measure: String, Sendable, Codable, CaseIterable {
    /// Linear centred kernel alignment, biased towards 1 when examples are few.
    case alignment = "cka"
    /// Linear centred kernel alignment by unbiased estimators.
    case unbiasedAlignment = "cka-unbiased"
    /// The mean canonical correlation.
    case canonicalCorrelation = "cca"
    /// The mean canonical correlation of the directions that hold most of the variance.
    case singularVectorCorrelation = "svcca"
    /// As `svcca`, weighted by what each variate holds of the row's layer; not symmetric.
    case projectionWeightedCorrelation = "pwcca"
    /// One minus half the squared distance after the best rotation.
    case procrustes

    var isAlignment: Bool { self == .alignment || self == .unbiasedAlignment }
  }

  /// What is measured; nil for alignment, unbiased when there are fewer than two examples per feature.
  public var measure: Measure?
  /// The share of variance that `svcca` and `pwcca` keep of each layer.
  public var keptVariance = 0.99
  /// How many examples per direction canonical correlations ask for; they tend to 1 with fewer.
  public var examplesPerDirection = 10.0
  /// How many half-samples give the 95 % interval of an alignment; 0 for none.
  public var resamples = 0
  /// How many permutations give the p value of an alignment; 0 for none.
  public var permutations = 0
  /// The seed of half-samples and permutations.
  public var seed: UInt64 = 0

  /// Makes a comparison.
  public init(_ measure: Measure? = nil) { self.measure = measure }

  /// Compares each layer of a network with each.
  ///
  /// - Throws: as `matrix(_:with:)`.
  public func matrix(_ layers: [Representation]) throws -> SimilarityMatrix { try matrix(layers, with: nil) }

  /// Compares each layer of one network with each of another, on the same examples in the same order.
  ///
  /// - Throws: `ConceptError.mismatch` when examples differ; `.parameters` for examples too few for canonical
  ///   correlations and for intervals of other measures than alignment; `.tooFew` for unbiased alignment of fewer
  ///   than 4 examples; `.algebra`.
  public func matrix(_ rows: [Representation], with others: [Representation]) throws -> SimilarityMatrix {
    try matrix(rows, with: Optional(others))
  }

  private func matrix(_ rows: [Representation], with others: [Representation]?) throws -> SimilarityMatrix {
    let columns = others ?? rows
    let all = rows + (others ?? [])
    guard let first = all.first, !columns.isEmpty, !rows.isEmpty else {
      throw ConceptError(.parameters("there are no layers to compare"))
    }
    try check(all)
    let n = first.exampleCount
    let widest = all.map(\.featureCount).max() ?? 0
    let measure = self.measure ?? (n < 2 * widest ? .unbiasedAlignment : .alignment)
    var result = SimilarityMatrix(
      measure: measure, rows: rows.map(\.name), columns: columns.map(\.name), exampleCount: n,
      keptVariance: measure == .singularVectorCorrelation || measure == .projectionWeightedCorrelation
        ? keptVariance : 1,
      values: rows.map { _ in columns.map { _ in .nan } }, intervals: nil, pValues: nil, notes: [])
    var constant: [String] = []
    for layer in all where layer.isConstant && !constant.contains(layer.name) { constant.append(layer.name) }
    result.notes = constant.map { "\($0): zero variance, so nothing is similar to it" }
    if measure.isAlignment {
      try align(rows, others, unbiased: measure == .unbiasedAlignment, into: &result)
    } else {
      guard resamples == 0, permutations == 0 else {
        throw ConceptError(
          .parameters("intervals and p values exist for cka only, not for \(measure.rawValue)"))
      }
      try correlate(rows, others, measure, into: &result)
    }
    return result
  }

  /// Refuses layers that did not see the same examples.
  private func check(_ layers: [Representation]) throws(ConceptError) {
    let first = layers[0]
    for layer in layers.dropFirst() {
      guard layer.exampleCount == first.exampleCount else {
        throw ConceptError(
          .mismatch(
            "\(layer.exampleCount) examples, but \(first.name) has \(first.exampleCount); compare layers on the same"
          ),
          at: layer.name)
      }
      if let key = layer.exampleKey, let other = first.exampleKey, key != other {
        throw ConceptError(
          .mismatch(
            "its examples are not those of \(first.name), or in another order; read both on one list"),
          at: layer.name)
      }
    }
    guard keptVariance > 0, keptVariance <= 1, resamples >= 0, permutations >= 0 else {
      throw ConceptError(
        .parameters(
          "the variance kept must lie in (0, 1] and counts must not be negative, found \(keptVariance), "
            + "\(resamples) and \(permutations)"))
    }
  }

  private func align(
    _ rows: [Representation], _ others: [Representation]?, unbiased: Bool, into result: inout SimilarityMatrix
  ) throws(ConceptError) {
    let needed = unbiased ? 4 : 2
    guard result.exampleCount >= needed else {
      throw ConceptError(.tooFew(set: "the list of examples", found: result.exampleCount, needed: needed))
    }
    let prepared = rows.map { KernelAlignment.prepare($0.gram, unbiased: unbiased) }
    let otherPrepared = others?.map { KernelAlignment.prepare($0.gram, unbiased: unbiased) } ?? prepared
    let columns = others ?? rows
    let random = RandomNumbers(seed: seed)
    let unknown = columns.map { _ in Double.nan }
    if resamples > 0 { result.intervals = rows.map { _ in columns.map { _ in [.nan, .nan] } } }
    if permutations > 0 { result.pValues = rows.map { _ in unknown } }
    for i in rows.indices where !rows[i].isConstant {
      for j in columns.indices where !columns[j].isConstant {
        // Symmetric halves are copied; drawing them again would differ by chance.
        if others == nil, j < i {
          result.values[i][j] = result.values[j][i]
          if let value = result.intervals?[j][i] { result.intervals?[i][j] = value }
          if let value = result.pValues?[j][i] { result.pValues?[i][j] = value }
          continue
        }
        let value = others == nil && i == j ? 1 : KernelAlignment.cosine(prepared[i], otherPrepared[j])
        result.values[i][j] = value
        var generator = random.split(i * columns.count + j)
        if resamples > 0 {
          result.intervals?[i][j] = KernelAlignment.interval(
            rows[i].gram, columns[j].gram, estimate: value, unbiased: unbiased, resamples: resamples,
            using: &generator)
        }
        if permutations > 0 {
          result.pValues?[i][j] = KernelAlignment.pValue(
            prepared[i], otherPrepared[j], permutations: permutations, using: &generator)
        }
      }
    }
  }

  private func correlate(
    _ rows: [Representation], _ others: [Representation]?, _ measure: Measure,
    into result: inout SimilarityMatrix
  ) throws {
    let first = try rows.map { try directions($0, measure) }
    let second = try others?.map { try directions($0, measure) } ?? first
    let columns = others ?? rows
    for i in rows.indices where !rows[i].isConstant {
      for j in columns.indices where !columns[j].isConstant {
        if measure == .procrustes {
          result.values[i][j] = try Procrustes.similarity(first[i], second[j])
        } else {
          let correlation = try CanonicalCorrelation(first[i], second[j])
          result.values[i][j] =
            measure == .projectionWeightedCorrelation
            ? try correlation.projectionWeighted(rows[i].features) : correlation.mean
        }
      }
    }
  }

  /// The directions of a layer that a measure compares; errors when there are too few examples for them.
  private func directions(_ layer: Representation, _ measure: Measure) throws -> Representation.Directions {
    guard !layer.isConstant else {
      return .init(left: Matrix(rowCount: layer.exampleCount, columnCount: 0), values: [])
    }
    let all = try layer.directions()
    if measure == .procrustes { return all }
    let kept = measure == .canonicalCorrelation ? all : all.truncated(toVariance: keptVariance)
    let (n, rank) = (layer.exampleCount, kept.values.count)
    guard n > rank + 1 else {
      throw ConceptError(
        .parameters(
          "\(n) examples for \(rank) directions make every canonical correlation 1; add examples, keep less variance "
            + "or use cka"), at: layer.name)
    }
    guard Double(n) >= examplesPerDirection * Double(rank) else {
      throw ConceptError(
        .parameters(
          "\(n) examples for \(rank) directions are fewer than \(examplesPerDirection) each, which pushes canonical "
            + "correlations to 1; add examples, keep less variance, ask for fewer or use cka"), at: layer.name
      )
    }
    return kept
  }
}
