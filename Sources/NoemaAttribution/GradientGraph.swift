public import NoemaGraph
internal import NoemaTensor

extension Network {
  /// The network with gradients of a class output as further outputs: a graph to run, or to write as ONNX.
  ///
  /// Its outputs are the explained output `[batch, classes]`, then one gradient for each value, shaped like it.
  ///
  /// - Parameters:
  ///   - values: ONNX names of hidden layers or inputs.
  ///   - index: the class; nil for a further input `cotangent`, `[batch, classes]`, with which the outputs are
  ///     weighted.
  ///   - scale: the scale of the class output.
  ///   - batch: the number of examples.
  ///   - shapes: input shapes by name where the file leaves more than the first axis open.
  /// - Throws: `GraphError` for unknown values and classes, and where no derivative passes.
  public func gradientGraph(
    at values: [String], class index: Int? = nil, scale: OutputScale = .logit, batch: Int = 1,
    shapes: [String: [Int]] = [:]
  ) throws(GraphError) -> Graph {
    var graph = try self.graph(batch: fixedBatch ?? batch, shapes: shapes)
    let hooks = try graph.values(named: values)
    let explained = try graph.explainedOutput(scale: scale)
    graph.outputs = [explained] + hooks
    try graph.apply(Pass.canonical)
    var seed: Value?
    if let index {
      let shape = graph.type(of: explained).shape
      try checkClasses([index], of: shape[1])
      let row = (0..<shape[1]).map { Float($0 == index ? 1 : 0) }
      let rows = Tensor(shape: shape, (0..<shape[0]).flatMap { _ in row })
      seed = graph.addConstant(rows.converted(to: graph.type(of: explained).element))
    }
    var back = try graph.backward(from: explained, seed: seed, to: hooks)
    let gradients = zip(values, back.cotangents)
    var found: [Value] = []
    for (name, gradient) in gradients {
      guard let gradient else {
        throw GraphError(.notDifferentiable("the output does not depend on '\(name)' through derivatives"))
      }
      found.append(gradient)
    }
    back.graph.outputs = [explained] + found
    try back.graph.apply(Pass.canonical)
    return back.graph
  }
}
