internal import Foundation
public import NoemaTensor

/// A probe of several classes as a value: one linear score a class of a layer's features.
///
/// ``ProbeStudy`` says how well classes can be read off a layer; this is the reader.
public struct FittedProbe: Sendable, Hashable {
  /// The classes.
  public let classes: [String]
  /// `[features, classes]`.
  public let weights: Matrix
  /// One a class; minus infinity for a class that training did not show.
  public let intercepts: [Double]

  /// The number of features that it reads.
  public var featureCount: Int { weights.rowCount }

  /// Fits a probe.
  ///
  /// - Parameters:
  ///   - family: the kind of probe; of ``ProbeStudy/Family/logistic`` the ``probabilities(_:)`` are fitted as such.
  ///   - features: `[examples, features]`, read into memory.
  ///   - labels: the class of each example.
  ///   - seed: of what is held out to choose a penalty.
  /// - Throws: `ConceptError.parameters` for fewer than two classes with examples, `.mismatch` when counts differ,
  ///   `.notFinite`, `.algebra`, and what reading a block throws.
  public init(
    _ family: ProbeStudy.Family = .logistic, features: some FeatureMatrix, labels: ProbeLabels,
    seed: UInt64 = 0
  ) throws {
    guard labels.indices.count == features.rowCount else {
      throw ConceptError(
        .mismatch("\(labels.indices.count) labels for \(features.rowCount) examples; give one for each"))
    }
    guard labels.counts.count(where: { $0 > 0 }) > 1 else {
      throw ConceptError(.parameters("all examples are of one class; a probe needs two classes or more"))
    }
    let basis = try SpectralBasis(
      try features.block(rows: 0..<features.rowCount, columns: 0..<features.columnCount))
    let fitted = try family.probe(seed: seed).fit(
      basis, labels.indices, classCount: labels.classes.count, penalty: nil, groups: labels.groups)
    let scores = basis.inFeatures(fitted)
    (classes, weights, intercepts) = (labels.classes, scores.weights, scores.intercepts)
  }

  /// The scores of rows of features, `[rows, classes]`.
  ///
  /// - Precondition: the rows have as many features as the probe.
  public func scores(_ rows: Matrix) -> Matrix {
    precondition(
      rows.columnCount == featureCount, "\(rows.columnCount) features, the probe reads \(featureCount)")
    return LinearScores(weights: weights, intercepts: intercepts, penalty: 0).scores(rows)
  }

  /// The softmax of the scores, `[rows, classes]`.
  ///
  /// - Precondition: as ``scores(_:)``.
  public func probabilities(_ rows: Matrix) -> Matrix {
    var result = scores(rows)
    let width = result.columnCount
    for row in 0..<result.rowCount {
      let places = row * width..<(row + 1) * width
      let top = result.elements[places].max() ?? 0
      for place in places { result.elements[place] = exp(result.elements[place] - top) }
      let sum = result.elements[places].reduce(0, +)
      for place in places { result.elements[place] /= sum }
    }
    return result
  }
}
