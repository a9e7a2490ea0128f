public import NoemaGraph
public import NoemaTensor

/// A few explanations that together show the features that matter most, without repeating themselves
/// (SP-LIME).
///
/// A feature's importance is `I_j = √(Σ_i |W_ij|)`, the coverage of a choice `c(V) = Σ_j I_j [some i ∈ V has
/// W_ij ≠ 0]`. Choosing greedily reaches at least `1 − 1/e` of the best coverage. Of explanations that add
/// the same, the first is taken.
///
/// - Source: Ribeiro et al., "Why Should I Trust You?", 2016, algorithm 2.
public struct SubmodularPick: Sendable, Hashable, Codable {
  /// How many explanations to pick.
  public var count: Int

  /// Makes a pick of 5 explanations unless told otherwise.
  public init(count: Int = 5) { self.count = count }

  /// What was picked.
  public struct Choice: Sendable, Hashable {
    /// The explanations' places, the one that covers most first.
    public var picked: [Int]
    /// The importance of each feature.
    public var importance: [Double]
    /// The share of all importance that is covered after each pick.
    public var coverage: [Double]
  }

  /// Picks among explanations whose features are the matrix's columns.
  ///
  /// - Throws: `GraphError.input` for a count below 1, no explanations, and weights that are not finite.
  public func callAsFunction(_ weights: Matrix) throws(GraphError) -> Choice {
    guard count >= 1 else {
      throw GraphError(.input("expected 1 or more explanations to pick, found \(count)"))
    }
    guard weights.rowCount > 0 else { throw GraphError(.input("there are no explanations to pick from")) }
    guard weights.elements.allSatisfy(\.isFinite) else {
      throw GraphError(.input("the explanations hold weights that are not finite"))
    }
    let importance = (0..<weights.columnCount).map { column in
      (0..<weights.rowCount).reduce(0) { $0 + abs(weights[$1, column]) }.squareRoot()
    }
    let total = importance.reduce(0, +)
    var isCovered = [Bool](repeating: false, count: weights.columnCount), covered = 0.0
    var choice = Choice(picked: [], importance: importance, coverage: [])
    var rest = Array(0..<weights.rowCount)
    while choice.picked.count < count, !rest.isEmpty {
      let gains = rest.map { row in
        importance.indices.reduce(0) { isCovered[$1] || weights[row, $1] == 0 ? $0 : $0 + importance[$1] }
      }
      let largest = gains.max() ?? 0, place = gains.firstIndex(of: largest) ?? 0
      let row = rest.remove(at: place)
      for column in importance.indices where weights[row, column] != 0 { isCovered[column] = true }
      covered += largest
      choice.picked.append(row)
      choice.coverage.append(total > 0 ? covered / total : 1)
    }
    return choice
  }

  /// Picks among local models, which share the features that say the same.
  ///
  /// - Returns: the choice, and the features in the order of its importances.
  /// - Throws: `GraphError.unsupported` for models whose features mean something else in every example, such
  ///   as segments of images; `.input` as the pick of a matrix does.
  public func callAsFunction(
    _ surrogates: [LocalSurrogate]
  ) throws(GraphError) -> (choice: Choice, features: [String]) {
    guard surrogates.allSatisfy({ $0.features.count == $0.coefficients.count }) else {
      throw GraphError(
        .unsupported(
          "the features of these models mean something else in every example; pick among tables' models"))
    }
    var places: [String: Int] = [:], features: [String] = []
    for feature in surrogates.flatMap(\.features) where places[feature] == nil {
      places[feature] = features.count
      features.append(feature)
    }
    var weights = Matrix(rowCount: surrogates.count, columnCount: features.count)
    for (row, surrogate) in surrogates.enumerated() {
      for (feature, coefficient) in zip(surrogate.features, surrogate.coefficients) {
        weights[row, places[feature]!] += abs(coefficient)
      }
    }
    return (try self(weights), features)
  }
}
