internal import NoemaTensor

/// What one node adds to an output besides what passes through it linearly.
///
/// With `y = Jx + c`, where `J` is the derivative of the node's result `y` by its operands `x`, that is
/// `c · ∂f/∂y`, element by element.
public struct BiasTerm: Sendable {
  /// The node.
  public var node: Node
  /// The node's result.
  public var result: Value
  /// `c · ∂f/∂y`, shaped like the result.
  public var product: Value
  /// Whether `c` is the curvature of a function, instead of a constant that is added.
  public var isImplicit: Bool
}

/// An output as a sum: `f(x) = Σ x · ∂f/∂x + Σ c · ∂f/∂y`, over the targets and over the bias terms.
///
/// - Source: Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", 2019, who call the
///   terms of functions that are not homogeneous implicit biases.
public struct BiasDecomposition: Sendable {
  /// The output.
  public var start: Value
  /// The values that `x` stands for.
  public var targets: [Value]
  /// `∂f/∂x` at each of them.
  public var gradients: [Value]
  /// The bias terms, from the output backward.
  public var terms: [BiasTerm]
  /// The nodes of the network.
  let path: [Node]
  /// The values that a derivative ties to the targets, these included; all others count as constants.
  let data: Set<Value>
}

extension Graph {
  /// Adds the derivatives of an output, and what the nodes on the way add to it.
  ///
  /// Constants count: biases of layers, shifts of batch normalisations, operands of additions, paddings, joined or
  /// selected constants, and everything else that no derivative ties to the targets. So do implicit biases `y − Jx`
  /// of what is not homogeneous of degree 1: saturated clips, smooth activations, products of two values (`−ab`),
  /// softmax, normalisations, attention. The sum is then the output, for any network that has derivatives.
  ///
  /// - Parameters:
  ///   - start: the output.
  ///   - seed: its cotangent, such as a one-hot choice of a class.
  ///   - targets: inputs or hidden values, none computed from another.
  ///   - countsImplicit: whether implicit biases count.
  /// - Throws: `GraphError.unsupported` that names a node with an implicit bias where these do not count,
  ///   `GraphError.notDifferentiable` for targets that the output does not depend on.
  public mutating func addBiasDecomposition(
    of start: Value, seed: Value, at targets: [Value], countsImplicit: Bool = true
  ) throws(GraphError) -> BiasDecomposition {
    let path = nodes
    let back = try backward(from: start, seed: seed, to: targets, through: path)
    self = back.graph
    var gradients: [Value] = []
    for (target, gradient) in zip(targets, back.cotangents) {
      guard let gradient else {
        throw GraphError(
          .notDifferentiable("the output does not depend on '\(displayName(of: target))' through derivatives")
        )
      }
      gradients.append(gradient)
    }
    var data = Set(targets)
    for step in back.steps.reversed() where step.passed.contains(where: { data.contains($0.value) }) {
      if let inner = step.node.results.first(where: targets.contains) {
        throw GraphError(
          .input(
            "'\(displayName(of: inner))' is computed from another value that is explained; name one of them"))
      }
      data.formUnion(step.node.results)
    }
    let finder = BiasFinder(data: data, isGuarded: holdsExtremes)
    var terms: [BiasTerm] = []
    for step in back.steps where step.node.results.contains(where: data.contains) {
      for (result, gradient) in step.received {
        let term: BiasTerm?
        do {
          term = try finder.term(of: result, by: step.node, gradient, countsImplicit, in: &self)
        } catch {
          throw error.at("\(step.node.operation.name) node '\(step.node.name)'")
        }
        if let term { terms.append(term) }
      }
    }
    return BiasDecomposition(
      start: start, targets: targets, gradients: gradients, terms: terms, path: path, data: data)
  }

  /// Whether there are constants such as masks of −∞, whose products with derivatives of 0 are no numbers.
  private var holdsExtremes: Bool {
    constants.values.contains { $0.elementType.isFloat && $0.holdsExtremes }
      || nodes.contains { ($0.operation as? Pad).map { !$0.fill.isFinite } ?? false }
  }
}

extension Tensor {
  /// Whether an element is infinite, NaN, or so large that sums of a few may be.
  fileprivate var holdsExtremes: Bool {
    elementType == .float64
      ? !withElements(as: Double.self) { $0.allSatisfy { $0.magnitude < 1e30 } }
      : !converted(to: .float32).withElements(as: Float.self) { $0.allSatisfy { $0.magnitude < 1e30 } }
  }
}
