internal import NoemaTensor

/// The way of an example to its likeliest leaf: what each filter on it saw, and the leaf's distribution.
public struct SoftTreeExplanation: Sendable, Hashable, Codable {
  /// What a column adds to a filter's output.
  public struct Part: Sendable, Hashable, Codable {
    /// The index of the column.
    public let column: Int
    /// The column in words.
    public let text: String
    /// The filter's weight.
    public let weight: Double
    /// What the filter reads.
    public let input: Double

    /// `weight · input`.
    public var product: Double { weight * input }
  }

  /// A question on the way.
  public struct Step: Sendable, Hashable, Codable {
    /// The inner node.
    public let node: Int
    /// Whether the way goes right there.
    public let goesRight: Bool
    /// The chance of going the way that was taken.
    public let probability: Double
    /// The filter's bias.
    public let bias: Double
    /// What columns add, the largest product first; with the bias they add to the filter's output.
    public let parts: [Part]
  }

  /// The questions from the root on.
  public let steps: [Step]
  /// The leaf, numbered from 0 on the left.
  public let leaf: Int
  /// The chance of coming to the leaf: how much of the tree's answer the way tells.
  public let pathProbability: Double
  /// The leaf's distribution.
  public let distribution: [Double]

  /// The most probable class of the leaf.
  public var label: Int { SoftTree.greatest(distribution[...]) }
}

extension SoftTree {
  /// Explains an example by the way to its likeliest leaf.
  ///
  /// - Parameter values: one value a feature, NaN where missing.
  /// - Throws: `RuleError` when the values do not fit the features.
  public func explanation(of values: [Double]) throws(RuleError) -> SoftTreeExplanation {
    let table = try RuleTable(features: features, rows: [values])
    let routing = routing(of: table, rows: 0..<1)
    let leaf = SoftTree.greatest(routing.leaves.row(0))
    var way = [innerCount + leaf]
    while let node = way.last, node > 0 { way.append((node - 1) / 2) }
    way.reverse()
    let inputs = columns.map { $0.number(values[$0.feature]) }
    let steps = zip(way, way.dropFirst()).map { node, next in
      let (goesRight, right) = (next == 2 * node + 2, routing.right[0, node])
      return SoftTreeExplanation.Step(
        node: node, goesRight: goesRight, probability: goesRight ? right : 1 - right, bias: biases[node],
        parts: parts(of: node, inputs))
    }
    return SoftTreeExplanation(
      steps: steps, leaf: leaf, pathProbability: routing.leaves[0, leaf],
      distribution: distribution(ofLeaf: leaf))
  }

  private func parts(of node: Int, _ inputs: [Double]) -> [SoftTreeExplanation.Part] {
    zip(filter(of: node), inputs).enumerated().map { index, pair in
      SoftTreeExplanation.Part(
        column: index, text: columns[index].text(in: features), weight: pair.0, input: pair.1)
    }.sorted { (abs($1.product), $0.column) < (abs($0.product), $1.column) }
  }
}
