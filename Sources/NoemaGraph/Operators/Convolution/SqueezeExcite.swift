internal import NoemaTensor

/// Channels weighted by what two 1×1 convolutions make of the means of all channels:
/// `x · gate(W₂ activation(W₁ mean(x) + b₁) + b₂)`.
///
/// - Shapes: `x [N, C, …]`, `W₁ [S, C, 1…]`, `b₁ [S]`, `W₂ [C, S, 1…]`, `b₂ [C] → [N, C, …]`.
/// - Source: Hu et al., Squeeze-and-Excitation Networks (2018), eq. 2 to 4.
public struct SqueezeExcite: Block {
  /// What follows the first convolution.
  public var activation: ScalarFunction
  /// What follows the second one.
  public var gate: ScalarFunction

  /// Makes a block.
  public init(activation: ScalarFunction, gate: ScalarFunction) {
    self.activation = activation
    self.gate = gate
  }

  public var relevanceRole: RelevanceRole { .product }

  public func expand(_ operands: [Value], in graph: inout Graph) throws(GraphError) -> Value {
    guard operands.count == 5, case let rank = graph.type(of: operands[0]).rank, rank >= 3 else {
      throw GraphError(.operands("expected an input of rank 3 or more and two convolutions' parameters"))
    }
    let convolution = Convolution(window: Window(kernel: Array(repeating: 1, count: rank - 2)), hasBias: true)
    let mean = try graph.apply(Reduction(.mean, axes: Array(2..<rank), keepsAxes: true), operands[0])
    let hidden = try graph.apply(Unary(activation), graph.apply(convolution, mean, operands[1], operands[2]))
    let weights = try graph.apply(Unary(gate), graph.apply(convolution, hidden, operands[3], operands[4]))
    return try graph.apply(Binary(.mul), operands[0], weights)
  }
}
