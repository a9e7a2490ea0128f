internal import NoemaTensor

/// How a local surrogate chooses its features.
///
/// - Source: Ribeiro et al., "Why Should I Trust You?", 2016, and the lime library's `feature_selection`.
public enum FeatureSelection: String, Sendable, Hashable, Codable, CaseIterable {
  /// All features.
  case all
  /// One after the other, each time the one that raises the weighted R² most.
  case forward = "forward-selection"
  /// Those whose ridge coefficient (penalty 0.01) times the example's value is largest.
  case highestWeights = "highest-weights"
  /// Those that are in at the last step of the lasso's path that holds no more than asked for.
  case lassoPath = "lasso-path"
  /// Forward selection up to 6 features, else the highest weights.
  case automatic = "auto"

  /// The columns chosen, ascending.
  ///
  /// - Parameters:
  ///   - count: how many at most.
  ///   - instance: the example's own row of the design.
  func columns(_ count: Int, of system: CentredSystem, instance: [Double]) throws(TensorError) -> [Int] {
    let all = Array(instance.indices)
    switch self {
    case .all: return all
    case .automatic:
      let method = count <= 6 ? FeatureSelection.forward : .highestWeights
      return try method.columns(count, of: system, instance: instance)
    case .forward: return Self.forward(count, of: system).sorted()
    case .highestWeights:
      let beta = try system.coefficients(penalty: 0.01, columns: all)
      let ranks = all.map { abs(beta[$0] * instance[$0]) }
      return all.sorted { ranks[$0] != ranks[$1] ? ranks[$0] > ranks[$1] : $0 < $1 }.prefix(count).sorted()
    case .lassoPath:
      let path = try LeastAngle(isLasso: true).path(gram: system.gram, moments: system.moments, limit: .max)
      return path.last { $0.active.count <= count }?.active.sorted() ?? []
    }
  }

  /// Greedy choice, with each column's part taken out of all others as it enters.
  private static func forward(_ count: Int, of system: CentredSystem) -> [Int] {
    var gram = system.gram, moments = system.moments, chosen: [Int] = []
    let scales = moments.indices.map { gram[$0, $0] }
    while chosen.count < min(count, moments.count) {
      var best: (column: Int, gain: Double)?
      for column in moments.indices where !chosen.contains(column) {
        // What is left of a column that others make up is rounding.
        let left = gram[column, column]
        let gain = left > 1e-10 * scales[column] && left > 0 ? moments[column] * moments[column] / left : 0
        if gain > best?.gain ?? -1 { best = (column, gain) }
      }
      guard let column = best?.column else { break }
      chosen.append(column)
      let pivot = gram[column, column]
      guard pivot > 1e-10 * scales[column], pivot > 0 else { continue }
      let row = Array(gram.row(column)), moment = moments[column]
      for i in moments.indices where row[i] != 0 {
        let factor = row[i] / pivot
        moments[i] -= factor * moment
        for j in moments.indices { gram[i, j] -= factor * row[j] }
      }
    }
    return chosen
  }
}

/// How perturbed examples become a local linear model.
public struct LocalFit: Sendable, Hashable, Codable {
  /// The largest number of features with a coefficient.
  public var features: Int
  /// How they are chosen.
  public var selection: FeatureSelection
  /// The ridge penalty.
  public var penalty: Double

  /// Makes a fit; the penalty is 1 and the choice automatic unless told otherwise.
  public init(features: Int, selection: FeatureSelection = .automatic, penalty: Double = 1) {
    self.features = features
    self.selection = selection
    self.penalty = penalty
  }
}
