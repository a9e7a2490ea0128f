internal import NoemaTensor

/// What onnxruntime's optimiser fuses, taken apart again; and activations that are formulas.
///
/// - Source: ONNX Swish-24, Shrink-9; onnxruntime's FusedConv, FusedGemm, FusedMatMul, Gelu, FastGelu, BiasGelu
///   and QuickGelu, domain `com.microsoft`, version 1.
enum Fused {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Swish", opset: 24...ONNXBinding.newestOpset) { node in
      [try swish(node.operand(0), node.float("alpha", default: 1), node)]
    },
    ONNXBinding("SwiGLU", opset: 28...ONNXBinding.newestOpset) { node in
      guard try node.type(0).shape == node.type(1).shape else {
        throw node.error("gate and value differ in shape; they do not broadcast")
      }
      return [
        try node.product(swish(node.operand(0), node.float("alpha", default: 1), node), node.operand(1))
      ]
    },
    ONNXBinding("Shrink", opset: 9...ONNXBinding.newestOpset) { node in
      let x = try node.operand(0), bound = node.float("lambd", default: 0.5),
        bias = node.float("bias", default: 0)
      func compare(_ function: Comparison.Function, _ number: Double) throws -> Value {
        try node.emit(Comparison(function: function), x, node.scalar(number, like: x))
      }
      let above = try node.emit(
        Select(), compare(.greater, bound), node.shifted(x, by: -bias), node.scalar(0, like: x))
      return [try node.emit(Select(), compare(.less, -bound), node.shifted(x, by: bias), above)]
    },
    ONNXBinding("QuickGelu", domain: "com.microsoft") { node in
      [try swish(node.operand(0), node.float("alpha", default: 1.702), node)]
    },
    ONNXBinding("Gelu", domain: "com.microsoft") { node in [try node.apply(.gelu, node.operand(0))] },
    ONNXBinding("BiasGelu", domain: "com.microsoft") { node in
      [try node.apply(.gelu, node.sum(node.operand(0), node.operand(1)))]
    },
    ONNXBinding("FastGelu", domain: "com.microsoft") { node in
      [try node.apply(.tanhGELU, node.sum(node.operand(0), orNone: node.optionalOperand(1)))]
    },
    ONNXBinding("FusedMatMul", domain: "com.microsoft") { node in
      guard node.int("transBatchA", default: 0) == 0, node.int("transBatchB", default: 0) == 0 else {
        throw node.unsupported("transposed batch axes are not supported")
      }
      // The axes of a vector have nothing to exchange.
      func isTransposed(_ index: Int, _ key: String) throws -> Bool {
        guard try node.rank(index) >= 2 else { throw node.unsupported("vectors are not supported") }
        return node.int(key, default: 0) != 0
      }
      let product = try MatMul(
        transposesLeft: isTransposed(0, "transA"), transposesRight: isTransposed(1, "transB"))
      return [
        try node.scaled(
          node.emit(product, node.operand(0), node.operand(1)), by: node.float("alpha", default: 1))
      ]
    },
    ONNXBinding("FusedConv", domain: "com.microsoft") { node in
      let y = try node.sum(Convolution.convolution(node), orNone: node.optionalOperand(3))
      return [try activated(y, node.floats("activation_params") ?? [], node)]
    },
    ONNXBinding("FusedGemm", domain: "com.microsoft") { node in
      let parameters = ["activation_alpha", "activation_beta"].filter(node.has).map {
        node.float($0, default: 0)
      }
      return [try activated(MatMul.gemm(node)[0], parameters, node)]
    },
  ]

  private static func swish(_ x: Value, _ alpha: Double, _ node: NodeReader) throws -> Value {
    try node.apply(.swish(alpha: alpha), x)
  }

  /// The activation that a fused node ends with.
  private static func activated(_ x: Value, _ parameters: [Double], _ node: NodeReader) throws -> Value {
    func parameter(_ index: Int, _ value: Double) -> Double {
      parameters.indices.contains(index) ? parameters[index] : value
    }
    switch node.string("activation", default: "") {
    case "": return x
    case "Relu": return try node.apply(.relu, x)
    case "Sigmoid": return try node.apply(.sigmoid, x)
    case "Tanh": return try node.apply(.tanh, x)
    case "LeakyRelu": return try node.apply(.leakyReLU(slope: parameter(0, 0.01)), x)
    case "Clip":
      return try node.apply(.clip(lower: parameter(0, -.infinity), upper: parameter(1, .infinity)), x)
    case "HardSigmoid":
      return try node.apply(.hardSigmoid(alpha: parameter(0, 0.2), beta: parameter(1, 0.5)), x)
    case let other: throw node.unsupported("the fused activation '\(other)' is not supported")
    }
  }
}
