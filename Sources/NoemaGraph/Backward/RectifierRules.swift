/// What rectifiers pass backward in the two oldest maps of features.
///
/// - Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014; Springenberg et al.,
///   "Striving for Simplicity", 2015.
struct RectifierRule: BackwardRule {
  /// Whether what arrives where the rectifier is shut passes too.
  var ignoresInput: Bool

  var name: String { ignoresInput ? "deconvolution" : "guided" }

  func propagate(
    _ cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let signal = cotangents[0] else { return node.operands.map { _ in nil } }
    if ignoresInput { return [try graph.positivePart(signal)] }
    let slopes = try node.operation.pullback(of: cotangents, through: node, in: &graph)
    return [try slopes[0].map { slope throws(GraphError) in try graph.positivePart(slope) }]
  }
}

extension BackwardRules {
  /// Derivatives, but rectifiers (ReLU, clips from 0, leaky ReLU) pass what is positive, wherever they are open.
  ///
  /// - Source: Springenberg et al., "Striving for Simplicity", 2015.
  public static let guidedBackprop = rectified(ignoresInput: false)

  /// Derivatives, but rectifiers pass what is positive, whether they are open or not.
  ///
  /// - Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
  public static let deconvolution = rectified(ignoresInput: true)

  private static func rectified(ignoresInput: Bool) -> BackwardRules {
    BackwardRules { node, _ in
      guard let unary = node.operation as? Unary, unary.function.isRectifier else { return GradientRule() }
      return RectifierRule(ignoresInput: ignoresInput)
    }
  }
}

extension ScalarFunction {
  /// Whether it cuts off what is below 0, all or most of it.
  var isRectifier: Bool {
    switch self {
    case .relu: true
    case .leakyReLU(let slope): slope >= 0 && slope < 1
    case .clip(let lower, let upper): lower == 0 && upper > 0
    default: false
    }
  }
}

extension Graph {
  /// Whether the graph has a rectifier.
  public var hasRectifier: Bool {
    nodes.contains { ($0.operation as? Unary)?.function.isRectifier ?? false }
  }
}
