public import NoemaTensor

extension Graph {
  /// Runs the graph by its reference kernels, node by node: slow, clear, in any float type.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per graph input.
  ///   - type: the float type that inputs and constants are converted to.
  /// - Returns: one tensor per output.
  public func interpreted(_ inputs: [Tensor], as type: ElementType = .float32) throws -> [Tensor] {
    guard inputs.count == self.inputs.count else {
      throw GraphError(.input("expected \(self.inputs.count) inputs, found \(inputs.count)"))
    }
    func cast(_ tensor: Tensor) -> Tensor { tensor.elementType.isFloat ? tensor.converted(to: type) : tensor }
    var values = constants.mapValues(cast)
    for (value, tensor) in zip(self.inputs, inputs) { values[value] = cast(tensor) }
    for node in nodes {
      var operation = node.operation
      if let conversion = operation as? Cast, conversion.type.isFloat { operation = Cast(to: type) }
      let results = try operation.evaluate(node.operands.map { values[$0]! })
      for (value, tensor) in zip(node.results, results) { values[value] = tensor }
    }
    return outputs.map { values[$0]! }
  }
}
