public import NoemaGraph
internal import NoemaTensor

/// What the biases of a network contribute to a class output, brought down to the elements of the input.
///
/// About an input, a network of rectifiers, maxima and linear layers is `f(x) = w · x + b`, with its gradient `w`.
/// `gradient × input` shares out `w · x`; this method shares out `b = Σ c · ∂f/∂y` over all biases `c` of nodes `y`,
/// from the output backward: what a unit holds goes to the inputs of its layer. Either part alone is half of the
/// account; together they sum to the output.
///
/// ```swift
/// let method = BiasAttribution(.proportional, includesGradient: true)
/// let attribution = try method.attributor(for: subject).attribute(inputs, classes: classes)
/// ```
///
/// - Complexity: one forward and two backward passes; with a softmax of contributions one exponential for each
///   multiplication of the layers besides.
/// - Source: Wang, Zhou and Bilmes, "Bias Also Matters: Bias Attribution for Deep Neural Network Explanation", 2019.
public struct BiasAttribution: AttributionMethod, Hashable, Codable {
  /// How layers share what their units hold.
  public var split: BiasSplit
  /// Whether `x · ∂f/∂x` is added, so that attributions sum to the output instead of to `b`.
  public var includesGradient: Bool
  /// Whether implicit biases count: what smooth activations, saturated clips, products, softmax and normalisations hold
  /// beyond their linearisations. Without, networks that have them are refused.
  public var countsImplicitBiases: Bool

  /// Makes the method; in proportion, without the gradient's part, and with implicit biases unless told otherwise.
  public init(
    _ split: BiasSplit = .proportional, includesGradient: Bool = false, countsImplicitBiases: Bool = true
  ) {
    self.split = split
    self.includesGradient = includesGradient
    self.countsImplicitBiases = countsImplicitBiases
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    Explained(
      method: self, subject: subject,
      runner: try BiasRunner(subject, countsImplicitBiases: countsImplicitBiases) {
        graph, _, decomposition throws(GraphError) in
        try add(to: &graph, decomposition)
      })
  }

  /// The attributions at each target, and without the gradient's part what that sums to.
  private func add(
    to graph: inout Graph, _ decomposition: BiasDecomposition
  ) throws(GraphError) -> [(name: String, value: Value)] {
    var shares = try graph.addBiasAttribution(of: decomposition, split: split)
    var total: Value?
    for (index, (target, gradient)) in zip(decomposition.targets, decomposition.gradients).enumerated() {
      let product = try graph.apply(Binary(.mul), target, gradient)
      if includesGradient {
        shares[index] = try graph.apply(Binary(.add), shares[index], product)
        continue
      }
      let sum = try graph.exampleSums(of: product)
      total = try total.map { other throws(GraphError) in try graph.apply(Binary(.add), other, sum) } ?? sum
    }
    var added: [(name: String, value: Value)] = []
    for (target, share) in zip(decomposition.targets, shares) {
      added.append(("attribution at \(graph.displayName(of: target))", share))
    }
    if let total { added.append(("gradient times input", total)) }
    return added
  }

  private struct Explained: Attributor {
    let method: BiasAttribution
    let subject: Subject
    let runner: BiasRunner

    var batchSize: Int { runner.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let (outputs, added) = try runner(inputs, classes: classes)
      if method.includesGradient {
        return Attribution(values: added, outputs: outputs, expectedSums: outputs)
      }
      let linear = added[added.count - 1].withElements(as: Float.self) { $0.map { Double($0) } }
      return Attribution(
        values: Array(added.dropLast()), outputs: outputs, expectedSums: zip(outputs, linear).map { $0 - $1 })
    }

    /// Of what biases contribute; a node's own bias is among what it received.
    func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace? {
      try BalanceTrace(
        ofBiases: subject, split: method.split, countsImplicit: method.countsImplicitBiases, inputs: inputs,
        classes: classes)
    }
  }
}
