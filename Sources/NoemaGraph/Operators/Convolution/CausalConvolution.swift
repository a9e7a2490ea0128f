internal import NoemaTensor

/// A convolution of each channel over what came before, with the end of the sequence as state for the next one.
///
/// - Source: ONNX CausalConvWithState-27.
enum CausalConvolution {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("CausalConvWithState", opset: 27...ONNXBinding.newestOpset) { node in
      let x = try node.operand(0), weight = try node.operand(1)
      let shape = node.shape(of: x), kernel = node.shape(of: weight)
      guard shape.count == 3, kernel.count == 3, kernel[0] == shape[1], kernel[1] == 1, kernel[2] > 0 else {
        throw node.error("a kernel of shape \(kernel) does not fit sequences of shape \(shape)")
      }
      let reach = kernel[2] - 1
      let past = try node.optionalOperand(3) ?? node.zeros([shape[0], shape[1], reach], like: x)
      guard node.shape(of: past) == [shape[0], shape[1], reach] else {
        throw node.error(
          "a past state of shape \(node.shape(of: past)) does not fit a kernel of \(kernel[2])")
      }
      let whole = reach == 0 ? x : try node.joined([past, x], axis: 2)
      let bias = node.optionalOperand(2)
      let convolution = Convolution(
        window: Window(kernel: [kernel[2]]), groups: shape[1], hasBias: bias != nil)
      var y = try node.emit(convolution, [whole, weight] + (bias.map { [$0] } ?? []))[0]
      switch node.string("activation", default: "none") {
      case "none": break
      case "silu", "swish": y = try node.product(y, node.apply(.sigmoid, y))
      case let name: throw node.error("there is no activation \(name)")
      }
      return [y, try node.slice(whole, axis: 2, shape[2]..<shape[2] + reach)]
    }
  ]
}
